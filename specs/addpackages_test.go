package specs

import (
	"strings"
	"testing"
)

const addHead = `version: 1
name: test
platforms: [linux/amd64]
archives:
  - {uri: debian, suites: [trixie], components: [main], signed-by: debian-13}
`

func TestAddPackages(t *testing.T) {
	for name, tt := range map[string]struct {
		in, want string
		added    map[string][]string
	}{
		"nothing":        {"packages: [aa]\n", "packages: [aa]\n", nil},
		"to a list":      {"packages: [aa]\n", "packages: [aa, bb, cc]\n", map[string][]string{"latest": {"bb", "cc"}}},
		"to a block":     {"packages:\n  # first\n  - aa # why\n  # last\n", "packages:\n  # first\n  - aa # why\n  # last\n  - bb\n", map[string][]string{"latest": {"bb"}}},
		"already there":  {"packages: [aa]\n", "packages: [aa, bb]\n", map[string][]string{"latest": {"aa", "bb", "bb"}}},
		"no list yet":    {"files: [{path: /x, content: x}]\n", "packages:\n  - bb\nfiles: [{path: /x, content: x}]\n", map[string][]string{"latest": {"bb"}}},
		"name like text": {"packages: [aa]\n", "packages: [aa, 0ad, \"1e3\"]\n", map[string][]string{"latest": {"0ad", "1e3"}}},
		"to a variant": {
			"packages: [aa]\nvariants:\n  debug:\n    # a shell\n    packages: [bb]\n  own: {config: {user: x}}\n",
			"packages: [aa, cc]\nvariants:\n  debug:\n    # a shell\n    packages: [bb, dd]\n  own: {config: {user: x}, packages: [ee]}\n",
			map[string][]string{"latest": {"cc"}, "debug": {"dd"}, "own": {"ee"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := AddPackages("x.yaml", []byte(addHead+tt.in), tt.added)
			if err != nil {
				t.Fatal(err)
			}
			want, err := Format("x.yaml", []byte(addHead+tt.want))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if again, err := Format("x.yaml", got); err != nil || string(again) != string(got) {
				t.Errorf("formatting changes it: %v\n%s", err, again)
			}
		})
	}
}

func TestAddPackagesRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		in    string
		added map[string][]string
		want  string
	}{
		"a broken file":      {"colour: red\n", nil, "unknown key"},
		"no file":            {"a: [\n", nil, "x.yaml:"},
		"an unusable name":   {"packages: [aa]\n", map[string][]string{"latest": {"Not A Package"}}, "Not A Package"},
		"another variant":    {"packages: [aa]\n", map[string][]string{"nosuch": {"bb"}}, "nosuch"},
		"what the image has": {"packages: [aa]\nvariants: {debug: {config: {user: x}}}\n", map[string][]string{"debug": {"aa"}}, "already in the image"},
	} {
		got, err := AddPackages("x.yaml", []byte(addHead+tt.in), tt.added)
		if err == nil || !strings.Contains(err.Error(), tt.want) || got != nil {
			t.Errorf("%s: got %s, %v, want %q", name, got, err, tt.want)
		}
	}
}
