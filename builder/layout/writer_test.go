package layout

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// put gives a writer what Write gets.
func put(t *testing.T, w *Writer, images []Image, blobs *memory) {
	t.Helper()
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, image := range images {
		check(w.PutDocument(ctx, image.Index))
		check(w.Tag(ctx, image.Tag, image.Index))
		for _, p := range image.Platforms {
			check(w.PutBlob(ctx, p.Config.Descriptor, opener(p.Config.Bytes)))
			for _, l := range p.Layers {
				d := oci.Descriptor{MediaType: oci.MediaTypeLayer, Digest: l.Digest, Size: l.Size}
				check(w.PutBlob(ctx, d, func(context.Context) (io.ReadCloser, error) { return blobs.Open(l.Digest, l.Size) }))
			}
			check(w.PutDocument(ctx, p.Manifest))
			check(w.Tag(ctx, image.Tag+"-"+p.Platform.Tag(), p.Manifest))
		}
	}
}

func opener(b []byte) func(context.Context) (io.ReadCloser, error) {
	return func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}

// What Basal built is written alike, whichever way it goes.
func TestWriterWritesAsWriteDoes(t *testing.T) {
	images, blobs := testImages(t)
	for _, target := range []string{"out", "out.tar"} {
		a, b := t.TempDir(), t.TempDir()
		if err := Write(filepath.Join(a, target), "static", images, blobs); err != nil {
			t.Fatal(err)
		}
		w := NewWriter(filepath.Join(b, target), "static")
		put(t, w, images, blobs)
		if err := w.Commit(ctx); err != nil {
			t.Fatal(err)
		}
		equalSnapshots(t, snapshot(t, b), snapshot(t, a))
	}
}

func TestWriterOfOtherImages(t *testing.T) {
	images, blobs := testImages(t)
	ix := images[0].Index
	doc := func(text string) oci.Document {
		return oci.Document{Bytes: []byte(text), Descriptor: oci.Descriptor{MediaType: oci.MediaTypeManifest, Digest: digest.Of([]byte(text)), Size: int64(len(text))}}
	}
	evidence, sig, loose := doc(refersTo(ix.Descriptor.Digest, "signature")), doc(`{"layers":[],"config":{}}`), doc(`{"layers":[]}`)
	path := filepath.Join(t.TempDir(), "out.tar")
	w := NewWriter(path, "")
	put(t, w, images[:1], blobs)
	empty := oci.Descriptor{MediaType: "x", Digest: digest.Of(nil)}
	for _, err := range []error{
		w.PutDocument(ctx, evidence), w.PutDocument(ctx, sig), w.PutDocument(ctx, loose),
		w.Tag(ctx, "sha256-"+ix.Descriptor.Digest.Hex()+".sig", sig),
		w.PutBlob(ctx, empty, opener(nil)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if has, err := w.HasDocument(ctx, evidence.Descriptor); err != nil || !has {
		t.Errorf("has %v, %v", has, err)
	}
	if d, err := w.Tagged(ctx, "nonroot"); err != nil || d != ix.Descriptor.Digest {
		t.Errorf("tagged %v, %v", d, err)
	}
	if d, err := w.Tagged(ctx, "gone"); err != nil || !d.IsZero() {
		t.Errorf("tagged %v, %v", d, err)
	}
	if err := w.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	f := finder(t, path)
	if got := f.Name(); got != "" {
		t.Errorf("name %q", got)
	}
	if list, err := f.Referrers(ctx, ix.Descriptor.Digest); err != nil || len(list) != 1 || list[0].Digest != evidence.Descriptor.Digest {
		t.Errorf("referrers %v, %v", list, err)
	}
	if docs, err := f.Untagged(); err != nil || len(docs) != 1 || string(docs[0].Bytes) != string(loose.Bytes) {
		t.Errorf("untagged %v, %v", docs, err)
	}
	tags, err := f.Tags(ctx)
	if err != nil || len(tags) != 4 || !slices.Contains(tags, "nonroot-arm") {
		t.Errorf("tags %q, %v", tags, err)
	}
	if f.refs[len(f.refs)-1].Annotations != nil || f.refs[0].Annotations == nil {
		t.Error("what has a tag does not come first")
	}
	if r, err := f.Open(ctx, empty); err != nil {
		t.Errorf("the empty blob: %v", err)
	} else {
		r.Close()
	}
	if b, err := f.layout.File(dockerFile); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a name, Docker is to load %s, %v", b, err)
	}
}

func TestWriterChecksBytes(t *testing.T) {
	images, blobs := testImages(t)
	layer := images[0].Platforms[0].Layers[0]
	d := oci.Descriptor{Digest: layer.Digest, Size: layer.Size}
	for name, c := range map[string]struct {
		d    oci.Descriptor
		open func(context.Context) (io.ReadCloser, error)
		want error
	}{
		"other bytes":  {d, opener(bytes.Repeat([]byte{1}, int(d.Size))), digest.ErrMismatch},
		"too few":      {d, opener(nil), digest.ErrMismatch},
		"no bytes":     {d, func(context.Context) (io.ReadCloser, error) { return nil, errDisk }, errDisk},
		"empty, other": {oci.Descriptor{Digest: digest.Of([]byte("x"))}, opener(nil), digest.ErrMismatch},
		"canceled": {d, func(ctx context.Context) (io.ReadCloser, error) {
			return nil, ctx.Err()
		}, context.Canceled},
	} {
		dir := t.TempDir()
		w := NewWriter(filepath.Join(dir, "out"), "static")
		put(t, w, images, blobs)
		if err := w.PutBlob(ctx, c.d, c.open); err != nil {
			t.Fatal(err)
		}
		canceled, cancel := context.WithCancel(ctx)
		cancel()
		if err := w.Commit(canceled); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		equalSnapshots(t, snapshot(t, dir), nil)
	}
}

// Only a layout whose images are all set anew is replaced.
func TestWriterKeepsOtherImages(t *testing.T) {
	images, blobs := testImages(t)
	for _, target := range []string{"out", "out.tar"} {
		path := filepath.Join(t.TempDir(), target)
		write := func(images []Image) error {
			w := NewWriter(path, "static")
			put(t, w, images, blobs)
			return w.Commit(ctx)
		}
		if err := write(images); err != nil {
			t.Fatal(err)
		}
		before := snapshot(t, filepath.Dir(path))
		if err := write(images[:1]); diag.CodeOf(err) != diag.Usage {
			t.Errorf("%s: got %v", target, err)
		}
		equalSnapshots(t, snapshot(t, filepath.Dir(path)), before)
		if err := write(images); err != nil {
			t.Errorf("%s: the same images: %v", target, err)
		}
	}
}

// A tag from outside goes to registries and to terminals.
func TestBadTagsOfALayout(t *testing.T) {
	images, blobs := testImages(t)
	for _, tag := range []string{"a b", "\x1b[31m", "-x", "a/b", strings.Repeat("a", 129)} {
		path := filepath.Join(t.TempDir(), "out")
		image := images[0]
		image.Tag = tag
		if err := Write(path, "", []Image{image}, blobs); err != nil {
			t.Fatal(err)
		}
		if _, err := finder(t, path).Tags(ctx); err == nil || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("tag %q: got %v", tag, err)
		}
	}
}
