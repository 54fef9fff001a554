package cache

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/basal-project/basal/internal/digest"
)

// The test binary doubles as another process that uses the cache.
func TestMain(m *testing.M) {
	if dir := os.Getenv("BASAL_TEST_CACHE"); dir != "" {
		otherProcess(dir, os.Getenv("BASAL_TEST_HANG") != "")
		return
	}
	os.Exit(m.Run())
}

var shared = bytes.Repeat([]byte("shared"), 40_000)

// otherProcess writes the shared blob many times, or half of it once and then
// waits to be killed.
func otherProcess(dir string, hang bool) {
	fail := func(err error) {
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	c, err := Open(dir)
	fail(err)
	for range 20 {
		blob, err := c.Create()
		fail(err)
		_, err = blob.Write(shared[:len(shared)/2])
		fail(err)
		if hang {
			fmt.Println("writing")
			io.Copy(io.Discard, os.Stdin)
		}
		_, err = blob.Write(shared[len(shared)/2:])
		fail(err)
		fail(blob.Commit(digest.Of(shared), int64(len(shared))))
		fail(c.Check(digest.Of(shared), int64(len(shared))))
	}
}

func command(t *testing.T, dir string, env ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), append(env, "BASAL_TEST_CACHE="+dir)...)
	return cmd
}

func TestKilledWriterLeavesNothingThatHurts(t *testing.T) {
	dir := t.TempDir()
	cmd := command(t, dir, "BASAL_TEST_HANG=1")
	stdin, err := cmd.StdinPipe() // held open, so that the process waits
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, len("writing"))
	_, err = io.ReadFull(stdout, line)
	cmd.Process.Kill()
	cmd.Wait() // its error says that it was killed
	if err != nil || string(line) != "writing" {
		t.Fatalf("the other process said %q, %v", line, err)
	}

	c, d := open(t, dir), digest.Of(shared)
	if c.Has(d, int64(len(shared))) || c.Has(d, int64(len(shared)/2)) {
		t.Error("half a blob can be seen")
	}
	if err := c.Check(put(t, c, shared), int64(len(shared))); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(filepath.Join(dir, partial))
	if err != nil || len(left) != 1 {
		t.Fatalf("%d leftovers, %v, want 1", len(left), err)
	}
	past := time.Now().Add(-2 * sweepAge)
	if err := os.Chtimes(filepath.Join(dir, partial, left[0].Name()), past, past); err != nil {
		t.Fatal(err)
	}
	put(t, open(t, dir), nil)
	if n := count(t, filepath.Join(dir, partial)); n != 0 {
		t.Errorf("%d leftovers a day later", n)
	}
}

func TestTwoProcesses(t *testing.T) {
	dir := t.TempDir()
	var others []*exec.Cmd
	for range 2 {
		cmd := command(t, dir)
		cmd.Stdout, cmd.Stderr = new(bytes.Buffer), new(bytes.Buffer)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		others = append(others, cmd)
	}
	for _, cmd := range others {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %s%s", err, cmd.Stdout, cmd.Stderr)
		}
	}
	if err := open(t, dir).Check(digest.Of(shared), int64(len(shared))); err != nil {
		t.Error(err)
	}
	if n := count(t, filepath.Join(dir, partial)); n != 0 {
		t.Errorf("%d temporary files are left", n)
	}
}
