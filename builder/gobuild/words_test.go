package gobuild

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

// The go command refuses -ldflags that begin with a quote, and takes quotes only
// around a whole word.
func TestJoinFlags(t *testing.T) {
	for want, flags := range map[string][]string{
		"":                             nil,
		"-s -w":                        {"-s", "-w"},
		"-X 'main.x=a b'":              {"-X=main.x=a b"},
		"-X=main.x= -X 'main.y= b' -s": {"-X=main.x=", "-X=main.y= b", "-s"},
	} {
		if got := joinFlags(flags); got != want {
			t.Errorf("%q: got %s, want %s", flags, got, want)
		}
	}
}

func TestEscapeProxy(t *testing.T) {
	const dir = "/a b,c|d%e?f#g"
	if got, want := fileProxy(dir), "file:///a%20b%2Cc%7Cd%25e%3Ff%23g"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNewerGo(t *testing.T) {
	for text, want := range map[string]string{
		"go: go.mod requires go >= 1.30.2 (running go 1.26.8; GOTOOLCHAIN=local)": "GOTOOLCHAIN=go1.30.2 ",
		"x requires go >= 1.30": "GOTOOLCHAIN=go1.30 ",
		"x requires a lot":      "",
	} {
		err := newerGo(".", "go1.26.8", text)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(diag.HintOf(err), want) {
			t.Errorf("%s: got %v, want a hint with %q", text, err, want)
		}
	}
}

func TestReadable(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "cmd")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "go.mod"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOENV", "off")
	t.Setenv("GOPROXY", "https://me:se/cr%zz@host/x,https://host2")
	tool := &Tool{env: places{modules: "/m/od"}}
	for in, want := range map[string]string{
		"go: x\n# pkg\n\ty":                       "x\n  y",
		"found a (a.go) and b (b.go) in " + dir:   "found a (a.go) and b (b.go) in .",
		"in " + root + ":\n" + dir + "/a.go":      "in .:\na.go",
		root + "/lib/x.go and " + root + "2/x.go": "lib/x.go and " + root + "2/x.go",
		"/m/od/a@v1/x.go, /m/od2":                 "a@v1/x.go, /m/od2",
		"not in std (/go/src/fm)":                 "not in std (GOROOT/src/fm)",
		`parse "https://me:se/cr%zz@host/x": bad`: `parse "https://…@host/x": bad`,
		"reading https://me:pw@other/x: 404":      "reading https://…@other/x: 404",
		strings.Repeat("x\n", 30):                 strings.Repeat("x\n", maxLines) + "…",
	} {
		if got := withoutRoot(tool.readable(in, dir), toolchain{bin: "/go/bin"}); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestEnviron(t *testing.T) {
	t.Setenv("TMPDIR", "relative")
	t.Setenv("GOFLAGS", "-tags=stray")
	t.Setenv("GODEBUG", "madvdontneed=1")
	env := findPlaces().environ(specs.Platform{OS: "linux", Arch: "arm", Variant: "v7"}, "GOPROXY=x")
	for name, want := range map[string]string{
		"GOOS": "linux", "GOARCH": "arm", "GOARM": "7", "GOPROXY": "x", "GOENV": "off", "GOFLAGS": "-buildvcs=false",
		"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOSUMDB": "off",
	} {
		if got := assigned(env, name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if temp := assigned(env, "TMPDIR"); !filepath.IsAbs(temp) {
		t.Errorf("TMPDIR is %q, want an absolute path", temp)
	}
	if slices.ContainsFunc(env, func(s string) bool { return strings.HasPrefix(s, "GODEBUG=") }) {
		t.Error("GODEBUG of the caller is passed on")
	}
}

// A program that somebody's settings have reached is refused.
func TestCompareSettings(t *testing.T) {
	j := job{}
	j.Platform, j.Tags = specs.Platform{OS: "linux", Arch: "amd64"}, []string{"a", "b"}
	good := map[string]string{
		"-buildmode": "exe", "-compiler": "gc", "-trimpath": "true", "-tags": "a,b", "CGO_ENABLED": "0",
		"GOOS": "linux", "GOARCH": "amd64", "GOAMD64": "v1", "DefaultGODEBUG": "x=1", "-pgo": "default.pgo",
	}
	for change, want := range map[string]string{
		"":                      "",
		"-tags=a":               "-tags=a,",
		"-tags=":                "-tags=a,b",
		"GOAMD64=v3":            "GOAMD64=v3,",
		"GOEXPERIMENT=arenas":   "GOEXPERIMENT=arenas,",
		"GOFIPS140=v1.0.0":      "GOFIPS140=v1.0.0,",
		"-gcflags=-N":           "-gcflags=-N,",
		"CGO_ENABLED=1":         "CGO_ENABLED=1,",
		"GOOS=":                 "not compiled with GOOS=linux",
		"vcs.revision=abcdef":   "vcs.revision=abcdef,",
		"DefaultGODEBUG=other1": "",
	} {
		if got := j.compareSettings(settingsOf(good, change)); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", change, got, want)
		}
	}
}

// settingsOf returns build settings with one changed, or taken away.
func settingsOf(all map[string]string, change string) []debug.BuildSetting {
	key, value, _ := strings.Cut(change, "=")
	var list []debug.BuildSetting
	for k, v := range all {
		if k != key {
			list = append(list, debug.BuildSetting{Key: k, Value: v})
		}
	}
	if value != "" {
		list = append(list, debug.BuildSetting{Key: key, Value: value})
	}
	return list
}
