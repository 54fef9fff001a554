//go:build system

package system

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// An engine is a Docker daemon of the test's own: its data, socket and processes
// are apart from any other on this machine, and it changes no network.
type engine struct {
	dir string
}

// startEngine starts a daemon, and stops it when the test ends.
func startEngine(t *testing.T) engine {
	t.Helper()
	dir, err := os.MkdirTemp("", "basal-docker-") // not t.TempDir: a socket's path is at most 107 bytes long
	if err != nil {
		t.Fatal(err)
	}
	e := engine{dir}
	var log bytes.Buffer
	daemon := exec.Command("dockerd", "--iptables=false", "--ip6tables=false", "--bridge=none",
		"--data-root", e.path("data"), "--exec-root", e.path("exec"), "--pidfile", e.path("pid"), "-H", e.host())
	daemon.Stdout, daemon.Stderr = &log, &log
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- daemon.Wait() }()
	t.Cleanup(func() {
		daemon.Process.Signal(syscall.SIGTERM)
		<-ended
		// Containers on the host's network leave a mount of it behind, if any ran.
		syscall.Unmount(e.path("exec/netns/default"), syscall.MNT_DETACH)
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	for deadline := time.Now().Add(time.Minute); e.docker("version").Run() != nil; {
		select {
		case err := <-ended:
			ended <- err // for the clean-up
			t.Fatalf("dockerd ended: %v\n%s", err, log.Bytes())
		case <-time.After(100 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatal("dockerd gives no answer after a minute")
		}
	}
	return e
}

func (e engine) path(name string) string { return filepath.Join(e.dir, name) }

func (e engine) host() string { return "unix://" + e.path("socket") }

// docker returns a run of the client against this daemon.
func (e engine) docker(args ...string) *exec.Cmd {
	cmd := exec.Command("docker", args...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+e.host(), "DOCKER_CONFIG="+e.path("config"))
	return cmd
}
