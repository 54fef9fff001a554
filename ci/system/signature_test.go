//go:build system

package system

import (
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	blob "github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/basal-project/basal/ci/registries"
)

// TestCopyAttached: what has the form of a signature, a tag sha256-….sig or a
// referrer, goes along when an image is copied from one kind of registry to
// another, by way of an OCI layout or an archive, too. make e2e does the same with
// cosign's signatures, and has cosign verify them.
func TestCopyAttached(t *testing.T) {
	spec := writeSpec(t, smallSpec("attached"))
	must(t, basal("lock", spec))
	var all []*registries.Registry
	for _, kind := range append(slices.Clone(kinds), registries.Plain) {
		all = append(all, startRegistry(t, kind, registries.Options{}))
	}
	for i, from := range all {
		to := all[(i+1)%len(all)]
		t.Run(from.Kind.Name+" to "+to.Kind.Name, func(t *testing.T) {
			source := from.Addr + "/attached"
			must(t, basal("push", spec, source))
			var want []attachment
			for _, subject := range manifests(t, source+":latest") {
				want = append(want, attachTag(t, source, subject), attachReferrer(t, source, subject))
			}

			must(t, basal("copy", source+":latest", to.Addr+"/direct:latest"))
			wantAttached(t, to.Addr+"/direct", want)
			dir := t.TempDir()
			for _, file := range []string{"layout", "archive.tar"} {
				must(t, basal("copy", source+":latest", filepath.Join(dir, file)))
				target := to.Addr + "/by-" + strings.TrimSuffix(file, ".tar") // a name that ends in .tar is a file
				must(t, basal("copy", filepath.Join(dir, file), target))
				wantAttached(t, target, want)
			}
		})
	}
}

// An attachment is a manifest that says something about another one.
type attachment struct {
	subject string // digest of the manifest that it is about
	digest  string // its own
	tag     string // "" when it is found as a referrer
}

// document returns an image whose one layer is a text, as signatures are.
func document(t *testing.T, config, layer types.MediaType, text string) v1.Image {
	t.Helper()
	layered := mutate.Addendum{
		Layer: blob.NewLayer([]byte(text), layer), MediaType: layer,
		Annotations: map[string]string{"dev.cosignproject.cosign/signature": "bm9uZQ=="},
	}
	image, err := mutate.Append(mutate.MediaType(empty.Image, types.OCIManifestSchema1), layered)
	if err != nil {
		t.Fatal(err)
	}
	return mutate.ConfigMediaType(image, config)
}

// attachTag publishes a document under the tag that old signatures have.
func attachTag(t *testing.T, repository, subject string) attachment {
	t.Helper()
	a := attachment{subject: subject, tag: strings.Replace(subject, ":", "-", 1) + ".sig"}
	a.digest = publish(t, repository+":"+a.tag, document(t, types.OCIConfigJSON, "application/vnd.dev.cosign.simplesigning.v1+json", "signature of "+subject))
	return a
}

// attachReferrer publishes a document that names the manifest as its subject. The
// library tags sha256-… where there is no referrers API.
func attachReferrer(t *testing.T, repository, subject string) attachment {
	t.Helper()
	const kind = "application/vnd.example.evidence.v1+json"
	d, err := remote.Head(byDigest(t, repository, subject))
	if err != nil {
		t.Fatal(err)
	}
	image := mutate.Subject(document(t, kind, kind, "evidence of "+subject), *d).(v1.Image)
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return attachment{subject: subject, digest: publish(t, repository+"@"+digest.String(), image)}
}

// publish writes an image and returns its digest.
func publish(t *testing.T, address string, image v1.Image) string {
	t.Helper()
	ref, err := name.ParseReference(address)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, image); err != nil {
		t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

// wantAttached checks that a repository has all of the attachments, whole, where
// those who look for them will look.
func wantAttached(t *testing.T, repository string, want []attachment) {
	t.Helper()
	wantWhole(t, repository)
	for _, a := range want {
		if a.tag != "" {
			ref, err := name.ParseReference(repository + ":" + a.tag)
			if err != nil {
				t.Fatal(err)
			}
			if d, err := remote.Head(ref); err != nil || d.Digest.String() != a.digest {
				t.Errorf("%s: got %v (error %v), want %s", ref, d, err, a.digest)
			}
		} else {
			index, err := remote.Referrers(byDigest(t, repository, a.subject))
			if err != nil {
				t.Fatal(err)
			}
			m, err := index.IndexManifest()
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(m.Manifests, func(d v1.Descriptor) bool { return d.Digest.String() == a.digest }) {
				t.Errorf("%s: %s is no referrer of %s", repository, a.digest, a.subject)
			}
		}
		image, err := remote.Image(byDigest(t, repository, a.digest))
		if err != nil {
			t.Errorf("%s@%s: %v", repository, a.digest, err)
			continue
		}
		layers, err := image.Layers()
		if err != nil || len(layers) != 1 {
			t.Errorf("%s@%s: got %d layers (error %v), want 1", repository, a.digest, len(layers), err)
			continue
		}
		r, err := layers[0].Compressed() // checked by its digest
		if err != nil {
			t.Errorf("%s@%s: %v", repository, a.digest, err)
			continue
		}
		if text, err := io.ReadAll(r); err != nil || !strings.HasSuffix(string(text), " of "+a.subject) {
			t.Errorf("%s@%s: got %q (error %v)", repository, a.digest, text, err)
		}
		r.Close()
	}
}

func byDigest(t *testing.T, repository, digest string) name.Digest {
	t.Helper()
	ref, err := name.NewDigest(repository + "@" + digest)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// manifests returns the digest of an index and of each of its manifests.
func manifests(t *testing.T, address string) []string {
	t.Helper()
	ref, err := name.ParseReference(address)
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(ref)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	m, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	all := []string{digest.String()}
	for _, d := range m.Manifests {
		all = append(all, d.Digest.String())
	}
	return all
}
