//go:build system

package system

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/basal-project/basal/ci/programs"
	"github.com/basal-project/basal/ci/registries"
)

// TestFrom: Docker and Buildah build a Dockerfile that begins FROM static by
// digest, and what they build runs.
func TestFrom(t *testing.T) {
	e := startEngine(t)
	dir := probeContext(t)
	onEachKind(t, func(t *testing.T, r *registries.Registry) {
		must(t, basal("push", "static", r.Addr+"/static"))
		base := "BASE=" + r.Addr + "/static@" + staticIndex(t, "nonroot").Digest
		t.Run("docker", func(t *testing.T) {
			must(t, e.docker("build", "--network=host", "--no-cache", "--build-arg="+base, "-t", "derived", dir))
			checkReport(t, must(t, e.docker("run", "--rm", "--network=none", "-v", dir+":/test:ro", "derived")), false)
		})
		t.Run("buildah", func(t *testing.T) { testBuildah(t, dir, base) })
	})
}

// probeContext returns a folder with a Dockerfile, the probe and what it needs.
func probeContext(t *testing.T) string {
	t.Helper()
	dir := testCertificates(t)
	if err := goBuild(filepath.Join(dir, "probe"), "./probe", "GOARCH=amd64"); err != nil {
		t.Fatal(err)
	}
	const dockerfile = "ARG BASE\nFROM ${BASE}\nCOPY probe /usr/bin/probe\nENV SSL_CERT_FILE=/test/bundle.pem\nENTRYPOINT [\"/usr/bin/probe\"]\n"
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// testBuildah builds with Buildah and runs the result in a chroot.
func testBuildah(t *testing.T, dir, base string) {
	store := t.TempDir()
	buildah := func(args ...string) *exec.Cmd {
		global := []string{"--root", filepath.Join(store, "root"), "--runroot", filepath.Join(store, "run"), "--storage-driver=vfs"}
		return exec.Command("buildah", append(global, args...)...)
	}
	must(t, buildah("bud", "--isolation=chroot", "--tls-verify=false", "--build-arg="+base, "-t", "derived", dir))
	container := strings.TrimSpace(must(t, buildah("from", "--pull-never", "derived")))
	out := must(t, buildah("run", "--isolation=chroot", "-v", dir+":/test:ro", container, "--", "/usr/bin/probe"))
	if !strings.Contains(out, `"UID":65532`) && !strings.Contains(out, `"UID": 65532`) {
		t.Errorf("got %q, want the probe to run as 65532", out)
	}
	must(t, buildah("rm", "--all"))
}

// TestExampleServer does what examples/server/README.md says, and asks the
// server; then the same program by the Dockerfile beside it.
func TestExampleServer(t *testing.T) {
	// The go command's own cache, not an empty one below the tests' XDG_CACHE_HOME.
	t.Setenv("GOCACHE", strings.TrimSpace(must(t, exec.Command("go", "env", "GOCACHE"))))
	e := startEngine(t)
	r := startRegistry(t, registries.InProcess, registries.Options{})
	spec := filepath.Join(t.TempDir(), "server")
	if err := os.CopyFS(spec, os.DirFS("../../examples/server")); err != nil {
		t.Fatal(err)
	}
	must(t, basal("push", "static", r.Addr+"/static"))
	t.Run("pushed", func(t *testing.T) {
		must(t, basal("lock", spec))
		must(t, basal("push", spec, r.Addr+"/server"))
		wantWhole(t, r.Addr+"/server")
		testServes(t, e, r.Addr+"/server:latest")
	})
	t.Run("Dockerfile", func(t *testing.T) {
		// The program is compiled here: an image with a Go toolchain would have to be
		// fetched. All else is the Dockerfile's.
		build := exec.Command("go", "build", "-C", spec, "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", "server", ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		must(t, build)
		text, err := os.ReadFile("../../examples/dockerfile/Dockerfile")
		if err != nil {
			t.Fatal(err)
		}
		_, last, found := bytes.Cut(text, []byte("\nFROM ${BASE}\n"))
		const copied = "COPY --from=build /server "
		if !found || !bytes.Contains(last, []byte(copied)) {
			t.Fatalf("the example's Dockerfile has changed:\n%s", text)
		}
		last = bytes.Replace(last, []byte(copied), []byte("COPY server "), 1)
		file := filepath.Join(t.TempDir(), "Dockerfile")
		if err := os.WriteFile(file, append([]byte("ARG BASE\nFROM ${BASE}\n"), last...), 0o644); err != nil {
			t.Fatal(err)
		}
		must(t, e.docker("build", "--network=host", "--build-arg=BASE="+r.Addr+"/static@"+staticIndex(t, "latest").Digest, "-t", "server", "-f", file, spec))
		testServes(t, e, "server")
	})
}

// testServes runs an image of examples/server and asks it.
func testServes(t *testing.T, e engine, image string) {
	t.Helper()
	addr, err := programs.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	id := strings.TrimSpace(must(t, e.docker("run", "-d", "--network=host", "-e", "ADDR="+addr, image)))
	defer must(t, e.docker("rm", "-f", id))
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v\n%s", err, must(t, e.docker("logs", id)))
		}
	}
	resp, err := http.Get("http://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(body); !strings.HasPrefix(got, "hello from uid 65532, ") || !strings.Contains(got, " CE") {
		t.Errorf("got %q, want a hello from 65532 with the time in Berlin", got)
	}
}

// TestExampleC: gcc's static program runs on static.
func TestExampleC(t *testing.T) {
	spec := filepath.Join(t.TempDir(), "c")
	if err := os.CopyFS(spec, os.DirFS("../../examples/c")); err != nil {
		t.Fatal(err)
	}
	must(t, exec.Command("make", "-B", "-C", spec))
	must(t, basal("lock", spec))
	archive := filepath.Join(t.TempDir(), "hello.tar")
	must(t, basal("build", spec, "-o", archive))
	e := startEngine(t)
	must(t, e.docker("load", "-i", archive))
	if out := must(t, e.docker("run", "--rm", "--network=none", "hello:latest-amd64")); !strings.HasPrefix(out, "hello from uid 65532, ") || !strings.Contains(out, " CE") {
		t.Errorf("got %q, want a hello from 65532 with the time in Berlin", out)
	}
}
