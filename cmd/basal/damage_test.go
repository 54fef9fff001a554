package main

import (
	"bytes"
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/basal-project/basal/builder/debian/debtest"
)

const damagedImage = `version: 1
name: img
platforms: [linux/amd64]
archives:
  - {uri: debian, suites: [trixie], components: [main], signed-by: ./archive.asc}
packages: [hello, libhello]
`

// TestDamagedFiles damages each file that the archive serves, in each of several
// ways. Neither basal lock nor basal build may take it; both name it, leave no
// output, and the lock of before is as it was.
func TestDamagedFiles(t *testing.T) {
	damages := map[string]func([]byte) []byte{
		"first bit":  debtest.Flip(0),
		"middle bit": func(b []byte) []byte { return debtest.Flip(len(b) / 2)(b) },
		"late bit":   debtest.Flip(-60), // in a release file: of the signature
		"cut":        debtest.Truncate(60),
		"longer":     debtest.Append("more\n"),
		"empty":      func([]byte) []byte { return nil },
	}
	for _, file := range []string{"InRelease", "Packages.xz", "hello_1.0_all.deb", "libhello_1.0_amd64.deb"} {
		for name, damage := range damages {
			t.Run(file+"/"+name, func(t *testing.T) {
				t.Parallel()
				testDamage(t, file, damage)
			})
		}
	}
}

func testDamage(t *testing.T, file string, damage func([]byte) []byte) {
	w := newWorld(t)
	srv := httptest.NewServer(w)
	defer srv.Close()
	u := newUser(t, srv.URL)
	u.write("img/archive.asc", w.archive.Key.Public(t))
	u.write("img/image.yaml", []byte(damagedImage))
	w.set("trixie", debtest.Deb{Name: "hello", Depends: "libhello", Files: map[string]string{"usr/share/hello": "hi"}})
	w.set("trixie", debtest.Deb{Name: "libhello", Arch: "amd64"})
	w.publish(debtest.Suite{Name: "trixie", Archs: []string{"amd64"}, Formats: []string{"xz"}})
	if code, _, stderr := u.basal("lock", "img"); code != 0 {
		t.Fatalf("lock: %s", stderr)
	}
	lock := u.read("img/lock.json")
	u.remove("cache")

	served := w.archive.File(t, w.paths(file)[0])
	for _, p := range w.archive.Paths() {
		if bytes.Equal(w.archive.File(t, p), served) { // by-hash, too
			w.archive.Corrupt(t, p, damage)
		}
	}
	u.fails(file, "lock", "img")
	if !bytes.Equal(u.read("img/lock.json"), lock) {
		t.Error("the lock changed")
	}
	if strings.HasSuffix(file, ".deb") {
		u.fails(file, "build", "img", "-o", "out")
		u.fails(file, "build", "img", "-o", "out.tar")
		u.fails(file, "fetch", "img", "-o", "out")
	}
	if names := strings.TrimPrefix(u.names(), "cache "); names != "img" {
		t.Errorf("files are left: %s", names)
	}

	w.archive.Heal()
	if code, stdout, stderr := u.basal("lock", "img"); code != 0 || stdout != "img/lock.json: unchanged\n" {
		t.Errorf("lock after all is well again: %s%s", stdout, stderr)
	}
}

// user runs basal in a folder of its own.
type user struct {
	t   *testing.T
	dir string
	env []string
}

func newUser(t *testing.T, server string) user {
	u := user{t: t, dir: t.TempDir()}
	u.env = append(os.Environ(), "BASAL_DEBIAN_MIRROR="+server+"/mirror", "BASAL_SNAPSHOT="+server+"/nothing",
		"XDG_CACHE_HOME="+filepath.Join(u.dir, "cache"), "HOME="+u.dir)
	return u
}

func (u user) basal(args ...string) (code int, stdout, stderr string) {
	u.t.Helper()
	var out, errs strings.Builder
	cmd := exec.Command("basal", args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = u.dir, u.env, &out, &errs
	err := cmd.Run()
	var failure *exec.ExitError
	if err != nil && !errors.As(err, &failure) {
		u.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// fails runs basal, which must say in one error what is wrong with a file.
func (u user) fails(file string, args ...string) {
	u.t.Helper()
	code, stdout, stderr := u.basal(args...)
	if code == 0 || stdout != "" || strings.Count(stderr, "basal: error: ") != 1 || !strings.Contains(stderr, path.Base(file)) {
		u.t.Errorf("basal %q with a damaged %s: exit code %d\n%s%s", args, file, code, stdout, stderr)
	}
	if fault := checkStderr(stderr, code); fault != "" {
		u.t.Errorf("basal %q: standard error %s", args, fault)
	}
}

func (u user) write(name string, b []byte) {
	u.t.Helper()
	name = filepath.Join(u.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		u.t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o644); err != nil {
		u.t.Fatal(err)
	}
}

func (u user) read(name string) []byte {
	u.t.Helper()
	b, err := os.ReadFile(filepath.Join(u.dir, name))
	if err != nil {
		u.t.Fatal(err)
	}
	return b
}

func (u user) remove(name string) {
	u.t.Helper()
	if err := os.RemoveAll(filepath.Join(u.dir, name)); err != nil {
		u.t.Fatal(err)
	}
}

// names returns what lies in the user's folder, sorted.
func (u user) names() string {
	entries, err := os.ReadDir(u.dir)
	if err != nil {
		u.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}
