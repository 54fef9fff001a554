//go:build system && e2e

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

// TestGoProgramOnArm: the Go release for arm64 makes the same program for amd64
// as the release for amd64.
func TestGoProgramOnArm(t *testing.T) {
	image := goImage(t)
	s := surrounding{env: []string{"PATH=" + filepath.Join(armToolchain(t), "bin") + ":" + os.Getenv("PATH")}}
	s.testCompile(t, image, compileHere(t, image))
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
