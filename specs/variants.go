package specs

import (
	"fmt"
	"maps"
	"slices"

	"github.com/basal-project/basal/internal/canonjson"
	"github.com/basal-project/basal/internal/digest"
)

// Canonical returns the spec's canonical parsed form, whose digest tells whether
// a lock is stale. Two files that mean the same have the same canonical form.
func (s *Spec) Canonical() ([]byte, error) { return canonjson.Marshal(s) }

// VariantNames returns the names of all variants: Latest first, then the others
// sorted.
func (s *Spec) VariantNames() []string {
	return append([]string{Latest}, slices.Sorted(maps.Keys(s.Variants))...)
}

// PatchOrder returns the variants whose patches make up variant, in the order in
// which they are applied: depth first along With, each once, variant itself
// last. For Latest it is empty. An unknown variant and a circle are errors.
func (s *Spec) PatchOrder(variant string) ([]string, error) {
	if variant == Latest {
		return nil, nil
	}
	var order []string
	const open, done = 1, 2
	state := map[string]int{}
	var visit func(name string) error
	visit = func(name string) error {
		patch, ok := s.Variants[name]
		switch {
		case !ok:
			return fmt.Errorf("there is no variant %q, want one of %s", name, orList(s.VariantNames()))
		case state[name] == open:
			return fmt.Errorf("variant %q comes back to itself through with", name)
		case state[name] == done:
			return nil
		}
		state[name] = open
		for _, w := range patch.With {
			if err := visit(w); err != nil {
				return err
			}
		}
		state[name] = done
		order = append(order, name)
		return nil
	}
	if err := visit(variant); err != nil {
		return nil, err
	}
	return order, nil
}

// Merge returns c with what over sets on top. Maps are merged key by key; a list
// that is not nil replaces c's, so that an empty one clears it. The result
// shares no map with c or over.
func (c Config) Merge(over Config) Config {
	return Config{
		User:        first(over.User, c.User),
		Env:         mergeMaps(c.Env, over.Env),
		Entrypoint:  firstList(over.Entrypoint, c.Entrypoint),
		Cmd:         firstList(over.Cmd, c.Cmd),
		Workdir:     first(over.Workdir, c.Workdir),
		Labels:      mergeMaps(c.Labels, over.Labels),
		Annotations: mergeMaps(c.Annotations, over.Annotations),
		Ports:       firstList(over.Ports, c.Ports),
		Volumes:     firstList(over.Volumes, c.Volumes),
		StopSignal:  first(over.StopSignal, c.StopSignal),
	}
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func firstList(a, b []string) []string {
	if a != nil {
		return a
	}
	return b
}

func mergeMaps(under, over map[string]string) map[string]string {
	if len(under)+len(over) == 0 {
		return nil
	}
	m := make(map[string]string, len(under)+len(over))
	maps.Copy(m, under)
	maps.Copy(m, over)
	return m
}

// Programs returns the Go programs of the spec and of all its variants.
func (s *Spec) Programs() []Program {
	list := slices.Clone(s.Go)
	for _, v := range slices.Sorted(maps.Keys(s.Variants)) {
		list = append(list, s.Variants[v].Go...)
	}
	return list
}

// ProgramPackages returns the packages of all Go programs, as the spec writes
// them: sorted, each once.
func (s *Spec) ProgramPackages() []string {
	var list []string
	for _, p := range s.Programs() {
		list = append(list, p.Package)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// InputFiles returns the files that a build reads, beside the spec or behind a
// URL, as the spec writes them: sorted, each once. They are a lock's inputs.
func (s *Spec) InputFiles() []string {
	var list []string
	add := func(files []File) {
		for _, f := range files {
			if f.Source != "" {
				list = append(list, f.Source)
			}
		}
	}
	add(s.Files)
	for _, p := range s.Variants {
		add(p.Files)
	}
	if s.Certificates != nil {
		list = append(list, s.Certificates.Add...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// InputDigests returns the digests that the spec asks of a file that it names.
func (s *Spec) InputDigests(path string) []digest.Digest {
	var list []digest.Digest
	add := func(files []File) {
		for _, f := range files {
			if f.Source == path && !f.Digest.IsZero() {
				list = append(list, f.Digest)
			}
		}
	}
	add(s.Files)
	for _, v := range slices.Sorted(maps.Keys(s.Variants)) {
		add(s.Variants[v].Files)
	}
	return list
}

// LockedPackages returns the packages that a platform's section of the lock
// holds: the spec's own, those of its variants in the order of their names, each
// once, then ca-certificates when only its bundle is used.
func (s *Spec) LockedPackages() []string {
	list := slices.Clone(s.Packages)
	for _, v := range slices.Sorted(maps.Keys(s.Variants)) {
		list = append(list, s.Variants[v].Packages...)
	}
	if s.Certificates != nil && s.Certificates.Bundle == bundleDebian {
		list = append(list, bundlePackage)
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(name string) bool {
		again := seen[name]
		seen[name] = true
		return again
	})
}
