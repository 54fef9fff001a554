package registries

import (
	"net/http"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// start starts a registry that ends with the test.
func start(t *testing.T, k Kind, opt Options) *Registry {
	t.Helper()
	r, err := k.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// push puts a random index of two images under a tag.
func push(r *Registry, tag string) error {
	index, err := random.Index(1000, 2, 2)
	if err != nil {
		return err
	}
	ref, err := name.NewTag(r.Addr + "/" + tag)
	if err != nil {
		return err
	}
	return remote.WriteIndex(ref, index)
}

// TestRestart: content survives a kill, and a registry that became read-only
// takes no more.
func TestRestart(t *testing.T) {
	r := start(t, InProcess, Options{})
	if err := push(r, "x:one"); err != nil {
		t.Fatal(err)
	}
	r.Kill()
	if err := push(r, "x:two"); err == nil {
		t.Error("a killed registry took a push")
	}
	r.Options.ReadOnly = true
	if err := r.Restart(); err != nil {
		t.Fatal(err)
	}
	if err := push(r, "x:two"); err == nil {
		t.Error("a read-only registry took a push")
	}
	if err := Incomplete(t.Context(), r.Addr+"/x"); err != nil {
		t.Error(err)
	}
}

// TestIncomplete: a missing blob and a missing manifest are noticed, and a
// repository that is not there has no fault.
func TestIncomplete(t *testing.T) {
	r := start(t, InProcess, Options{})
	if err := Incomplete(t.Context(), r.Addr+"/x"); err != nil {
		t.Errorf("no repository: %v", err)
	}
	if err := push(r, "x:one"); err != nil {
		t.Fatal(err)
	}
	if err := Incomplete(t.Context(), r.Addr+"/x"); err != nil {
		t.Errorf("whole: %v", err)
	}
	for _, kind := range []string{"blobs", "manifests"} {
		req, err := http.NewRequest(http.MethodDelete, "http://"+r.Addr+"/v2/x/"+part(t, r, kind), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if err := Incomplete(t.Context(), r.Addr+"/x"); err == nil {
			t.Errorf("one of the %s was deleted, and nobody noticed", kind)
		}
		if err := push(r, "x:one"); err != nil {
			t.Fatal(err)
		}
	}
}

// part returns the path of a blob or a manifest of x:one.
func part(t *testing.T, r *Registry, kind string) string {
	t.Helper()
	ref, err := name.NewTag(r.Addr + "/x:one")
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(ref)
	if err != nil {
		t.Fatal(err)
	}
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if kind == "manifests" {
		return "manifests/" + m.Manifests[1].Digest.String()
	}
	image, err := index.Image(m.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	return "blobs/" + manifest.Layers[0].Digest.String()
}

// TestDeletesMoved: the manifest goes when its tag moves, and only then.
func TestDeletesMoved(t *testing.T) {
	r := start(t, InProcess, Options{Wrap: DeletesMoved})
	if err := push(r, "x:one"); err != nil {
		t.Fatal(err)
	}
	ref, err := name.NewTag(r.Addr + "/x:one")
	if err != nil {
		t.Fatal(err)
	}
	first, err := remote.Head(ref)
	if err != nil {
		t.Fatal(err)
	}
	byDigest := ref.Context().Digest(first.Digest.String())
	if _, err := remote.Head(byDigest); err != nil {
		t.Errorf("before the tag moves: %v", err)
	}
	if err := push(r, "x:one"); err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Head(byDigest); err == nil {
		t.Error("the manifest is still there after its tag moved")
	}
	if err := Incomplete(t.Context(), r.Addr+"/x"); err != nil {
		t.Error(err)
	}
}

// TestRecord: each request is noted, and uploads are told from the rest.
func TestRecord(t *testing.T) {
	r := start(t, Plain, Options{})
	rec, err := Record(r)
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Close()
	if err := push(&Registry{Addr: rec.Addr}, "x:one"); err != nil {
		t.Fatal(err)
	}
	all := rec.Take()
	if len(Uploads(all)) == 0 || len(Uploads(all)) == len(all) || Pings(all) == 0 {
		t.Errorf("got %d requests, %d uploads and %d pings", len(all), len(Uploads(all)), Pings(all))
	}
	if len(rec.Take()) != 0 {
		t.Error("requests are told twice")
	}
	if err := Incomplete(t.Context(), r.Addr+"/x"); err != nil {
		t.Error(err)
	}
}
