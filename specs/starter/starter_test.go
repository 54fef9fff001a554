package starter

import (
	"bytes"
	"strings"
	"testing"

	"github.com/basal-project/basal/specs"
)

var amd64 = []specs.Platform{{OS: "linux", Arch: "amd64"}}

// What is written is a spec in its usual layout that says what was asked for, and
// stays one with all of its examples.
func TestSpec(t *testing.T) {
	server := Program{specs.Program{Package: "./cmd/server", Path: "/usr/bin/server", Ldflags: []string{"-s", "-X=a.b=c d"}, Tags: []string{"netgo"}}, "build\nx: \x1b of .ko.yaml"}
	other := Program{specs.Program{Package: "example.com/tool@v1.2.3", Path: "/usr/bin/tool"}, ""}
	for name, opt := range map[string]Options{
		"static":   {Name: "a", Platforms: amd64, Extends: "static"},
		"folder":   {Name: "true", Platforms: amd64, Extends: "../base"},
		"from":     {Name: "1e5", Platforms: specs.Platforms(), From: "registry.example:5000/a/b:1"},
		"program":  {Name: "a", Platforms: amd64, Extends: "static", Programs: []Program{server}},
		"programs": {Name: "a", Platforms: amd64, From: "registry.example/a:1", Programs: []Program{server, other}},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := Spec("image.yaml", opt)
			if err != nil {
				t.Fatal(err)
			}
			again, err := specs.Format("image.yaml", b)
			if err != nil || !bytes.Equal(b, again) {
				t.Errorf("formatting it again: %v\n%s", err, again)
			}
			s, err := specs.Parse("image.yaml", b)
			if err != nil {
				t.Fatal(err)
			}
			if s.Name != opt.Name || len(s.Platforms) != len(opt.Platforms) || s.From != opt.From || s.Extends != opt.Extends || len(s.Go) != len(opt.Programs) {
				t.Errorf("found %+v", s)
			}
			for i, p := range opt.Programs {
				if s.Go[i].Package != p.Package || s.Go[i].Path != p.Path || len(s.Go[i].Ldflags) != len(p.Ldflags) || len(s.Go[i].Tags) != len(p.Tags) {
					t.Errorf("found %+v, want %+v", s.Go[i], p)
				}
			}
			if entry := len(opt.Programs) == 1; entry != (len(s.Config.Entrypoint) == 1) {
				t.Errorf("found the entrypoint %q", s.Config.Entrypoint)
			}
			full, err := specs.Parse("full.yaml", Uncomment(b))
			if err != nil {
				t.Fatalf("with all examples: %v\n%s", err, Uncomment(b))
			}
			if len(full.Packages) == 0 || len(full.Files) < 4 || len(full.Go) == 0 || full.Certificates == nil || len(full.Variants) != 2 ||
				len(full.Waive) == 0 || len(full.Setuid) == 0 || full.Config.StopSignal == "" || full.Accounts.IsZero() {
				t.Errorf("a section is missing: %+v", full)
			}
		})
	}
}

// Every key of the language is shown.
func TestEverySection(t *testing.T) {
	b, err := Spec("image.yaml", Options{Name: "a", Platforms: amd64, Extends: "static"})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"version", "name", "summary", "platforms", "extends", "archives", "packages", "waive", "exclude", "setuid", "certificates", "accounts",
		"os-release", "files", "go", "layers", "config", "variants", "user", "env", "entrypoint", "cmd", "workdir", "labels", "annotations", "ports", "volumes", "stop-signal",
	} {
		if !strings.Contains(string(b), "\n"+key+":") && !strings.Contains(string(b), "#"+key+":") && !strings.Contains(string(b), "  "+key+":") {
			t.Errorf("it does not show %s", key)
		}
	}
}

func TestBadOptions(t *testing.T) {
	for _, opt := range []Options{
		{Name: "A B", Platforms: amd64, Extends: "static"},
		{Name: "a\"\nversion: 2", Platforms: amd64, Extends: "static"},
		{Name: "a", Extends: "static"},
		{Name: "a", Platforms: amd64, From: "static"},
		{Name: "a", Platforms: amd64, Extends: "static", Programs: []Program{{Program: specs.Program{Package: "x", Path: "/x"}}}},
	} {
		if b, err := Spec("image.yaml", opt); err == nil {
			t.Errorf("%+v: found no fault\n%s", opt, b)
		}
	}
}

func TestPathOf(t *testing.T) {
	for pkg, want := range map[string]string{
		"./cmd/server": "server", ".": "app", "..": "app", "../x": "x", "../..": "app",
		"example.com/tool@v1.2.3": "tool", "example.com/tool/v2@v2.0.0": "tool", "example.com/v2ray@v1.0.0": "v2ray",
	} {
		if got := PathOf(pkg, "app"); got != "/usr/bin/"+want {
			t.Errorf("%s: found %s, want %s", pkg, got, want)
		}
	}
}
