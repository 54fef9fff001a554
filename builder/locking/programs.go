package locking

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/basal-project/basal/specs"
)

// Programs finds out what a lock has to say of Go programs on some platforms:
// nil when there are no programs.
type Programs interface {
	Lock(ctx context.Context, programs []specs.Program, platforms []specs.Platform) (*specs.LockedGo, error)
}

// programs locks the Go programs of the spec, for all its platforms: one that is
// not made anew is built with the same toolchain.
func (m *maker) programs(ctx context.Context) (*specs.LockedGo, error) {
	list := m.Spec.Programs()
	if len(list) == 0 {
		return nil, nil
	}
	if m.Programs == nil {
		return nil, errors.New("internal error: nobody to ask about Go programs")
	}
	return m.Programs.Lock(ctx, list, m.Spec.Platforms)
}

// ModuleChange is a part of Go programs that differs between two locks: a module,
// or the toolchain.
type ModuleChange struct {
	Module string `json:"module"`           // its path, or "go" for the toolchain
	Before string `json:"before,omitempty"` // versions; empty when there were none
	After  string `json:"after,omitempty"`  // versions; empty when there are none

	// The sums of a module whose bytes are others under the same version.
	BeforeSum string `json:"beforeSum,omitempty"`
	AfterSum  string `json:"afterSum,omitempty"`
}

// String returns a line for people.
func (c ModuleChange) String() string {
	switch {
	case c.Before == "":
		return "+ " + c.Module + " " + c.After
	case c.After == "":
		return "- " + c.Module + " " + c.Before
	case c.BeforeSum != c.AfterSum:
		return "! " + c.Module + " " + c.After + ": its bytes changed " + c.BeforeSum + " -> " + c.AfterSum
	}
	return "~ " + c.Module + " " + c.Before + " -> " + c.After
}

// ModuleChanges compares what the Go programs of two locks are made of, those of
// the images that they extend among them; before may be nil. The toolchain comes
// first, then the modules by path. Two programs may be linked with two versions of
// a module. Local modules are not among them.
func ModuleChanges(before, after *specs.Lock) []ModuleChange {
	was, is := partsOf(before), partsOf(after)
	paths := slices.AppendSeq(slices.Collect(maps.Keys(was)), maps.Keys(is))
	slices.Sort(paths)
	var all []ModuleChange
	for _, path := range slices.Compact(paths) {
		name := strings.TrimPrefix(path, first)
		if c := (ModuleChange{Module: name, Before: was.versions(path), After: is.versions(path)}); c.Before != c.After {
			all = append(all, c)
		}
		for _, version := range slices.Sorted(maps.Keys(is[path])) {
			old, known := was[path][version]
			if sum := is[path][version]; known && old != sum {
				all = append(all, ModuleChange{Module: name, Before: version, After: version, BeforeSum: old, AfterSum: sum})
			}
		}
	}
	return all
}

// first begins what sorts before every module.
const first = "\x00"

// parts are the sums of modules by path and version.
type parts map[string]map[string]string

func partsOf(lock *specs.Lock) parts {
	all := parts{}
	for l := lock; l != nil; l = l.Extends {
		if l.Go == nil {
			continue
		}
		all.add(first+"go", strings.TrimPrefix(l.Go.Toolchain, "go"), "")
		for _, p := range l.Go.Programs {
			for _, m := range append([]specs.Module{p.Module}, p.Modules...) {
				all.add(m.Path, m.Version, m.Sum)
			}
		}
	}
	return all
}

// add takes a module, unless it is a local one. Where two programs do not agree
// on the bytes of a version, both sums are kept.
func (p parts) add(path, version, sum string) {
	if version == "" {
		return
	}
	if p[path] == nil {
		p[path] = map[string]string{}
	}
	sums := strings.Fields(p[path][version])
	if sum != "" && !slices.Contains(sums, sum) {
		sums = append(sums, sum)
		slices.Sort(sums)
	}
	p[path][version] = strings.Join(sums, " ")
}

func (p parts) versions(path string) string {
	return strings.Join(slices.Sorted(maps.Keys(p[path])), ", ")
}
