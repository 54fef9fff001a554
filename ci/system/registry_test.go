//go:build system

package system

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/basal-project/basal/ci/ocidir"
	"github.com/basal-project/basal/ci/registries"
)

// onEachKind runs a test on a registry of each kind.
func onEachKind(t *testing.T, f func(t *testing.T, r *registries.Registry)) {
	for _, kind := range kinds {
		t.Run(kind.Name, func(t *testing.T) { f(t, startRegistry(t, kind, registries.Options{})) })
	}
}

// startRegistry starts a registry that ends with the test.
func startRegistry(t *testing.T, kind registries.Kind, opt registries.Options) *registries.Registry {
	t.Helper()
	r, err := kind.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// record starts a recorder before a registry.
func record(t *testing.T, r *registries.Registry) *registries.Recorder {
	t.Helper()
	rec, err := registries.Record(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(rec.Close)
	return rec
}

// wantWhole checks that each tag of a repository leads to a whole image.
func wantWhole(t *testing.T, repository string) {
	t.Helper()
	if err := registries.Incomplete(t.Context(), repository); err != nil {
		t.Error(err)
	}
}

// staticIndexes are the variants of static as they were built.
func staticIndexes(t *testing.T) []ocidir.Index {
	t.Helper()
	indexes, err := ocidir.Read(static)
	if err != nil {
		t.Fatal(err)
	}
	return indexes
}

func staticIndex(t *testing.T, variant string) ocidir.Index {
	t.Helper()
	all := staticIndexes(t)
	i := slices.IndexFunc(all, func(ix ocidir.Index) bool { return ix.Ref == variant })
	if i < 0 {
		t.Fatalf("static has no variant %s", variant)
	}
	return all[i]
}

// blobs returns how many distinct blobs and manifests the indexes lead to.
func blobs(indexes []ocidir.Index) int {
	all := make(map[string]bool)
	for _, ix := range indexes {
		all[ix.Digest] = true
		for _, im := range ix.Images {
			all[im.Digest], all[im.Config.Digest] = true, true
			for _, l := range im.Layers {
				all[l.Digest] = true
			}
		}
	}
	return len(all)
}

// TestPush: what is pushed is what was built, for two other readers; a second
// push asks at most once for each blob and manifest and brings nothing; and what
// is pulled equals what was pushed.
func TestPush(t *testing.T) {
	latest := filepath.Join(t.TempDir(), "latest")
	must(t, basal("build", "static", "--variant=latest", "-o", latest))
	onEachKind(t, func(t *testing.T, r *registries.Registry) {
		rec := record(t, r)
		repository := rec.Addr + "/base/static"
		must(t, basal("push", "static", repository))
		wantWhole(t, r.Addr+"/base/static")
		for _, ix := range staticIndexes(t) {
			testRead(t, r.Addr+"/base/static:"+ix.Ref, ix)
		}

		rec.Take()
		must(t, basal("push", "static", repository))
		again := rec.Take()
		if up := registries.Uploads(again); len(up) > 0 {
			t.Errorf("a push of what is there brings something: %s %s", up[0].Method, up[0].Path)
		}
		n, most := len(again)-registries.Pings(again), blobs(staticIndexes(t))
		if t.Logf("%d requests and %d pings for %d blobs and manifests", n, registries.Pings(again), most); n > most {
			t.Errorf("got %d requests for %d blobs and manifests", n, most)
		}

		pulled := filepath.Join(t.TempDir(), "pulled")
		must(t, basal("pull", repository+":latest", "-o", pulled))
		must(t, basal("diff", latest, pulled))
		must(t, basal("pull", repository+":latest", "-o", pulled+".tar"))
		must(t, basal("diff", latest, pulled+".tar"))
	})
}

// testRead reads a pushed index by skopeo, and wholly by go-containerregistry.
func testRead(t *testing.T, address string, ix ocidir.Index) {
	t.Helper()
	ref, err := name.ParseReference(address)
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Errorf("%s: %v", address, err)
	}
	blob, err := os.ReadFile(ocidir.Path(static, ix.Digest))
	if err != nil {
		t.Fatal(err)
	}
	if raw := must(t, exec.Command("skopeo", "inspect", "--tls-verify=false", "--raw", "docker://"+address)); raw != string(blob) {
		t.Errorf("%s: skopeo's raw manifest is not %s", address, ix.Digest)
	}
	var inspected struct{ Layers []string }
	out := must(t, exec.Command("skopeo", "inspect", "--tls-verify=false", "--override-arch=amd64", "--no-tags", "docker://"+address))
	if err := json.Unmarshal([]byte(out), &inspected); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, l := range ix.Arch("amd64").Layers {
		want = append(want, l.Digest)
	}
	if !slices.Equal(inspected.Layers, want) {
		t.Errorf("%s: skopeo sees layers %q, want %q", address, inspected.Layers, want)
	}
}

// TestMount: within a registry, an image goes to another repository without any
// blob being sent.
func TestMount(t *testing.T) {
	onEachKind(t, func(t *testing.T, r *registries.Registry) {
		rec := record(t, r)
		must(t, basal("push", "static", rec.Addr+"/static"))
		rec.Take()
		must(t, basal("copy", rec.Addr+"/static:latest", rec.Addr+"/elsewhere/copy:latest"))
		for _, q := range registries.Uploads(rec.Take()) {
			// A mount is a POST; what follows a mount that was refused is a PATCH or PUT.
			if q.Method != "POST" && strings.Contains(q.Path, "/blobs/") {
				t.Errorf("a blob was sent: %s %s", q.Method, q.Path)
			}
		}
		wantWhole(t, r.Addr+"/elsewhere/copy")
	})
}

// TestPushOnBase: an image on a published base mounts the base's blobs.
func TestPushOnBase(t *testing.T) {
	onEachKind(t, func(t *testing.T, r *registries.Registry) {
		rec := record(t, r)
		must(t, basal("push", "static", rec.Addr+"/static"))
		spec := writeSpec(t, strings.ReplaceAll(onBaseSpec, "REGISTRY", rec.Addr))
		must(t, basal("lock", spec))
		rec.Take()
		must(t, basal("push", spec, rec.Addr+"/derived"))
		sent := 0
		for _, q := range registries.Uploads(rec.Take()) {
			if q.Method == "PUT" && strings.Contains(q.Path, "/blobs/") {
				sent++
			}
		}
		if sent > 2 {
			t.Errorf("%d blobs were sent, want one layer and one config", sent)
		}
		wantWhole(t, r.Addr+"/derived")
	})
}

const onBaseSpec = `version: 1
name: derived
platforms: [linux/amd64]
from: REGISTRY/static:latest
files:
  - {path: /etc/greeting, content: "hello\n"}
`
