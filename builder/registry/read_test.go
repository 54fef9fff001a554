package registry

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"
	"testing"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

func TestReadsWhatIsThere(t *testing.T) {
	s := serve(t, nil, nil)
	content, layer := blob(100_000)
	s.putBlob(t, "team/image", content)
	doc := manifest(t, "one", nil)
	s.put(t, "/v2/team/image/manifests/v1", doc)
	s.forget()
	r, ctx := s.repository(t), context.Background()

	for _, name := range []string{"v1", doc.Descriptor.Digest.String()} {
		got, err := r.Resolve(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes, doc.Bytes) || got.Descriptor.Digest != doc.Descriptor.Digest ||
			got.Descriptor.Size != doc.Descriptor.Size || got.Descriptor.MediaType != oci.MediaTypeManifest {
			t.Errorf("Resolve(%s): got %+v, want %+v", name, got.Descriptor, doc.Descriptor)
		}
	}
	got, err := r.Document(ctx, doc.Descriptor)
	if err != nil || !bytes.Equal(got.Bytes, doc.Bytes) {
		t.Errorf("Document: got %q, %v", got.Bytes, err)
	}
	if b, err := fetchAll(t, r, layer); err != nil || !bytes.Equal(b, content) {
		t.Errorf("Open: got %d bytes, %v", len(b), err)
	}
	if tags, err := r.Tags(ctx); err != nil || !slices.Equal(tags, []string{"v1"}) {
		t.Errorf("Tags: got %q, %v", tags, err)
	}
	if n := len(s.requests); n != 6 {
		t.Errorf("got %d requests, want 6: %q", n, s.requests)
	}
}

func TestWhatIsNotThere(t *testing.T) {
	s := serve(t, nil, nil)
	s.put(t, "/v2/team/image/manifests/v1", manifest(t, "one", nil))
	r, ctx := s.repository(t), context.Background()
	absent := describe(oci.MediaTypeManifest, []byte("absent"))
	calls := map[string]func() error{
		"tag":        func() error { _, err := r.Resolve(ctx, "v2"); return err },
		"digest":     func() error { _, err := r.Resolve(ctx, absent.Digest.String()); return err },
		"document":   func() error { _, err := r.Document(ctx, absent); return err },
		"blob":       func() error { _, err := r.Open(ctx, absent); return err },
		"repository": func() error { _, err := s.open(t, client(Options{}), "no/such").Resolve(ctx, "v1"); return err },
	}
	for what, call := range calls {
		err := call()
		if !errors.Is(err, fs.ErrNotExist) || diag.CodeOf(err) != diag.Unavailable {
			t.Errorf("%s: got %v, exit code %d; want fs.ErrNotExist and 3", what, err, diag.CodeOf(err))
		}
	}
	if none, err := r.Referrers(ctx, absent.Digest); err != nil || len(none) != 0 {
		t.Errorf("Referrers: got %v, %v; want none", none, err)
	}
}

func TestReferrersFromBothPlaces(t *testing.T) {
	for _, api := range []bool{true, false} {
		s := serve(t, plainRegistry(api), nil)
		subject := manifest(t, "subject", nil)
		s.put(t, "/v2/team/image/manifests/v1", subject)
		var want []digest.Digest
		for _, note := range []string{"a", "b"} {
			d := manifest(t, note, &subject.Descriptor)
			s.put(t, "/v2/team/image/manifests/"+d.Descriptor.Digest.String(), d)
			want = append(want, d.Descriptor.Digest)
		}
		old := manifest(t, "only under the tag", &subject.Descriptor)
		s.put(t, "/v2/team/image/manifests/"+old.Descriptor.Digest.String(), old)
		list := index(t, old.Descriptor, manifest(t, "a", &subject.Descriptor).Descriptor)
		s.put(t, "/v2/team/image/manifests/"+fallbackTag(subject.Descriptor.Digest), list)

		got, err := s.repository(t).Referrers(context.Background(), subject.Descriptor.Digest)
		if err != nil {
			t.Fatal(err)
		}
		if !api {
			want = want[:1]
		}
		want = append(want, old.Descriptor.Digest)
		slices.SortFunc(want, func(a, b digest.Digest) int { return bytes.Compare(a[:], b[:]) })
		var digests []digest.Digest
		for _, d := range got {
			digests = append(digests, d.Digest)
		}
		if !slices.Equal(digests, want) {
			t.Errorf("with API %v: got %v, want %v", api, digests, want)
		}
	}
}
