package registry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// opener returns a function that opens b and counts how often it was called.
func opener(b []byte, calls *int) func(context.Context) (io.ReadCloser, error) {
	var mu sync.Mutex
	return func(context.Context) (io.ReadCloser, error) {
		mu.Lock()
		defer mu.Unlock()
		*calls++
		return io.NopCloser(bytes.NewReader(b)), nil
	}
}

func TestWritesAndThenAsksOnce(t *testing.T) {
	for _, api := range []bool{true, false} {
		s := serve(t, plainRegistry(api), nil)
		ctx := context.Background()
		content, layer := blob(300_000)
		doc := manifest(t, "one", nil)
		opened := 0

		r := s.repository(t)
		if has, err := r.HasDocument(ctx, doc.Descriptor); has || err != nil {
			t.Fatalf("HasDocument before: got %v, %v", has, err)
		}
		if d, err := r.Tagged(ctx, "v1"); !d.IsZero() || err != nil {
			t.Fatalf("Tagged before: got %v, %v", d, err)
		}
		if err := r.PutBlob(ctx, layer, opener(content, &opened)); err != nil {
			t.Fatal(err)
		}
		if err := r.PutDocument(ctx, doc); err != nil {
			t.Fatal(err)
		}
		if err := r.Tag(ctx, "v1", doc); err != nil {
			t.Fatal(err)
		}
		if opened != 1 {
			t.Errorf("the blob was opened %d times, want 1", opened)
		}
		if b, err := fetchAll(t, r, layer); err != nil || !bytes.Equal(b, content) {
			t.Errorf("read back: got %d bytes, %v", len(b), err)
		}

		s.forget()
		r = s.repository(t)
		if err := r.PutBlob(ctx, layer, opener(content, &opened)); err != nil || opened != 1 {
			t.Errorf("PutBlob again: %v, opened %d times", err, opened)
		}
		if has, err := r.HasDocument(ctx, doc.Descriptor); !has || err != nil {
			t.Errorf("HasDocument: got %v, %v", has, err)
		}
		if d, err := r.Tagged(ctx, "v1"); d != doc.Descriptor.Digest || err != nil {
			t.Errorf("Tagged: got %v, %v", d, err)
		}
		want := []string{"GET /v2/", "HEAD /v2/team/image/blobs/" + layer.Digest.String(),
			"HEAD /v2/team/image/manifests/" + doc.Descriptor.Digest.String(), "HEAD /v2/team/image/manifests/v1"}
		if got := strings.Join(s.requests, "\n"); got != strings.Join(want, "\n") {
			t.Errorf("requests of an unchanged push:\n%s\nwant\n%s", got, strings.Join(want, "\n"))
		}
	}
}

// A writer never takes for there what it once wrote.
func TestWritesAgainWhatIsGone(t *testing.T) {
	s := serve(t, nil, nil)
	content, layer := blob(1000)
	r, ctx, opened := s.repository(t), context.Background(), 0
	for range 2 {
		if err := r.PutBlob(ctx, layer, opener(content, &opened)); err != nil {
			t.Fatal(err)
		}
		req, _ := http.NewRequest(http.MethodDelete, s.URL+"/v2/team/image/blobs/"+layer.Digest.String(), nil)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode/100 != 2 {
			t.Fatalf("DELETE: %s", resp.Status)
		}
	}
	if opened != 2 {
		t.Errorf("the blob was sent %d times, want 2", opened)
	}
}

func TestReferrerOfRegistryWithoutAPIGetsItsTag(t *testing.T) {
	for _, api := range []bool{true, false} {
		s := serve(t, plainRegistry(api), nil)
		r, ctx := s.repository(t), context.Background()
		subject := manifest(t, "subject", nil)
		if err := r.PutDocument(ctx, subject); err != nil {
			t.Fatal(err)
		}
		// All at once: none of them may undo what another wrote.
		var all sync.WaitGroup
		for _, note := range []string{"a", "b", "c", "d", "e"} {
			all.Go(func() {
				if err := r.PutDocument(ctx, manifest(t, note, &subject.Descriptor)); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if got, err := r.Referrers(ctx, subject.Descriptor.Digest); err != nil || len(got) != 5 {
			t.Errorf("with API %v: got %d referrers, %v; want 5", api, len(got), err)
		}
		tags, err := r.Tags(ctx)
		if err != nil || (len(tags) == 1) == api {
			t.Errorf("with API %v: got tags %q, %v", api, tags, err)
		}
	}
}

func TestMountsFromAnotherRepository(t *testing.T) {
	var asked []string
	content, layer := blob(1000)
	var s *server
	s = serve(t, nil, func(w http.ResponseWriter, req *http.Request) bool {
		if req.Method != http.MethodPost || !req.URL.Query().Has("mount") {
			return false
		}
		asked = append(asked, req.URL.Query().Get("from"))
		s.putBlob(t, strings.TrimSuffix(strings.TrimPrefix(req.URL.Path, "/v2/"), "/blobs/uploads/"), content)
		w.WriteHeader(http.StatusCreated)
		return true
	})
	opened := 0
	r := s.repository(t)
	r.MountFrom("elsewhere.example/base/image")
	r.MountFrom(s.host() + "/base/image")
	r.MountFrom("elsewhere.example/other/image")
	if err := r.PutBlob(context.Background(), layer, opener(content, &opened)); err != nil || opened != 0 {
		t.Errorf("got %v, opened %d times; want no error and no upload", err, opened)
	}
	if len(asked) != 1 || asked[0] != "base/image" {
		t.Errorf("mounts asked for: %q", asked)
	}
}

// A registry that says to have taken a blob over, and has not, is sent the blob.
func TestMountThatIsNone(t *testing.T) {
	s := serve(t, nil, func(w http.ResponseWriter, req *http.Request) bool {
		lies := req.Method == http.MethodPost && req.URL.Query().Has("mount")
		if lies {
			w.WriteHeader(http.StatusCreated)
		}
		return lies
	})
	r := s.repository(t)
	r.MountFrom(s.host() + "/base/image")
	b, d := blob(100)
	calls := 0
	if err := r.PutBlob(t.Context(), d, opener(b, &calls)); err != nil {
		t.Fatal(err)
	}
	if got, err := fetchAll(t, r, d); err != nil || !bytes.Equal(got, b) || calls != 1 {
		t.Errorf("%d bytes, %v; opened %d times", len(got), err, calls)
	}
	s.forget()
	if err := r.PutBlob(t.Context(), d, opener(b, &calls)); err != nil || s.count("") != 1 {
		t.Errorf("a blob that is there costs %d requests, %v", s.count(""), err)
	}
}

// A registry that can mount nothing is sent the blob.
func TestSendsWhatCannotBeMounted(t *testing.T) {
	s := serve(t, nil, nil)
	content, layer := blob(1000)
	opened := 0
	r := s.repository(t)
	r.MountFrom(s.host() + "/base/image")
	if err := r.PutBlob(context.Background(), layer, opener(content, &opened)); err != nil || opened != 1 {
		t.Fatalf("got %v, opened %d times", err, opened)
	}
	if b, err := fetchAll(t, r, layer); err != nil || !bytes.Equal(b, content) {
		t.Errorf("read back: got %d bytes, %v", len(b), err)
	}
}

func TestSourceFaultsAreTheSources(t *testing.T) {
	content, layer := blob(100_000)
	gone := diag.Unavailablef("the source is gone")
	cases := map[string]struct {
		open func(context.Context) (io.ReadCloser, error)
		want error
		code diag.Code
	}{
		"cannot be opened": {func(context.Context) (io.ReadCloser, error) { return nil, gone }, gone, diag.Unavailable},
		"other bytes": {func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(append([]byte{'x'}, content[1:]...))), nil
		}, digest.ErrMismatch, diag.Failed},
		"too short": {func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content[1:])), nil }, digest.ErrMismatch, diag.Failed},
		"too long": {func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(append(bytes.Clone(content), 'x'))), nil
		}, digest.ErrMismatch, diag.Failed},
	}
	for name, c := range cases {
		s := serve(t, nil, nil)
		opened := 0
		err := s.repository(t).PutBlob(context.Background(), layer, func(ctx context.Context) (io.ReadCloser, error) {
			opened++
			return c.open(ctx)
		})
		if !errors.Is(err, c.want) || diag.CodeOf(err) != c.code {
			t.Errorf("%s: got %v, exit code %d; want %v and %d", name, err, diag.CodeOf(err), c.want, c.code)
		}
		if opened != 1 {
			t.Errorf("%s: opened %d times, want 1", name, opened)
		}
		if s.count("PUT ") != 0 && name != "too long" {
			t.Errorf("%s: the upload was finished", name)
		}
	}
}

// A registry that loses an upload is sent the blob again, from its start.
func TestUploadIsRepeated(t *testing.T) {
	losses := map[string]func(w http.ResponseWriter, req *http.Request){
		"busy":           func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"upload unknown": func(w http.ResponseWriter, _ *http.Request) { complain(w, 404, "BLOB_UPLOAD_UNKNOWN") },
		"broken": func(w http.ResponseWriter, req *http.Request) {
			io.CopyN(io.Discard, req.Body, 50_000)
			panic(http.ErrAbortHandler)
		},
	}
	for name, lose := range losses {
		left := 2
		var mu sync.Mutex
		s := serve(t, nil, func(w http.ResponseWriter, req *http.Request) bool {
			mu.Lock()
			defer mu.Unlock()
			if req.Method != http.MethodPatch || left == 0 {
				return false
			}
			left--
			lose(w, req)
			return true
		})
		content, layer := blob(3_000_000)
		opened := 0
		r := s.repository(t)
		if err := r.PutBlob(context.Background(), layer, opener(content, &opened)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if b, err := fetchAll(t, r, layer); err != nil || !bytes.Equal(b, content) {
			t.Errorf("%s: read back %d bytes, %v", name, len(b), err)
		}
	}
}

func TestRefusesToWriteNonsense(t *testing.T) {
	s := serve(t, nil, nil)
	r, ctx := s.repository(t), context.Background()
	doc := manifest(t, "one", nil)
	other := doc
	other.Bytes = append([]byte(" "), doc.Bytes...)
	untyped := doc
	untyped.Descriptor.MediaType = ""
	large := make([]byte, maxAnswer+1)
	for name, err := range map[string]error{
		"other bytes": r.PutDocument(ctx, other),
		"no type":     r.PutDocument(ctx, untyped),
		"too large":   r.PutDocument(ctx, oci.Document{Bytes: large, Descriptor: describe(oci.MediaTypeManifest, large)}),
		"bad tag":     r.Tag(ctx, "../x", doc),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if len(s.requests) != 0 {
		t.Errorf("got requests %q, want none", s.requests)
	}
}

// complain answers as registries do.
func complain(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	io.WriteString(w, `{"errors":[{"code":"`+code+`","message":"as the test wants"}]}`)
}

// However many repositories and purposes, a registry is asked once how it wants
// to be spoken to.
func TestOneHandshakePerRegistry(t *testing.T) {
	s := serve(t, nil, nil)
	c, ctx := client(Options{}), context.Background()
	for _, path := range []string{"team/a", "team/b"} {
		r := s.open(t, c, path)
		if err := r.Tag(ctx, "v1", manifest(t, path, nil)); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Resolve(ctx, "v1"); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for _, request := range s.requests {
		if request == "GET /v2/" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d handshakes, want 1: %q", n, s.requests)
	}
}
