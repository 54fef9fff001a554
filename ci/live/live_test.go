//go:build live

package live

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/basal-project/basal/ci/ocidir"
)

// A lockFile is what this test looks at in a lock.
type lockFile struct {
	Platforms []struct {
		Platform string
		Packages []struct{ SHA256 string }
	}
}

// TestLive locks static afresh against the real archive, checks the chain of
// signatures again offline, builds, and compares with the committed lock: what
// the archive has not changed since gives the same layers, and a second lock
// changes no byte of the file.
func TestLive(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "basal")
	// With the flags of go test, so that what it compiled is not compiled again.
	build := exec.Command("go", "build", "-buildvcs=false", "-o", bin, "../../cmd/basal")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	run(t, build)
	basal := func(args ...string) {
		t.Helper()
		cmd := exec.Command(bin, args...)
		cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+filepath.Join(dir, "cache"))
		run(t, cmd)
	}

	fresh := filepath.Join(dir, "static")
	if err := os.CopyFS(fresh, os.DirFS("../../images/static")); err != nil {
		t.Fatal(err)
	}
	lockPath := filepath.Join(fresh, "lock.json")
	committed := readLock(t, lockPath)
	if err := os.Remove(lockPath); err != nil {
		t.Fatal(err)
	}
	narrow(t, filepath.Join(fresh, "image.yaml"))
	basal("lock", fresh)
	first := readFile(t, lockPath)
	basal("lock", fresh)
	if !bytes.Equal(first, readFile(t, lockPath)) {
		t.Error("locking again with nothing changed wrote another file")
	}
	basal("lock", "--verify", fresh)

	layout := filepath.Join(dir, "layout")
	basal("build", fresh, "-o", layout)
	compareLayers(t, layout, committed, readLock(t, lockPath))
}

// narrow leaves two platforms in a spec. One would do to see that basal and the
// archive understand each other, and small mirrors are often behind for the
// others, which is no fault of basal's.
func narrow(t *testing.T, spec string) {
	t.Helper()
	platforms := regexp.MustCompile(`(?m)^platforms:.*\n(  - .*\n)*`)
	before := readFile(t, spec)
	after := platforms.ReplaceAll(before, []byte("platforms: [linux/amd64, linux/arm64]\n"))
	if bytes.Equal(before, after) {
		t.Fatalf("%s has no platforms", spec)
	}
	if err := os.WriteFile(spec, after, 0o644); err != nil {
		t.Fatal(err)
	}
}

// compareLayers holds the fresh build against digests.txt: each platform shares
// at least one layer with the committed image for every package that is still
// the same one.
func compareLayers(t *testing.T, layout string, committed, fresh lockFile) {
	t.Helper()
	golden := readFile(t, "../../images/static/digests.txt")
	indexes, err := ocidir.Read(layout)
	if err != nil {
		t.Fatal(err)
	}
	debs := make(map[string]bool)
	for _, p := range committed.Platforms {
		for _, pkg := range p.Packages {
			debs[p.Platform+pkg.SHA256] = true
		}
	}
	same := make(map[string]int) // platform: packages that have not changed
	for _, p := range fresh.Platforms {
		for _, pkg := range p.Packages {
			if debs[p.Platform+pkg.SHA256] {
				same[p.Platform]++
			}
		}
		t.Logf("%s: %d of %d packages are the committed ones", p.Platform, same[p.Platform], len(p.Packages))
	}
	shared := make(map[string]map[string]bool)
	for _, ix := range indexes {
		for _, im := range ix.Images {
			name := im.Platform.String()
			if im.Platform.Architecture == "arm64" {
				name = "linux/arm64" // whose one variant, v8, the lock leaves out
			}
			if shared[name] == nil {
				shared[name] = make(map[string]bool)
			}
			for _, l := range im.Layers {
				if bytes.Contains(golden, []byte(l.Digest)) {
					shared[name][l.Digest] = true
				}
			}
		}
	}
	for platform, n := range same {
		// One package, ca-certificates, gives only its bundle and has no layer.
		if got := len(shared[platform]); got < n-1 {
			t.Errorf("%s: %d layers are the committed ones, want at least %d", platform, got, n-1)
		}
	}
}

func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readLock(t *testing.T, path string) (lock lockFile) {
	t.Helper()
	if err := json.Unmarshal(readFile(t, path), &lock); err != nil {
		t.Fatal(err)
	}
	return lock
}
