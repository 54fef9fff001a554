//go:build system

package system

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

// TestGoProgramElsewhere compiles a program as another user, and with a toolchain
// for another processor, each with a build cache of its own, and wants the same
// digest.
func TestGoProgramElsewhere(t *testing.T) {
	image := goImage(t)
	out, err := os.MkdirTemp(scratch, "out-")
	if err != nil {
		t.Fatal(err)
	}
	want := must(t, basal("build", image, "-o", filepath.Join(out, "here"), "--no-cache"))
	for _, s := range []surrounding{
		{name: "another user", uid: nobody, env: []string{"HOME=/nonexistent"}},
		{name: "stray settings", env: []string{"GOFLAGS=-tags=stray", "GOAMD64=v3", "GOEXPERIMENT=nojsonv2", "CGO_ENABLED=1", "GOFIPS140=latest"}},
		{name: "arm64", env: []string{"PATH=" + filepath.Join(armToolchain(t), "bin") + ":" + os.Getenv("PATH")}},
	} {
		t.Run(s.name, func(t *testing.T) {
			dir := s.folder(t)
			s.env = append(s.env, "GOCACHE="+filepath.Join(dir, "cache"), "GOMODCACHE="+filepath.Join(dir, "modules"), "XDG_CACHE_HOME="+filepath.Join(dir, "basal"))
			if got := must(t, s.command("build", image, "-o", filepath.Join(dir, "there"), "--no-cache")); got != want {
				t.Errorf("got %swant %s", got, want)
			}
		})
	}
}

// armToolchain returns a folder like that of the Go release on PATH, but of the
// one for arm64, whose programs run in qemu.
func armToolchain(t *testing.T) string {
	t.Helper()
	version := strings.TrimSpace(must(t, exec.Command("go", "env", "GOVERSION")))
	download := exec.Command("go", "mod", "download", "-json", "golang.org/toolchain@v0.0.1-"+version+".linux-arm64")
	download.Dir = "/"
	var module struct{ Dir string }
	if err := json.Unmarshal([]byte(must(t, download)), &module); err != nil {
		t.Fatal(err)
	}
	// The programs of a module zip are not executable. Those of the release are
	// copied, and scripts that run them in qemu stand in their places.
	root, err := os.MkdirTemp(scratch, "arm64-")
	if err != nil {
		t.Fatal(err)
	}
	must(t, exec.Command("sh", "-c", fmt.Sprintf("cp -R '%s'/. '%s' && chmod -R u+w,a+rX '%s'", module.Dir, root, root)))
	programs, err := filepath.Glob(filepath.Join(root, "pkg/tool/linux_arm64/*"))
	if err != nil || len(programs) == 0 {
		t.Fatalf("no programs in the toolchain: %v", err)
	}
	reals := filepath.Join(root, "pkg/tool/real") // a tool says its name, and the go command reads it
	if err := os.Mkdir(reals, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, program := range append(programs, filepath.Join(root, "bin/go")) {
		real := filepath.Join(reals, filepath.Base(program))
		if filepath.Base(program) == "go" {
			real = program + ".real" // finds its release by its own folder
		}
		if err := os.Rename(program, real); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(real, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(program, []byte("#!/bin/sh\nexec qemu-aarch64 '"+real+"' \"$@\"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if got := must(t, exec.Command(filepath.Join(root, "bin/go"), "version")); !strings.HasSuffix(strings.TrimSpace(got), version+" linux/arm64") {
		t.Fatalf("the toolchain says it is %s", got)
	}
	return root
}
