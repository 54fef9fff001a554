//go:build system

package system

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/basal-project/basal/ci/programs"
	"github.com/basal-project/basal/ci/registries"
	"github.com/basal-project/basal/ci/toxics"
)

// TestRegistryKilled: a registry ends in the middle of a push and comes back; no
// tag is broken, and the next push does the rest.
func TestRegistryKilled(t *testing.T) {
	server, err := toxics.Start(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	onEachKind(t, func(t *testing.T, r *registries.Registry) {
		proxy, err := server.Proxy(t.Context(), r.Addr)
		if err != nil {
			t.Fatal(err)
		}
		// Slow enough for a kill in the middle: static has several megabytes.
		slow := toxics.Toxic{Name: "slow", Type: "bandwidth", Stream: "upstream", Toxicity: 1, Attributes: map[string]int{"rate": 500}}
		if err := proxy.Set(t.Context(), slow); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Second, r.Kill)
		defer timer.Stop()
		stderr := fails(t, basal("push", "static", proxy.Addr+"/static"), 3)
		if !strings.Contains(stderr, "basal: error: ") {
			t.Errorf("got %q, want an error", stderr)
		}
		if err := r.Restart(); err != nil {
			t.Fatal(err)
		}
		wantWhole(t, r.Addr+"/static")
		must(t, basal("push", "static", r.Addr+"/static"))
		wantWhole(t, r.Addr+"/static")
		testRead(t, r.Addr+"/static:debug", staticIndex(t, "debug"))
	})
}

// TestRegistryFull: a registry without room is an error that tags nothing; with
// more room the next push does the rest.
func TestRegistryFull(t *testing.T) {
	for _, kind := range kinds {
		if kind.Name == registries.InProcess.Name {
			continue // has no disk
		}
		t.Run(kind.Name, func(t *testing.T) {
			small := t.TempDir()
			mount(t, small, "-t", "tmpfs", "-o", "size=1m", "tmpfs")
			r := startRegistry(t, kind, registries.Options{Storage: small})
			t.Cleanup(r.Kill) // before the file system goes
			stderr := fails(t, basal("push", "static", r.Addr+"/static"), 3)
			if !strings.Contains(stderr, "basal: error: ") {
				t.Errorf("got %q, want an error", stderr)
			}
			wantWhole(t, r.Addr+"/static")
			must(t, exec.Command("mount", "-o", "remount,size=100m", small))
			// Version 2.8 leaves empty links behind, and then has an inner fault each time
			// that it is asked for such a blob, until somebody removes them.
			must(t, exec.Command("find", small, "-name", "link", "-empty", "-delete"))
			must(t, basal("push", "static", r.Addr+"/static"))
			wantWhole(t, r.Addr+"/static")
			testRead(t, r.Addr+"/static:debug", staticIndex(t, "debug"))
		})
	}
}

// TestRegistryReadOnly: a registry in maintenance gives, and takes nothing.
func TestRegistryReadOnly(t *testing.T) {
	spec := writeSpec(t, smallSpec("one"))
	must(t, basal("lock", spec))
	onEachKind(t, func(t *testing.T, r *registries.Registry) {
		must(t, basal("push", spec, r.Addr+"/small"))
		r.Options.ReadOnly = true
		if err := r.Restart(); err != nil {
			t.Fatal(err)
		}
		must(t, basal("push", spec, r.Addr+"/small")) // all is there
		must(t, basal("pull", r.Addr+"/small", "-o", filepath.Join(t.TempDir(), "pulled")))
		stderr := fails(t, basal("push", spec, r.Addr+"/other"), 3)
		if !strings.Contains(stderr, "read-only") && !strings.Contains(stderr, "not allowed") {
			t.Errorf("got %q, want it to say that writing is not allowed", stderr)
		}
	})
}

// TestRegistryDeletesMoved: a registry forgets a manifest when its tag moves, as
// zot does. What a push announces is there when it ends, and what older tags and
// digests lead to is there, too.
func TestRegistryDeletesMoved(t *testing.T) {
	r := startRegistry(t, registries.InProcess, registries.Options{Wrap: registries.DeletesMoved})
	for _, word := range []string{"one", "two", "one"} {
		spec := writeSpec(t, smallSpec(word))
		must(t, basal("lock", spec))
		out := must(t, basal("push", spec, r.Addr+"/small"))
		wantWhole(t, r.Addr+"/small")
		digest, _, _ := strings.Cut(out, " ")
		must(t, basal("pull", r.Addr+"/small@"+digest, "-o", filepath.Join(t.TempDir(), "pulled")))
	}
}

// TestRegistryBusy: requests that are answered with 429 and Retry-After are made
// again after that time.
func TestRegistryBusy(t *testing.T) {
	r := startRegistry(t, registries.InProcess, registries.Options{Wrap: registries.Busy(10)})
	spec := writeSpec(t, smallSpec("one"))
	must(t, basal("lock", spec))
	must(t, basal("push", spec, r.Addr+"/small"))
	r.Options.Wrap = nil
	if err := r.Restart(); err != nil {
		t.Fatal(err)
	}
	wantWhole(t, r.Addr+"/small")
}

// TestCredentials: a push needs the right ones, from a Docker config; and they
// do not follow to the host that blobs come from.
func TestCredentials(t *testing.T) {
	elsewhere, err := programs.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var strangers []http.Header // what the other host was told
	wrap := func(next http.Handler) http.Handler {
		stop, err := registries.Serve(elsewhere, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			mu.Lock()
			strangers = append(strangers, req.Header.Clone())
			mu.Unlock()
			next.ServeHTTP(w, req)
		}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
		return registries.BasicAuth("me", "secret")(registries.BlobsElsewhere("http://" + elsewhere)(next))
	}
	r := startRegistry(t, registries.InProcess, registries.Options{Wrap: wrap})
	spec := writeSpec(t, smallSpec("one"))
	must(t, basal("lock", spec))
	as := func(config string, args ...string) *exec.Cmd {
		cmd := basal(args...)
		cmd.Env = append(cmd.Env, "DOCKER_CONFIG="+config)
		return cmd
	}
	for _, config := range []string{t.TempDir(), dockerConfig(t, r.Addr, "me", "expired")} {
		stderr := fails(t, as(config, "push", spec, r.Addr+"/small"), 3)
		if !strings.Contains(stderr, "docker login") {
			t.Errorf("got %q, want a hint about docker login", stderr)
		}
	}
	config := dockerConfig(t, r.Addr, "me", "secret")
	must(t, as(config, "push", spec, r.Addr+"/small"))
	must(t, as(config, "pull", r.Addr+"/small:latest", "-o", filepath.Join(t.TempDir(), "pulled")))
	if len(strangers) == 0 {
		t.Error("no blob came from elsewhere")
	}
	for _, h := range strangers {
		if h.Get("Authorization") != "" || h.Get("Cookie") != "" {
			t.Errorf("credentials were sent to another host: %v", h)
		}
	}
}

// dockerConfig returns a folder with credentials as docker login writes them.
func dockerConfig(t *testing.T, addr, user, password string) string {
	t.Helper()
	dir := t.TempDir()
	text := fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, addr, base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// smallSpec is an image of one file that holds the word.
func smallSpec(word string) string {
	return `version: 1
name: small
platforms: [linux/amd64, linux/arm64]
files:
  - {path: /word, content: "` + word + `\n"}
`
}
