//go:build system

package system

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// withCache returns a run of the program with another cache.
func withCache(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(bin, args...)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+dir)
	return cmd
}

// TestKilled kills builds, of layouts and archives, at moments spread over a
// build's time. The output is whole or absent, and the next run just works.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	full := time.Now()
	archive := filepath.Join(dir, "static.tar")
	must(t, basal("build", "static", "-o", archive, "--no-cache"))
	took := time.Since(full)
	want := map[string]string{".tar": sum(t, archive), "": sum(t, static)}

	random := rand.New(rand.NewPCG(1, 2)) // the same moments in each run of the test
	kills := 0
	for i := range 16 {
		ext := []string{"", ".tar"}[i%2]
		out := filepath.Join(dir, "out"+ext)
		cmd := basal("build", "static", "-o", out, "--no-cache")
		cmd.Env = append(cmd.Env, "TMPDIR="+t.TempDir()) // what a killed run leaves there is the system's to clean
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(random.Float64()*float64(took)), func() { cmd.Process.Kill() })
		if cmd.Wait() != nil {
			kills++
		}
		timer.Stop()
		if _, err := os.Lstat(out); err == nil {
			if sum(t, out) != want[ext] {
				t.Fatalf("run %d: half an output", i)
			}
		} else if !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		must(t, basal("build", "static", "-o", out, "--no-cache"))
		if sum(t, out) != want[ext] {
			t.Fatalf("run %d: the build after it differs", i)
		}
		if err := os.RemoveAll(out); err != nil {
			t.Fatal(err)
		}
	}
	if kills < 8 {
		t.Errorf("only %d of 16 builds were killed before their end", kills)
	}
}

// TestKilledFillingCache kills builds that fetch into an empty cache and fill the
// layer cache. What they leave there hurts nobody.
func TestKilledFillingCache(t *testing.T) {
	dir := t.TempDir()
	shared := filepath.Join(dir, "cache")
	random := rand.New(rand.NewPCG(3, 4))
	for range 8 {
		cmd := withCache(shared, "build", "static", "-o", filepath.Join(dir, "out"))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(random.IntN(600))*time.Millisecond, func() { cmd.Process.Kill() })
		cmd.Wait() // killed or not: the next build tells
		timer.Stop()
		if err := os.RemoveAll(filepath.Join(dir, "out")); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, "out")
	must(t, withCache(shared, "build", "static", "-o", out))
	if sum(t, out) != sum(t, static) {
		t.Error("the build on the left-over cache differs")
	}
}

// TestDiskFull: no room for the output, or for the cache, is an error that says
// so, and no output is left.
func TestDiskFull(t *testing.T) {
	small := t.TempDir()
	mount(t, small, "-t", "tmpfs", "-o", "size=256k", "tmpfs")
	for _, name := range []string{"layout", "archive.tar"} {
		stderr := fails(t, basal("build", "static", "-o", filepath.Join(small, name)), 1)
		if !strings.Contains(stderr, "no space left") {
			t.Errorf("%s: got %q, want it to say that there is no space left", name, stderr)
		}
		if left, err := os.ReadDir(small); err != nil || len(left) > 0 {
			t.Errorf("%s: got %v left over (error %v), want nothing", name, left, err)
		}
	}
	out := filepath.Join(t.TempDir(), "out")
	stderr := fails(t, withCache(small, "build", "static", "-o", out), 1)
	if !strings.Contains(stderr, "no space left") {
		t.Errorf("cache: got %q, want it to say that there is no space left", stderr)
	}
	if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("cache: an output was left (error %v)", err)
	}
}

// TestReadOnlyCache: a cache that cannot be written, even by root, is read.
func TestReadOnlyCache(t *testing.T) {
	frozen := t.TempDir()
	mount(t, frozen, "--bind", cache)
	must(t, exec.Command("mount", "-o", "remount,bind,ro", frozen))
	for _, args := range [][]string{{}, {"--no-cache"}} {
		out := filepath.Join(t.TempDir(), "out")
		must(t, withCache(frozen, append([]string{"build", "static", "-o", out}, args...)...))
		if sum(t, out) != sum(t, static) {
			t.Errorf("%q: the build differs", args)
		}
	}
}

// TestTwoBuilds: two builds fill one empty cache at the same time; each is right.
func TestTwoBuilds(t *testing.T) {
	dir := t.TempDir()
	var cmds [2]*exec.Cmd
	var stderr [2]bytes.Buffer
	for i := range cmds {
		cmds[i] = withCache(filepath.Join(dir, "cache"), "build", "static", "-o", filepath.Join(dir, []string{"a", "b"}[i]))
		cmds[i].Stderr = &stderr[i]
		if err := cmds[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	for i, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v\n%s", err, stderr[i].Bytes())
		}
	}
	for _, name := range []string{"a", "b"} {
		if sum(t, filepath.Join(dir, name)) != sum(t, static) {
			t.Errorf("build %s differs", name)
		}
	}
}
