package gobuild

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

// toolchain is a Go release on this machine.
type toolchain struct {
	version string // go1.26.8
	bin     string // the folder of its go command
}

// command returns the path of its go command.
func (c toolchain) command() string { return filepath.Join(c.bin, "go") }

// installed returns the toolchain on PATH.
func (t *Tool) installed() (toolchain, error) {
	path, err := exec.LookPath("go")
	if errors.Is(err, exec.ErrDot) {
		return toolchain{}, diag.Usagef("the go command on PATH is %s, found by a folder that is not absolute", path).
			WithHint("write only absolute folders in PATH: this one is another in each folder")
	}
	if err != nil {
		return toolchain{}, diag.Usagef("there is no go command on PATH: %w", exec.ErrNotFound).WithHint("Go programs need a Go release: https://go.dev/dl")
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if path, err = filepath.Abs(path); err != nil {
		return toolchain{}, err
	}
	c := toolchain{bin: filepath.Dir(path)}
	b, err := readSmall(filepath.Join(c.bin, "..", "VERSION")) // costs less than asking
	if err == nil {
		c.version = firstLine(string(b))
	}
	if !specs.IsToolchain(c.version) {
		out, err := t.output(context.Background(), call{tool: c, dir: os.TempDir(), args: []string{"env", "GOVERSION"}})
		if err != nil {
			return c, err
		}
		c.version = firstLine(string(out))
	}
	return c, nil
}

// find returns the toolchain of a version: the one on PATH, or one that the go
// command has downloaded.
func (t *Tool) find(version string) (toolchain, error) {
	c, err := t.installed()
	if err != nil {
		return c, err
	}
	if c.version == version {
		return c, nil
	}
	other := toolchain{version, filepath.Join(t.env.modules, "golang.org", "toolchain@v0.0.1-"+version+"."+runtime.GOOS+"-"+runtime.GOARCH, "bin")}
	if _, err := os.Stat(other.command()); err != nil {
		return c, diag.Usagef("the lock's Go programs are compiled with %s, and the go command on PATH is %s", version, c.version).
			WithHint("basal fetch brings that release; basal lock takes %s instead", c.version)
	}
	return other, nil
}

// wanted returns the toolchain that a lock is made with: the one that GOTOOLCHAIN
// names, else the one on PATH.
func (t *Tool) wanted(ctx context.Context) (toolchain, error) {
	c, err := t.installed()
	if err != nil {
		return c, err
	}
	version := c.version
	if name, _, _ := strings.Cut(t.env.user.get("GOTOOLCHAIN"), "+"); strings.HasPrefix(name, "go") {
		version = name
	}
	if !specs.IsToolchain(version) {
		return c, diag.Usagef("the Go toolchain is %q, want a release such as go1.26.8", version).
			WithHint("a toolchain that somebody has changed makes programs that nobody else can make: install a release, or name one, as in GOTOOLCHAIN=go1.26.8 basal lock …")
	}
	return t.obtain(ctx, version)
}

// obtain returns the toolchain of a version, downloading it if need be. The go
// command checks it against the checksum database.
func (t *Tool) obtain(ctx context.Context, version string) (toolchain, error) {
	c, err := t.find(version)
	if err == nil || c.version == "" || t.opt.Offline {
		return c, err
	}
	if _, err := t.output(ctx, call{tool: c, dir: os.TempDir(), args: []string{"version"}, env: append(t.env.network(), "GOTOOLCHAIN="+version)}); err != nil {
		return c, diag.Unavailablef("toolchain %s: %w", version, err).WithHint("is there such a Go release?")
	}
	return t.find(version)
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return strings.TrimSpace(s)
}
