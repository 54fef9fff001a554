// Package programs installs the Go programs of others that tests and
// measurements run: registries, cosign, ko, toxiproxy. Each is built by go
// install at an exact version into a folder of the user's cache, once. So their
// modules, which are many, never enter this repository's go.mod.
package programs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

// A Program is a command that go install can build.
type Program struct {
	Package string // import path of its package main
	Version string // of its module
}

// The programs that are run here.
var (
	// Distribution is the registry of the CNCF. It has no referrers API.
	Distribution = Program{"github.com/distribution/distribution/v3/cmd/registry", "v3.1.2"}
	// Cosign signs images and verifies them. Version 2 still writes the old tags.
	Cosign = Program{"github.com/sigstore/cosign/v2/cmd/cosign", "v2.6.5"}
	// Ko builds images of Go programs.
	Ko = Program{"github.com/google/ko", "v0.18.1"}
	// Toxiproxy spoils connections. Later versions are not known to the module
	// proxy.
	Toxiproxy = Program{"github.com/Shopify/toxiproxy/v2/cmd/server", "v2.5.0"}
)

// Path returns the file of the program, which is built when it is not there yet:
// between half a minute and five.
func (p Program) Path(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	all := filepath.Join(cache, "basal-ci")
	name := path.Base(p.Package)
	dir := filepath.Join(all, strings.Join([]string{strings.ReplaceAll(p.Package, "/", "_"), p.Version, runtime.Version()}, "-"))
	file := filepath.Join(dir, name)
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	// Installed beside and renamed: two runs at a time do not meet, and a run
	// that ends early leaves no half a program.
	tmp, err := os.MkdirTemp(all, "install-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	fmt.Fprintf(os.Stderr, "installing %s@%s\n", p.Package, p.Version)
	cmd := exec.CommandContext(ctx, "go", "install", p.Package+"@"+p.Version)
	cmd.Dir = tmp // not a folder whose go.mod or go.work could have a say
	cmd.Env = append(os.Environ(), "GOBIN="+tmp, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOOS=", "GOARCH=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go install %s@%s: %w\n%s", p.Package, p.Version, err, out)
	}
	return file, os.Rename(filepath.Join(tmp, name), file)
}
