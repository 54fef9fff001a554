package specs

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestPatchOrder(t *testing.T) {
	s := &Spec{Variants: map[string]Patch{
		"a": {}, "b": {With: []string{"a"}}, "c": {With: []string{"a"}}, "d": {With: []string{"c", "b", "a"}},
		"x": {With: []string{"y"}}, "y": {With: []string{"x"}}, "z": {With: []string{"none"}},
	}}
	for variant, want := range map[string]string{
		Latest: "", "a": "a", "b": "a b", "d": "a c b d", "x": "error", "z": "error", "none": "error",
	} {
		order, err := s.PatchOrder(variant)
		got := strings.Join(order, " ")
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("PatchOrder(%s) = %q, %v; want %q", variant, got, err, want)
		}
	}
	if got := strings.Join(s.VariantNames(), " "); got != "latest a b c d x y z" {
		t.Errorf("VariantNames = %s", got)
	}
}

func TestMerge(t *testing.T) {
	under := Config{User: "0", Env: map[string]string{"A": "1", "B": "2"}, Entrypoint: []string{"/a"}, Cmd: []string{"b"},
		Workdir: "/", Ports: []string{"80"}, StopSignal: "SIGTERM", Labels: map[string]string{"l": "1"}}
	over := Config{User: "1", Env: map[string]string{"B": "3"}, Entrypoint: []string{}, Volumes: []string{"/v"},
		Annotations: map[string]string{"a": "1"}, Ports: []string{}}
	want := Config{User: "1", Env: map[string]string{"A": "1", "B": "3"}, Entrypoint: []string{}, Cmd: []string{"b"},
		Workdir: "/", Ports: []string{}, Volumes: []string{"/v"}, StopSignal: "SIGTERM", Labels: map[string]string{"l": "1"},
		Annotations: map[string]string{"a": "1"}}
	got := under.Merge(over)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	got.Env["C"] = "4"
	got.Labels["m"] = "2"
	if len(under.Env) != 2 || len(over.Env) != 1 || len(under.Labels) != 1 {
		t.Error("the result shares a map with what it was made from")
	}
	if got := (Config{}).Merge(under); !reflect.DeepEqual(got, under) {
		t.Errorf("on nothing: %+v", got)
	}
	if got := under.Merge(Config{}); !reflect.DeepEqual(got, under) {
		t.Errorf("with nothing on top: %+v", got)
	}
	if !(Config{}).Merge(Config{}).IsZero() || (Config{Cmd: []string{}}).IsZero() || (Config{Ports: []string{}}).IsZero() {
		t.Error("IsZero does not tell nothing from an empty list")
	}
}

func TestNames(t *testing.T) {
	s, err := Parse("static.yaml", readFile(t, "testdata/static.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s.Files = append(s.Files, File{Source: "b"}, File{Source: "applets.txt"})
	s.Certificates.Add = []string{"a.pem"}
	if got := strings.Join(s.InputFiles(), " "); got != "a.pem applets.txt b" {
		t.Errorf("LocalFiles = %s", got)
	}
	want := append(slices.Clone(s.Packages), "busybox-static", "ca-certificates")
	if got := s.LockedPackages(); !slices.Equal(got, want) {
		t.Errorf("LockedPackages = %s, want %s", got, want)
	}
}

func TestLayersJSON(t *testing.T) {
	for text, want := range map[string]Layers{
		`"per-package"`: {}, `"single"`: {Single: true}, `{"budget":7}`: {Budget: 7},
	} {
		var got Layers
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s is read as %+v, %v", text, got, err)
		}
		if b, err := json.Marshal(want); err != nil || string(b) != text {
			t.Errorf("%+v is written as %s, %v", want, b, err)
		}
	}
	for _, bad := range []string{`"x"`, `1`, `[]`, `{"budget":"7"}`, `{"x":1}`, `{"budget":1.5}`} {
		if err := json.Unmarshal([]byte(bad), &Layers{}); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

func TestPlatforms(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range platforms {
		p, err := ParsePlatform(k.text)
		if err != nil || p.String() != k.text || p.Debian() == "" || seen[p.Tag()] {
			t.Errorf("%s: %v, %v, Debian %q, tag %q", k.text, p, err, p.Debian(), p.Tag())
		}
		seen[p.Tag()] = true
	}
	if p, err := ParsePlatform("linux/arm64/v8"); err != nil || p.String() != "linux/arm64" || p.Variant != "v8" {
		t.Errorf("linux/arm64/v8 is read as %v, %v", p, err)
	}
	for _, bad := range []string{"", "linux", "linux/amd64/", "linux/amd64/v8", "linux/arm", "Linux/amd64"} {
		if p, err := ParsePlatform(bad); err == nil {
			t.Errorf("%q is read as %v", bad, p)
		}
	}
	if p := (Platform{"windows", "amd64", ""}); p.Debian() != "" || p.Tag() != "" || p.String() != "windows/amd64" {
		t.Errorf("an unknown platform: %v, %q, %q", p, p.Debian(), p.Tag())
	}
}
