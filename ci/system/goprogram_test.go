//go:build system

package system

import (
	"os"
	"path/filepath"
	"testing"
)

// goImage makes a folder with a program and an image of it, locked.
func goImage(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(scratch, "go-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"go.mod":     "module example.com/program\n\ngo 1.26.0\n",
		"main.go":    "package main\n\nfunc main() { println(\"hello\") }\n",
		"image.yaml": "version: 1\nname: program\nplatforms: [linux/amd64]\ngo: [{package: ., path: /program, ldflags: [-s, -w]}]\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	must(t, basal("lock", dir))
	return dir
}

// TestGoProgramElsewhere compiles a program as another user, and with settings
// that would change it, each with a build cache of its own, and wants the same
// digest.
func TestGoProgramElsewhere(t *testing.T) {
	image := goImage(t)
	want := compileHere(t, image)
	for _, s := range []surrounding{
		{name: "another user", uid: nobody, env: []string{"HOME=/nonexistent"}},
		{name: "stray settings", env: []string{"GOFLAGS=-tags=stray", "GOAMD64=v3", "GOEXPERIMENT=nojsonv2", "CGO_ENABLED=1", "GOFIPS140=latest"}},
	} {
		t.Run(s.name, func(t *testing.T) { s.testCompile(t, image, want) })
	}
}

// compileHere builds an image with a Go program and returns what is printed.
func compileHere(t *testing.T, image string) string {
	t.Helper()
	return must(t, basal("build", image, "-o", filepath.Join(surrounding{}.folder(t), "here"), "--no-cache"))
}

// testCompile builds an image with a Go program in a surrounding, with no cache
// that has been used before, and compares what is printed.
func (s surrounding) testCompile(t *testing.T, image, want string) {
	dir := s.folder(t)
	s.env = append(s.env, "GOCACHE="+filepath.Join(dir, "cache"), "GOMODCACHE="+filepath.Join(dir, "modules"), "XDG_CACHE_HOME="+filepath.Join(dir, "basal"))
	if got := must(t, s.command("build", image, "-o", filepath.Join(dir, "there"), "--no-cache")); got != want {
		t.Errorf("got %swant %s", got, want)
	}
}
