//go:build system

package system

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What all tests share; set by TestMain.
var (
	bin     string // the program
	scratch string // a folder that every user can enter
	cache   string // XDG_CACHE_HOME with all inputs of static
	static  string // the layout of static that the others are held against
)

func TestMain(m *testing.M) {
	code, err := setUp(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "set-up:", err)
		code = 1
	}
	os.Exit(code)
}

func setUp(m *testing.M) (code int, err error) {
	if os.Geteuid() != 0 {
		return 0, errors.New("these tests become other users and mount file systems: run make test-system as root")
	}
	if scratch, err = os.MkdirTemp("", "basal-system-"); err != nil {
		return 0, err
	}
	defer os.RemoveAll(scratch)
	if err := os.Chmod(scratch, 0o755); err != nil {
		return 0, err
	}
	bin, cache, static = filepath.Join(scratch, "basal"), filepath.Join(scratch, "cache"), filepath.Join(scratch, "static")
	if err := copyProgram(bin, "../../bin/basal"); err != nil {
		return 0, fmt.Errorf("%w; make build makes it, and make test-system does so first", err)
	}
	if out, err := basal("build", "static", "-o", static).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("basal build static: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// copyProgram copies the program out of the checkout, which not every user may
// enter.
func copyProgram(to, from string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o755)
}

// goBuild builds a package for tests, with more environment.
func goBuild(out, pkg string, env ...string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out, pkg)
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if b, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, b)
	}
	return nil
}

// basal returns a run of the program with the shared cache.
func basal(args ...string) *exec.Cmd {
	cmd := exec.Command(bin, args...)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+cache)
	return cmd
}

// must runs cmd and returns its standard output; anything but success ends the
// test.
func must(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(cmd.Args, " "), err, out, stderr.Bytes())
	}
	return string(out)
}

// fails runs cmd, which has to exit with the code given, and returns its
// standard error.
func fails(t *testing.T, cmd *exec.Cmd, code int) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("%s: got exit code %d (%v), want %d\n%s", strings.Join(cmd.Args, " "), got, err, code, stderr.Bytes())
	}
	return stderr.String()
}

// sum returns a digest of all names and contents below a file or folder. Modes
// and times are left out: they are the machine's, not the image's.
func sum(t *testing.T, root string) string {
	t.Helper()
	h := sha256.New()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%q %v\n", name, d.Type())
		if !d.Type().IsRegular() {
			return nil
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		n, err := io.Copy(h, f)
		fmt.Fprintf(h, "%d\n", n)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// mount mounts, with mount's own arguments, and unmounts when the test ends.
func mount(t *testing.T, target string, args ...string) {
	t.Helper()
	must(t, exec.Command("mount", append(args, target)...))
	t.Cleanup(func() {
		if err := syscall.Unmount(target, 0); err != nil {
			t.Errorf("unmount %s: %v", target, err)
		}
	})
}
