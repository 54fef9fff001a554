package ci

import (
	"slices"
	"strings"
	"testing"
)

const tinyPolicy = `
# a comment
floor internal
floor specs attest
floor images builder
floor cmd
apart builder attest
rig builder/rig
pure specs builder/layer
  internal/...
ban os net/... time.Now
only archive/tar.NewWriter* in builder/layer: one writer
use example.org/yaml/... in specs: the language is YAML
`

// yaml is there so that the policy's one permission is in use.
var yaml = unit{path: "specs", imports: []string{"example.org/yaml/v2"}}

// TestChecker shows that each kind of violation is found, and that what is
// allowed is not called one.
func TestChecker(t *testing.T) {
	p, err := parsePolicy(tinyPolicy)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		unit unit
		also []string // other packages that exist
		want string   // "" for no fault
	}{
		{name: "lower floor", unit: unit{path: "builder", imports: []string{"specs"}}},
		{name: "own tree", unit: unit{path: "builder", imports: []string{"builder/layer"}}, also: []string{"builder/layer"}},
		{name: "impure may", unit: unit{path: "builder/fetch", imports: []string{"os", "net/http"}, funcs: []string{"time.Now"}}},
		{name: "rig in a test", unit: unit{path: "builder", testImports: []string{"builder/rig"}}, also: []string{"builder/rig"}},
		{name: "rig is no product", unit: unit{path: "builder/rig", funcs: []string{"archive/tar.NewWriter"}}},
		{name: "tar writer at home", unit: unit{path: "builder/layer", funcs: []string{"archive/tar.NewWriter"}}},

		{name: "upwards", unit: unit{path: "internal/x", imports: []string{"specs"}},
			want: "internal/x imports specs: want a package of its own tree or of a lower floor"},
		{name: "sideways", unit: unit{path: "attest", imports: []string{"specs"}},
			want: "attest imports specs: want a package of its own tree or of a lower floor"},
		{name: "apart", unit: unit{path: "builder", imports: []string{"attest/sbom"}}, also: []string{"attest/sbom"},
			want: "builder imports attest/sbom: builder and attest stay apart"},
		{name: "rig in the product", unit: unit{path: "builder", imports: []string{"builder/rig"}}, also: []string{"builder/rig"},
			want: "builder imports builder/rig: only tests import a rig"},
		{name: "no floor", unit: unit{path: "util"}, want: "util stands on no floor"},
		{name: "pure imports", unit: unit{path: "internal/x", imports: []string{"net/http"}},
			want: "internal/x uses net/http: it is pure"},
		{name: "pure calls", unit: unit{path: "builder/layer", funcs: []string{"time.Now"}},
			want: "builder/layer uses time.Now: it is pure"},
		{name: "second tar writer", unit: unit{path: "cmd/x", funcs: []string{"archive/tar.NewWriterTo"}},
			want: "cmd/x uses archive/tar.NewWriterTo: want it only in builder/layer: one writer"},
		{name: "third party", unit: unit{path: "cmd/x", imports: []string{"example.org/yaml"}},
			want: "cmd/x imports example.org/yaml: no use line allows it"},
		{name: "third party in a test", unit: unit{path: "cmd/x", testImports: []string{"example.org/assert"}},
			want: "cmd/x imports example.org/assert: no use line allows it"},
	} {
		units := []unit{tt.unit, yaml}
		for _, path := range tt.also {
			units = append(units, unit{path: path})
		}
		if got := strings.Join(p.check(units), "; "); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	want := "specs does not import example.org/yaml/...: drop it from the use line"
	if got := p.check([]unit{{path: "specs"}}); !slices.Equal(got, []string{want}) {
		t.Errorf("unused permission: got %q, want %q", got, want)
	}
}

// TestParsePolicy: a policy with a slip in it must not pass as a shorter one.
func TestParsePolicy(t *testing.T) {
	for _, text := range []string{"flor internal", "apart builder", "use x in y", "use x: why", "only x in y: "} {
		if _, err := parsePolicy(text); err == nil {
			t.Errorf("%q: got no error", text)
		}
	}
}

// TestFuncsOf shows that a renamed import does not hide a function.
func TestFuncsOf(t *testing.T) {
	src := "package x\nimport (\n\"time\"\nt2 \"archive/tar\"\n)\nvar a, b = time.Now, t2.NewWriter\n"
	got, err := funcsOf("x.go", []byte(src))
	if want := []string{"time.Now", "archive/tar.NewWriter"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q (error %v), want %q", got, err, want)
	}
	if _, err := funcsOf("x.go", []byte("package x\nimport . \"time\"\n")); err == nil {
		t.Error("a dot import: got no error")
	}
}
