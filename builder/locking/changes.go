package locking

import (
	"slices"
	"strings"

	"github.com/basal-project/basal/specs"
)

// Change is a package that differs between two locks.
type Change struct {
	Package   string           `json:"package"`
	Before    string           `json:"before,omitempty"`  // version; empty when it was not there
	After     string           `json:"after,omitempty"`   // version; empty when it is gone
	Rebuilt   bool             `json:"rebuilt,omitempty"` // the version is the same and the .deb is not
	Platforms []specs.Platform `json:"platforms"`
}

// Changes compares the packages of two locks, platform by platform; before may
// be nil. Equal changes on several platforms are one. They are sorted by name.
func Changes(before, after *specs.Lock) []Change {
	var all []Change
	note := func(c Change, p specs.Platform) {
		i := slices.IndexFunc(all, func(o Change) bool {
			return o.Package == c.Package && o.Before == c.Before && o.After == c.After && o.Rebuilt == c.Rebuilt
		})
		if i < 0 {
			i = len(all)
			all = append(all, c)
		}
		all[i].Platforms = append(all[i].Platforms, p)
	}
	for _, now := range after.Platforms {
		old := packagesOf(before, now.Platform)
		for _, pkg := range now.Packages {
			was, known := take(&old, pkg.Name)
			switch {
			case !known:
				note(Change{Package: pkg.Name, After: pkg.Version}, now.Platform)
			case was.Version != pkg.Version || was.SHA256 != pkg.SHA256:
				note(Change{Package: pkg.Name, Before: was.Version, After: pkg.Version, Rebuilt: was.Version == pkg.Version}, now.Platform)
			}
		}
		for _, gone := range old {
			note(Change{Package: gone.Name, Before: gone.Version}, now.Platform)
		}
	}
	slices.SortStableFunc(all, func(a, b Change) int { return strings.Compare(a.Package, b.Package) })
	return all
}

func packagesOf(lock *specs.Lock, p specs.Platform) []specs.LockedPackage {
	if lock == nil {
		return nil
	}
	section, ok := lock.Platform(p)
	if !ok {
		return nil
	}
	return slices.Clone(section.Packages)
}

// take removes a package from a list and returns it.
func take(list *[]specs.LockedPackage, name string) (specs.LockedPackage, bool) {
	i := slices.IndexFunc(*list, func(p specs.LockedPackage) bool { return p.Name == name })
	if i < 0 {
		return specs.LockedPackage{}, false
	}
	p := (*list)[i]
	*list = slices.Delete(*list, i, i+1)
	return p, true
}
