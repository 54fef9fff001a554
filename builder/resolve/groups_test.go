package resolve

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/basal-project/basal/specs"
)

// sized reads name:source:size, all separated by blanks.
func sized(t *testing.T, s string) (all []Sized) {
	t.Helper()
	for _, f := range strings.Fields(s) {
		var p Sized
		if _, err := fmt.Sscanf(strings.ReplaceAll(f, ":", " "), "%s %s %d", &p.Name, &p.Source, &p.Size); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// groups reads and writes "a,b c" as two groups.
func groups(s string) (all [][]string) {
	for _, g := range strings.Fields(s) {
		all = append(all, strings.Split(g, ","))
	}
	return all
}

func text(all [][]string) string {
	var out []string
	for _, g := range all {
		out = append(out, strings.Join(g, ","))
	}
	return strings.Join(out, " ")
}

func TestGroups(t *testing.T) {
	const cc = "base:base:100 libc6:glibc:900 libssl:openssl:500 libgcc:gcc:50 libstdc:gcc:300 zlib:zlib:40"
	for _, c := range []struct {
		name     string
		layers   specs.Layers
		packages string
		previous string
		want     string
	}{
		{"none", specs.Layers{}, "", "", ""},
		{"per package", specs.Layers{}, cc, "base,libc6", "base libc6 libssl libgcc libstdc zlib"},
		{"single", specs.Layers{Single: true}, cc, "base libc6", "base,libc6,libssl,libgcc,libstdc,zlib"},
		{"budget for all", specs.Layers{Budget: 9}, cc, "", "base libc6 libssl libgcc,libstdc zlib"},
		{"just enough", specs.Layers{Budget: 6}, cc, "", "base libc6 libssl libgcc,libstdc zlib"},
		{"the smallest share", specs.Layers{Budget: 4}, cc, "", "base,libgcc,libstdc,zlib libc6 libssl"},
		{"two layers", specs.Layers{Budget: 2}, cc, "", "base,libc6,libssl,libgcc,libstdc,zlib"},

		{"kept though sizes changed", specs.Layers{Budget: 4}, "base:base:9000 libc6:glibc:1 libssl:openssl:5 zlib:zlib:40", "base,zlib libc6 libssl", "base,zlib libc6 libssl"},
		{"a package has gone", specs.Layers{Budget: 4}, "base:base:100 libc6:glibc:900 zlib:zlib:40", "base,zlib libc6 libssl", "base,zlib libc6"},
		{"a new one takes the free layer", specs.Layers{Budget: 4}, "new:new:1 base:base:100 libc6:glibc:900", "base libc6", "new base libc6"},
		{"a new one joins its source", specs.Layers{Budget: 9}, cc, "base libc6 libssl libstdc zlib", "base libc6 libssl libgcc,libstdc zlib"},
		{"a new one joins the smallest", specs.Layers{Budget: 4}, cc + " new:new:7", "base,libgcc,libstdc,zlib libc6 libssl", "base,libgcc,libstdc,zlib,new libc6 libssl"},
		{"the budget has shrunk", specs.Layers{Budget: 3}, cc, "base,libgcc,libstdc,zlib libc6 libssl", "base,libssl,libgcc,libstdc,zlib libc6"},
		{"all have gone", specs.Layers{Budget: 3}, "base:base:1 zlib:zlib:2", "x y", "base zlib"},
	} {
		if got := text(Groups(c.layers, sized(t, c.packages), groups(c.previous))); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// TestGroupsAreTheSameInEveryOrder holds that the order of packages decides the
// order of groups, and nothing else; that no package is lost; and that the
// result, given back as previous, stays.
func TestGroupsAreTheSameInEveryOrder(t *testing.T) {
	packages := []string{"base:base:100", "libc6:glibc:900", "libssl:openssl:500", "libgcc:gcc:50", "libstdc:gcc:300", "zlib:zlib:50"}
	for budget := 2; budget <= 7; budget++ {
		for _, previous := range []string{"", "base,libgcc libc6", "zlib"} {
			want := ""
			for order := range permutations(packages) {
				list := sized(t, strings.Join(order, " "))
				layers := specs.Layers{Budget: budget}
				got := Groups(layers, list, groups(previous))
				if again := Groups(layers, list, got); text(again) != text(got) {
					t.Fatalf("budget %d, %v: %q became %q", budget, order, text(got), text(again))
				}
				if len(got) > budget-1 || len(slices.Concat(got...)) != len(packages) {
					t.Fatalf("budget %d, %v: got %q", budget, order, text(got))
				}
				for _, g := range got {
					slices.Sort(g)
				}
				slices.SortFunc(got, slices.Compare)
				if want == "" {
					want = text(got)
				}
				if text(got) != want {
					t.Fatalf("budget %d, %v: got %q, in another order %q", budget, order, text(got), want)
				}
			}
		}
	}
}
