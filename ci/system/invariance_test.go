//go:build system

package system

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nobody is a user who owns nothing here.
const nobody = 65534

// otherGo is a release whose standard gzip writes other bytes than the release
// that go.mod asks for, which is what makes it worth trying.
const otherGo = "go1.27.0"

// A surrounding is what must not reach a published byte.
type surrounding struct {
	name string
	wrap []string // put before the program
	env  []string
	dir  string
	uid  uint32
	bin  string // another build of the program
	rig  string // a build of ci/rebuild, in place of the program
}

// TestInvariance builds static in each surrounding, without the layer cache, and
// wants the same files, byte for byte, as in the test's own. For another Go
// release and another processor only what makes the bytes is compiled, see
// ci/rebuild; with the tag e2e the whole program is, too.
func TestInvariance(t *testing.T) {
	for _, s := range []surrounding{
		{name: "one thread", env: []string{"GOMAXPROCS=1"}},
		{name: "eight threads", env: []string{"GOMAXPROCS=8"}},
		{name: "time zone", env: []string{"TZ=Asia/Kathmandu"}},
		{name: "language", env: []string{"LANG=tr_TR.UTF-8", "LC_ALL=tr_TR.UTF-8"}},
		{name: "narrow umask", wrap: []string{"sh", "-c", `umask 077; exec "$0" "$@"`}},
		{name: "no umask", wrap: []string{"sh", "-c", `umask 000; exec "$0" "$@"`}},
		{name: "folder", dir: "/"},
		{name: "no home", env: []string{"HOME=/nonexistent"}},
		{name: "few open files", wrap: []string{"sh", "-c", `ulimit -n 64; exec "$0" "$@"`}},
		{name: "not root", uid: nobody},
		{name: "other Go release", rig: anotherBuild(t, rebuild, "GOTOOLCHAIN="+otherGo)},
		{name: "arm64", wrap: []string{"qemu-aarch64"}, rig: anotherBuild(t, rebuild, "GOARCH=arm64")},
		{name: "year 2031", wrap: laterYear(t)},
	} {
		t.Run(s.name, s.testSame)
	}
}

// testSame builds static in a surrounding and compares.
func (s surrounding) testSame(t *testing.T) {
	out := filepath.Join(s.folder(t), "static")
	cmd := s.command("build", "static", "-o", out, "--no-cache")
	if s.rig != "" {
		cmd = s.run(s.rig, "static", filepath.Join(cache, "basal"), out)
	}
	must(t, cmd)
	if sum(t, out) != sum(t, static) {
		t.Errorf("the layout differs: %s", must(t, exec.Command("sh", "-c", "diff -rq \"$0\" \"$1\" | head -5", static, out)))
	}
}

// folder returns a folder that the surrounding's user can write to.
func (s surrounding) folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(scratch, "out-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chown(dir, int(s.uid), int(s.uid)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// command returns a run of basal in the surrounding.
func (s surrounding) command(args ...string) *exec.Cmd {
	return s.run(cmp.Or(s.bin, bin), args...)
}

// run returns a run of any program in the surrounding.
func (s surrounding) run(program string, args ...string) *exec.Cmd {
	words := append(append(append([]string{}, s.wrap...), program), args...)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env = append(append(os.Environ(), "XDG_CACHE_HOME="+cache), s.env...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: s.uid, Gid: s.uid}}
	return cmd
}

const rebuild = "../rebuild"

// anotherBuild builds a program with GOTOOLCHAIN or GOARCH set, and checks that
// the result was made with it, and that ours was not.
func anotherBuild(t *testing.T, pkg, env string) string {
	t.Helper()
	out := filepath.Join(scratch, filepath.Base(pkg)+"-"+strings.ReplaceAll(env, "=", "-"))
	if err := goBuild(out, pkg, env); err != nil {
		t.Fatal(err)
	}
	if !madeWith(t, out, env) || madeWith(t, bin, env) {
		t.Fatalf("%s changed nothing in how %s is built", env, pkg)
	}
	return out
}

// madeWith reports whether go version -m tells of a setting.
func madeWith(t *testing.T, file, env string) bool {
	t.Helper()
	first, rest, _ := strings.Cut(must(t, exec.Command("go", "version", "-m", file)), "\n")
	if release, found := strings.CutPrefix(env, "GOTOOLCHAIN="); found {
		return strings.HasSuffix(first, ": "+release)
	}
	return strings.Contains(rest, "\tbuild\t"+env+"\n")
}

// laterYear returns a wrapper under which a Go program sees the year 2031. Go
// asks the kernel itself for the time, so faketime, which works in the dynamic
// linker, does not reach it: it has to run in qemu, whose own calls faketime
// does change. That needs a dynamically linked qemu; the check tells.
func laterYear(t *testing.T) []string {
	t.Helper()
	wrap := []string{"faketime", "2031-01-01 00:00:00", "qemu-x86_64"}
	probe := filepath.Join(scratch, "probe")
	if err := goBuild(probe, "./probe", "GOARCH=amd64"); err != nil {
		t.Fatal(err)
	}
	words := append(wrap, probe, "clock")
	out := strings.TrimSpace(must(t, exec.Command(words[0], words[1:]...)))
	if at, err := time.Parse(time.RFC3339, out); err != nil || at.Year() != 2031 {
		t.Fatalf("%s did not move the clock: got %q (%v)", strings.Join(wrap, " "), out, err)
	}
	return wrap
}
