package locking

import (
	"slices"
	"testing"

	"github.com/basal-project/basal/specs"
)

func TestModuleChanges(t *testing.T) {
	lock := func(toolchain string, modules ...specs.Module) *specs.Lock {
		return &specs.Lock{Go: &specs.LockedGo{Toolchain: toolchain, Programs: []specs.LockedProgram{{
			Module: specs.Module{Path: "example.com/local"}, Modules: modules,
		}}}}
	}
	child := func(parent *specs.Lock) *specs.Lock { return &specs.Lock{Extends: parent} }
	a1, a2, a1x := specs.Module{Path: "a", Version: "v1.0.0", Sum: "h1:a"}, specs.Module{Path: "a", Version: "v2.0.0", Sum: "h1:b"}, specs.Module{Path: "a", Version: "v1.0.0", Sum: "h1:x"}
	for name, test := range map[string]struct {
		before, after *specs.Lock
		want          []string
	}{
		"new":         {nil, lock("go1.26.8", a1), []string{"+ go 1.26.8", "+ a v1.0.0"}},
		"gone":        {lock("go1.26.8", a1), &specs.Lock{}, []string{"- go 1.26.8", "- a v1.0.0"}},
		"same":        {lock("go1.26.8", a1), lock("go1.26.8", a1), nil},
		"version":     {lock("go1.26.7", a1), lock("go1.26.8", a2), []string{"~ go 1.26.7 -> 1.26.8", "~ a v1.0.0 -> v2.0.0"}},
		"bytes":       {lock("go1.26.8", a1), lock("go1.26.8", a1x), []string{"! a v1.0.0: its bytes changed h1:a -> h1:x"}},
		"both":        {lock("go1.26.8", a1), lock("go1.26.8", a1x, a2), []string{"~ a v1.0.0 -> v1.0.0, v2.0.0", "! a v1.0.0: its bytes changed h1:a -> h1:x"}},
		"of a parent": {child(&specs.Lock{}), child(lock("go1.26.8", a1)), []string{"+ go 1.26.8", "+ a v1.0.0"}},
	} {
		var got []string
		for _, c := range ModuleChanges(test.before, test.after) {
			got = append(got, c.String())
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}
