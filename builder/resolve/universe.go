package resolve

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/basal-project/basal/builder/debian"
	"github.com/basal-project/basal/specs"
)

// candidate is a package of an index.
type candidate struct {
	debian.Package
	index    int // in the request's list
	provides []debian.Relation
	depends  []dependency
}

// dependency is one group of a package that must be met.
type dependency struct {
	pre   bool // from Pre-Depends
	group debian.Group
}

// universe is what is known so far of a platform's indexes: everything about
// the names that were asked for, nothing about others.
type universe struct {
	arch      string // Debian's name
	indexes   []Index
	byName    map[string][]*candidate // newest first; present for every name that was looked for
	providers map[string][]string     // names of packages that may provide a name, sorted
}

func newUniverse(arch string, indexes []Index) *universe {
	return &universe{arch: arch, indexes: indexes, byName: map[string][]*candidate{}, providers: map[string][]string{}}
}

// load reads what the indexes say about the given names: packages so called,
// and packages that provide them. Those are loaded too, to see whether their
// newest version still does.
func (u *universe) load(names []string) error {
	providers, err := u.scan(names)
	if err != nil {
		return err
	}
	_, err = u.scan(providers)
	return err
}

// scan is one pass over the indexes for the names that are new. It returns the
// packages that provide one of them.
func (u *universe) scan(names []string) (providers []string, err error) {
	wanted := map[string]bool{}
	for _, name := range names {
		if _, ok := u.byName[name]; !ok {
			wanted[name] = true
			u.byName[name] = nil
		}
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	for i := range u.indexes {
		if err := u.scanIndex(i, wanted); err != nil {
			return nil, err
		}
	}
	for name := range wanted {
		slices.SortStableFunc(u.byName[name], func(a, b *candidate) int { return b.Version.Compare(a.Version) })
		slices.Sort(u.providers[name])
		u.providers[name] = slices.Compact(u.providers[name])
		providers = append(providers, u.providers[name]...)
	}
	return providers, nil
}

func (u *universe) scanIndex(i int, wanted map[string]bool) (err error) {
	r, err := u.indexes[i].Open()
	if err != nil {
		return err
	}
	defer r.Close()
	want := func(name, provides []byte) bool { return wanted[string(name)] || providesAny(provides, wanted) }
	for p, err := range debian.Records(r, want) {
		if err != nil {
			return fmt.Errorf("index of %s: %w", u.indexes[i].label(), err)
		}
		if p.Architecture != u.arch && p.Architecture != "all" {
			continue
		}
		c, err := parse(p, i)
		if err != nil {
			return fmt.Errorf("index of %s: package %s: %w", u.indexes[i].label(), p.Name, err)
		}
		if wanted[p.Name] {
			u.byName[p.Name] = append(u.byName[p.Name], c)
		}
		for _, v := range c.provides {
			if wanted[v.Name] && v.Name != p.Name {
				u.providers[v.Name] = append(u.providers[v.Name], p.Name)
			}
		}
	}
	return nil
}

// providesAny reports whether a Provides field holds one of the names. It is
// asked for every package of an archive, so it only looks at first words.
func providesAny(provides []byte, wanted map[string]bool) bool {
	for len(provides) > 0 {
		var item []byte
		item, provides, _ = bytes.Cut(provides, []byte{','})
		item = bytes.TrimLeft(item, " ")
		if end := bytes.IndexAny(item, " (:"); end >= 0 {
			item = item[:end]
		}
		if wanted[string(item)] {
			return true
		}
	}
	return false
}

func parse(p debian.Package, index int) (*candidate, error) {
	c := &candidate{Package: p, index: index}
	var err error
	if c.provides, err = debian.ParseProvides(p.Provides); err != nil {
		return nil, err
	}
	for _, f := range []struct {
		text string
		pre  bool
	}{{p.PreDepends, true}, {p.Depends, false}} {
		groups, err := debian.ParseDepends(f.text)
		if err != nil {
			return nil, err
		}
		for _, g := range groups {
			c.depends = append(c.depends, dependency{f.pre, g})
		}
	}
	return c, nil
}

// newest returns the newest package of that name, nil if there is none.
func (u *universe) newest(name string) *candidate {
	if all := u.byName[name]; len(all) > 0 {
		return all[0]
	}
	return nil
}

// present returns a package that is already there. What it provides is read
// from the index: from its own version, or from the newest when that has left
// the archive.
func (u *universe) present(p specs.LockedPackage) (*candidate, error) {
	v, err := debian.ParseVersion(p.Version)
	if err != nil {
		return nil, fmt.Errorf("package %s that is already present: %w", p.Name, err)
	}
	c := &candidate{Package: debian.Package{Name: p.Name, Version: v, Architecture: p.Architecture}}
	if known := u.newest(p.Name); known != nil {
		c.provides = known.provides
	}
	for _, known := range u.byName[p.Name] {
		if known.Version.Compare(v) == 0 {
			c.provides = known.provides
		}
	}
	return c, nil
}

// meets reports whether c satisfies the alternative r on architecture arch
// (Policy, sections 7.1 and 7.5). A name that is provided without a version
// meets only what asks for no version.
func (c *candidate) meets(r debian.Relation, arch string) bool {
	if r.Arch != "" && r.Arch != "any" && r.Arch != "native" && r.Arch != arch {
		return false
	}
	if c.Name == r.Name && r.Allows(c.Version) {
		return true
	}
	return slices.ContainsFunc(c.provides, func(p debian.Relation) bool {
		return p.Name == r.Name && (r.Op == debian.Any || p.Op == debian.Equal && r.Allows(p.Version))
	})
}

// locked returns c as it stands in a lock.
func (c *candidate) locked(indexes []Index) Package {
	ix := indexes[c.index]
	return Package{SHA512: c.SHA512, LockedPackage: specs.LockedPackage{
		Name: c.Name, Version: c.Version.String(), Architecture: c.Architecture, Source: c.Source,
		Archive: ix.Archive, Suite: ix.Suite, Component: ix.Component, Path: c.Path, Size: c.Size, SHA256: c.SHA256,
	}}
}

// label names an index for a person.
func (ix Index) label() string { return ix.Suite + " " + ix.Component }
