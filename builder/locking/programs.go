package locking

import (
	"cmp"
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
}

// String returns a line for people.
func (c ModuleChange) String() string {
	switch {
	case c.Before == "":
		return "+ " + c.Module + " " + c.After
	case c.After == "":
		return "- " + c.Module + " " + c.Before
	}
	return "~ " + c.Module + " " + c.Before + " -> " + c.After
}

// ModuleChanges compares what the Go programs of two locks are made of; before
// may be nil. The toolchain comes first, then the modules by path. Two programs
// may be linked with two versions of a module. Local modules are not among them.
func ModuleChanges(before, after *specs.Lock) []ModuleChange {
	was, is := moduleVersions(before), moduleVersions(after)
	paths := slices.AppendSeq(slices.Collect(maps.Keys(was)), maps.Keys(is))
	slices.Sort(paths)
	var all []ModuleChange
	for _, path := range slices.Compact(paths) {
		if c := (ModuleChange{strings.TrimPrefix(path, first), was[path], is[path]}); c.Before != c.After {
			all = append(all, c)
		}
	}
	return all
}

// first begins what sorts before every module.
const first = "\x00"

func moduleVersions(lock *specs.Lock) map[string]string {
	versions := map[string]string{}
	if lock == nil || lock.Go == nil {
		return versions
	}
	versions[first+"go"] = strings.TrimPrefix(lock.Go.Toolchain, "go")
	var all []specs.Module
	for _, p := range lock.Go.Programs {
		all = append(append(all, p.Module), p.Modules...)
	}
	slices.SortFunc(all, func(a, b specs.Module) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Version, b.Version))
	})
	for _, m := range slices.Compact(all) {
		if m.Version != "" {
			versions[m.Path] = strings.TrimPrefix(versions[m.Path]+", "+m.Version, ", ")
		}
	}
	return versions
}
