package specs

import (
	"bytes"
	"strings"
	"testing"

	"github.com/basal-project/basal/internal/digest"
)

// testBased returns a sound lock of an image that stands on a published one and
// has two Go programs.
func testBased(t testing.TB) *Lock {
	t.Helper()
	some := digest.Of([]byte("some"))
	sum := "h1:" + strings.Repeat("A", 43) + "="
	blob := func(mediaType string) LockedBlob { return LockedBlob{mediaType, some, 10} }
	amd64 := Platform{"linux", "amd64", ""}
	return &Lock{
		Version: 1, Recipe: 1, Encoder: "gzip/klauspost-1.20.3/6",
		Spec: Spec{Version: 1, Name: "based", Platforms: []Platform{amd64}, From: "registry.example:5000/team/static:latest@" + some.String(),
			Go: []Program{{Package: "example.com/x/y@v1.2.3", Path: "/y"}, {Package: "./cmd", Path: "/cmd"}}},
		Base: &LockedBase{Name: "registry.example:5000/team/static:latest", Repository: "registry.example:5000/team/static", MediaType: indexTypes[0], Digest: some, Size: 10},
		Go: &LockedGo{Toolchain: "go1.26.8", Programs: []LockedProgram{
			{Package: "./cmd", Import: "example.com/own/cmd", Module: Module{Path: "example.com/own"}, Modules: []Module{{"example.com/a", "v0.1.0", sum}, {"example.com/b", "v0.1.0", sum}}},
			{Package: "example.com/x/y@v1.2.3", Import: "example.com/x/y", Module: Module{"example.com/x", "v1.2.3", sum}},
		}},
		Platforms: []LockedPlatform{{Platform: amd64, Epoch: 946684800, Base: &LockedImage{
			MediaType: manifestTypes[1], Manifest: some, Size: 10, Config: blob(configTypes[1]),
			Layers: []LockedLayer{{blob(layerTypes[4]), some}},
		}}},
	}
}

func TestBasedLockRoundTrip(t *testing.T) {
	b, err := testBased(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	l, err := ParseLock("lock.json", b)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := l.Encode(); err != nil || !bytes.Equal(again, b) {
		t.Errorf("encoded again (%v):\n%s\nwant\n%s", err, again, b)
	}
}

// TestBasedLockFaults changes one thing in a sound lock at a time.
func TestBasedLockFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(l *Lock)
		want   string
	}{
		{"no base", func(l *Lock) { l.Base = nil }, "base: the spec and its lock do not agree"},
		{"no from", func(l *Lock) { l.Spec.From = "" }, "base: the spec and its lock do not agree"},
		{"no image", func(l *Lock) { l.Platforms[0].Base = nil }, "platforms[0].base: the sections do not agree"},
		{"base name", func(l *Lock) { l.Base.Name = "registry.example/other:latest" }, "base.name: name is"},
		{"base repository", func(l *Lock) { l.Base.Repository = "registry.evil/team/static" }, "base.repository: repository is"},
		{"base digest", func(l *Lock) { l.Base.Digest = digest.Of(nil) }, "base.digest: digest is sha256:e3b0"},
		{"base type", func(l *Lock) { l.Base.MediaType = "text/html" }, "base.media-type: media type is \"text/html\""},
		{"base size", func(l *Lock) { l.Base.Size = 5 << 20 }, "base.size: size is 5242880"},
		{"manifest type", func(l *Lock) { l.Platforms[0].Base.MediaType = indexTypes[0] }, "platforms[0].base.manifest.media-type"},
		{"config type", func(l *Lock) { l.Platforms[0].Base.Config.MediaType = layerTypes[0] }, "platforms[0].base.config.media-type"},
		{"config size", func(l *Lock) { l.Platforms[0].Base.Config.Size = 5 << 20 }, "platforms[0].base.config.size"},
		{"layer type", func(l *Lock) { l.Platforms[0].Base.Layers[0].MediaType = "application/x-foreign" }, "platforms[0].base.layers[0].media-type"},
		{"layer size", func(l *Lock) { l.Platforms[0].Base.Layers[0].Size = 0 }, "platforms[0].base.layers[0].size: size is 0"},
		{"no go", func(l *Lock) { l.Go = nil }, "go: the spec and its lock do not agree"},
		{"no programs", func(l *Lock) { l.Spec.Go = nil }, "go: the spec and its lock do not agree"},
		{"toolchain", func(l *Lock) { l.Go.Toolchain = "devel go1.27-abc" }, "go.toolchain: toolchain is"},
		{"patched toolchain", func(l *Lock) { l.Go.Toolchain = "go1.26.8-custom" }, "go.toolchain: toolchain is"},
		{"order", func(l *Lock) { p := l.Go.Programs; p[0], p[1] = p[1], p[0] }, "go.programs: found"},
		{"missing", func(l *Lock) { l.Go.Programs = l.Go.Programs[:1] }, "go.programs: found"},
		{"import", func(l *Lock) { l.Go.Programs[0].Import = "../x" }, "go.programs[0].import"},
		{"import elsewhere", func(l *Lock) { l.Go.Programs[0].Import = "example.com/ownx" }, "is not in the module"},
		{"local version", func(l *Lock) { l.Go.Programs[0].Module.Version = "v1.0.0" }, "a local module has neither"},
		{"remote version", func(l *Lock) { l.Go.Programs[1].Module.Version = "v1.2.4" }, "go.programs[1].module.version"},
		{"remote import", func(l *Lock) { l.Go.Programs[1].Import = "example.com/x/z" }, "go.programs[1].import: import is"},
		{"sum", func(l *Lock) { l.Go.Programs[1].Module.Sum = "h1:x" }, "go.programs[1].module.sum"},
		{"module order", func(l *Lock) { m := l.Go.Programs[0].Modules; m[0], m[1] = m[1], m[0] }, "not sorted, or not distinct"},
		{"module version", func(l *Lock) { l.Go.Programs[0].Modules[0].Version = "latest" }, "go.programs[0].modules[0].version"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := testBased(t)
			c.change(l)
			b, err := l.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ParseLock("lock.json", b); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestParseFrom(t *testing.T) {
	const hex = "1111111111111111111111111111111111111111111111111111111111111111"
	for _, s := range []string{
		"docker.io/library/debian:13", "localhost/x:1", "localhost:5000/a/b__c/d-e.f@sha256:" + hex, "127.0.0.1:1/x:A_b.c-d@sha256:" + hex, "[::1]:5000/x:1",
	} {
		f, err := ParseFrom(s)
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		again := f.Name()
		if !f.Digest.IsZero() {
			again += "@" + f.Digest.String()
		}
		if again != s {
			t.Errorf("%s became %s", s, again)
		}
	}
	for _, s := range []string{
		"", "debian", "debian:13", "library/debian:13", "a.b/:1", "a.b//c:1", "a.b/c:", "a.b/c@", "a.b/c@sha256:12", "a.b/c@sha512:" + hex + hex, "a.b:0/c:1", "a.b:99999/c:1",
		".a.b/c:1", "[::1/x:1", "[]:1/x:1", "http://a.b/c:1", "a.b/C:1", "a.b/c d:1", "user@a.b/c:1", "a.b/c:x:1", "a.b/-c:1", "a.b/c..d:1",
	} {
		if f, err := ParseFrom(s); err == nil {
			t.Errorf("%q is accepted as %+v", s, f)
		}
	}
}
