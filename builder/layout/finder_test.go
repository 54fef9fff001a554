package layout

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/digest"
)

var ctx = context.Background()

func finder(t *testing.T, path string) *Finder {
	t.Helper()
	f, err := open(t, path).Finder()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFinder(t *testing.T) {
	images, blobs := testImages(t)
	out := filepath.Join(t.TempDir(), "out")
	if err := Write(out, "static", images, blobs); err != nil {
		t.Fatal(err)
	}
	f := finder(t, out)
	if got := f.Name(); got != "static" {
		t.Errorf("name %q", got)
	}
	got, err := f.Tags(ctx)
	want := []string{"latest", "latest-amd64", "latest-arm", "nonroot", "nonroot-amd64", "nonroot-arm"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("tags %q, %v", got, err)
	}
	ix, arm := images[0].Index, images[0].Platforms[1].Manifest
	for name, want := range map[string]oci.Document{
		"nonroot":                      ix,
		ix.Descriptor.Digest.String():  ix,
		"nonroot-arm":                  arm,
		arm.Descriptor.Digest.String(): arm,
	} {
		doc, err := f.Resolve(ctx, name)
		if err != nil || string(doc.Bytes) != string(want.Bytes) || doc.Descriptor.MediaType != want.Descriptor.MediaType ||
			doc.Descriptor.Digest != want.Descriptor.Digest || len(doc.Descriptor.Annotations) > 0 {
			t.Errorf("%s: got %+v, %v", name, doc.Descriptor, err)
		}
	}
	for _, name := range []string{"", "gone", digest.Of([]byte("gone")).String(), "sha256:0"} {
		if _, err := f.Resolve(ctx, name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: got %v, want %v", name, err, fs.ErrNotExist)
		}
	}
	if loose, err := f.Untagged(); err != nil || len(loose) > 0 {
		t.Errorf("untagged: %v, %v", loose, err)
	}
	if list, err := f.Referrers(ctx, ix.Descriptor.Digest); err != nil || len(list) > 0 {
		t.Errorf("referrers: %v, %v", list, err)
	}
}

// refersTo is a manifest without layers that has a subject.
func refersTo(subject digest.Digest, word string) string {
	return fmt.Sprintf(`{"schemaVersion":2,"annotations":{"is":%q},"config":%s,"layers":[],"subject":{"mediaType":"x","digest":%q,"size":1}}`,
		word, descriptor("x", "{}", ""), subject)
}

func TestReferrersInALayout(t *testing.T) {
	subject := digest.Of([]byte("subject"))
	a, b, c := refersTo(subject, "a"), refersTo(subject, "b"), refersTo(digest.Of([]byte("other")), "c")
	plain := `{"schemaVersion":2,"layers":[]}`
	list := fmt.Sprintf(`{"schemaVersion":2,"manifests":[%s,%s]}`, descriptor(oci.MediaTypeManifest, a, ""), descriptor(oci.MediaTypeManifest, plain, ""))
	ref := func(tag string) string {
		return fmt.Sprintf(`,"annotations":{"org.opencontainers.image.ref.name":%q}`, tag)
	}
	top := `{"schemaVersion":2,"manifests":[` + strings.Join([]string{
		descriptor(oci.MediaTypeManifest, a, ""),
		descriptor(oci.MediaTypeManifest, b, ref("bundle")),
		descriptor(oci.MediaTypeManifest, c, ""),
		descriptor(oci.MediaTypeIndex, list, ref("sha256-"+subject.Hex())),
		descriptor(oci.MediaTypeManifest, plain, ""),
		descriptor(oci.MediaTypeLayer, "a layer", ""),
	}, ",") + `]}`
	f := finder(t, makeLayout(t, top, a, b, c, list, plain))
	got, err := f.Referrers(ctx, subject)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{digest.Of([]byte(a)).Hex(), digest.Of([]byte(b)).Hex(), digest.Of([]byte(plain)).Hex()}
	slices.Sort(want)
	var found []string
	for _, d := range got {
		found = append(found, d.Digest.Hex())
	}
	if !slices.Equal(found, want) {
		t.Errorf("got %q, want %q", found, want)
	}
	loose, err := f.Untagged()
	if err != nil || len(loose) != 1 || string(loose[0].Bytes) != plain {
		t.Errorf("untagged: %v, %v", loose, err)
	}
	// Types that a document does not say itself are told from what it has.
	for doc, want := range map[string]string{list: oci.MediaTypeIndex, plain: oci.MediaTypeManifest} {
		got, err := f.unlisted(digest.Of([]byte(doc)))
		if err != nil || got.Descriptor.MediaType != want {
			t.Errorf("%s is %q, %v", doc, got.Descriptor.MediaType, err)
		}
	}
}

func TestFinderRefuses(t *testing.T) {
	doc := `{"schemaVersion":2,"layers":[]}`
	one := descriptor(oci.MediaTypeManifest, doc, `,"annotations":{"org.opencontainers.image.ref.name":"latest"}`)
	two := descriptor(oci.MediaTypeManifest, "x", `,"annotations":{"org.opencontainers.image.ref.name":"latest"}`)
	l := open(t, makeLayout(t, `{"manifests":[`+one+","+two+`]}`, doc))
	if _, err := l.Finder(); err == nil || !strings.Contains(err.Error(), `two documents with the tag "latest"`) {
		t.Errorf("two of a tag: got %v", err)
	}
	missing := finder(t, makeLayout(t, `{"manifests":[`+descriptor(oci.MediaTypeManifest, doc, "")+`]}`))
	if _, err := missing.Untagged(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing document: got %v", err)
	}
	if list, err := missing.Referrers(ctx, digest.Of([]byte("x"))); err != nil || len(list) > 0 {
		t.Errorf("missing document: referrers %v, %v", list, err)
	}
	large := strings.Repeat(" ", maxDocument+1)
	for name, c := range map[string]struct{ blob, want string }{
		"too large": {large, "more than 4194304"},
		"no JSON":   {"{", "unexpected end"},
	} {
		f := finder(t, makeLayout(t, `{"manifests":[]}`, c.blob))
		if _, err := f.Resolve(ctx, digest.Of([]byte(c.blob)).String()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
