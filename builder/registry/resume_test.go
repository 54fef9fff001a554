package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// rangeOf returns where an asked-for range begins, 0 without one.
func rangeOf(req *http.Request) int {
	from, _, _ := strings.Cut(strings.TrimPrefix(req.Header.Get("Range"), "bytes="), "-")
	n, _ := strconv.Atoi(from)
	return n
}

// blobServer answers requests for blobs with serveBlob.
func blobServer(t testing.TB, serveBlob http.HandlerFunc) *server {
	return serve(t, nil, func(w http.ResponseWriter, req *http.Request) bool {
		if !strings.Contains(req.URL.Path, "/blobs/") {
			return false
		}
		serveBlob(w, req)
		return true
	})
}

// sendPart sends at most n bytes of b, of which all are announced, and breaks
// the connection when that is not all of them.
func sendPart(w http.ResponseWriter, status int, b []byte, n int) {
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	w.Write(b[:min(n, len(b))])
	w.(http.Flusher).Flush()
	if n < len(b) {
		panic(http.ErrAbortHandler)
	}
}

func TestDownloadGoesOnWhereItBroke(t *testing.T) {
	content, layer := blob(1_000_000)
	const part = 150_000
	servers := map[string]http.HandlerFunc{
		"with ranges": func(w http.ResponseWriter, req *http.Request) {
			if from := rangeOf(req); from > 0 {
				w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(content)-1, len(content)))
				sendPart(w, http.StatusPartialContent, content[from:], part)
			} else {
				sendPart(w, http.StatusOK, content, part)
			}
		},
	}
	// Without ranges every answer begins at 0, so each goes a little further.
	for name, refuse := range map[string]func(w http.ResponseWriter) bool{
		"range ignored":  func(http.ResponseWriter) bool { return false },
		"range refused":  func(w http.ResponseWriter) bool { w.WriteHeader(http.StatusRequestedRangeNotSatisfiable); return true },
		"range at fault": func(w http.ResponseWriter) bool { w.WriteHeader(http.StatusPartialContent); return true },
		"other range": func(w http.ResponseWriter) bool {
			w.Header().Set("Content-Range", "bytes 1-2/3")
			w.WriteHeader(206)
			return true
		},
		"busy in between": func(w http.ResponseWriter) bool { w.WriteHeader(http.StatusBadGateway); return true },
	} {
		var reach atomic.Int64
		var refused atomic.Bool
		servers[name] = func(w http.ResponseWriter, req *http.Request) {
			if rangeOf(req) > 0 && refused.CompareAndSwap(false, true) && refuse(w) {
				return
			}
			sendPart(w, http.StatusOK, content, int(reach.Add(400_000)))
		}
	}
	for name, h := range servers {
		s := blobServer(t, h)
		got, err := fetchAll(t, s.repository(t), layer)
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: got %d bytes, %v", name, len(got), err)
		}
	}
}

func TestDownloadGivesUp(t *testing.T) {
	content, layer := blob(100_000)
	cases := map[string]struct {
		serve    http.HandlerFunc
		requests int
	}{
		"never a byte": {func(w http.ResponseWriter, _ *http.Request) { sendPart(w, 200, content, 0) }, int(hasty.tries)},
		"a byte each time": {func(w http.ResponseWriter, req *http.Request) {
			from := rangeOf(req)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-", from))
			status := http.StatusPartialContent
			if from == 0 {
				status = http.StatusOK
			}
			sendPart(w, status, content[from:], 1)
		}, 1 + maxBreaks},
	}
	for name, c := range cases {
		s := blobServer(t, c.serve)
		_, err := fetchAll(t, s.repository(t), layer)
		if diag.CodeOf(err) != diag.Unavailable || errors.Is(err, digest.ErrMismatch) {
			t.Errorf("%s: got %v, exit code %d; want 3, and no lie", name, err, diag.CodeOf(err))
		}
		if n := s.count("GET /v2/team/image/blobs/"); n != c.requests {
			t.Errorf("%s: %d requests, want %d", name, n, c.requests)
		}
	}
}

func TestLiesAboutABlob(t *testing.T) {
	content, layer := blob(100_000)
	flipped := bytes.Clone(content)
	flipped[50_000] ^= 1
	chunked := func(b []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush() // no Content-Length any more
			w.Write(b)
		}
	}
	for name, h := range map[string]http.HandlerFunc{
		"a flipped bit":        func(w http.ResponseWriter, _ *http.Request) { sendPart(w, 200, flipped, len(flipped)) },
		"a byte less":          func(w http.ResponseWriter, _ *http.Request) { sendPart(w, 200, content[1:], len(content)) },
		"a byte less, chunked": chunked(content[:len(content)-1]),
		"a byte more, chunked": chunked(append(bytes.Clone(content), 'x')),
		"nothing at all":       func(w http.ResponseWriter, _ *http.Request) {},
		"an endless announced": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "9000000000") },
	} {
		s := blobServer(t, h)
		_, err := fetchAll(t, s.repository(t), layer)
		if !errors.Is(err, digest.ErrMismatch) || diag.CodeOf(err) != diag.Failed || diag.HintOf(err) == "" {
			t.Errorf("%s: got %v, exit code %d, hint %q; want a lie, 1 and a hint", name, err, diag.CodeOf(err), diag.HintOf(err))
		}
		if n := s.count("GET /v2/team/image/blobs/"); n != 1 {
			t.Errorf("%s: asked %d times, want once", name, n)
		}
	}
}

func TestEmptyBlob(t *testing.T) {
	s := serve(t, nil, nil)
	content, layer := blob(0)
	opened := 0
	r := s.repository(t)
	if err := r.PutBlob(context.Background(), layer, opener(content, &opened)); err != nil {
		t.Fatal(err)
	}
	if b, err := fetchAll(t, r, layer); err != nil || len(b) != 0 {
		t.Errorf("got %d bytes, %v", len(b), err)
	}
}

// A stalled answer is given up, and a download goes on elsewhere.
func TestStall(t *testing.T) {
	content, layer := blob(100_000)
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	s := blobServer(t, func(w http.ResponseWriter, req *http.Request) {
		from := rangeOf(req)
		if from > 0 {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-", from))
			sendPart(w, http.StatusPartialContent, content[from:], len(content))
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		w.Write(content[:5000])
		w.(http.Flusher).Flush()
		select {
		case <-stop:
		case <-req.Context().Done():
		}
	})
	p := hasty
	p.stall = 100 * time.Millisecond
	c := newClient(Options{Keychain: login{}}, p)
	if got, err := fetchAll(t, s.open(t, c, "team/image"), layer); err != nil || !bytes.Equal(got, content) {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
}

func TestSilentRegistry(t *testing.T) {
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	s := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		select {
		case <-stop:
		case <-req.Context().Done():
		}
	}), nil)
	p := hasty
	p.stall = 50 * time.Millisecond
	_, err := s.open(t, newClient(Options{Keychain: login{}}, p), "team/image").Tags(context.Background())
	if !errors.Is(err, errStalled) || diag.CodeOf(err) != diag.Unavailable {
		t.Errorf("got %v, exit code %d; want a stall and 3", err, diag.CodeOf(err))
	}
}

// zeros is a large blob that takes no memory.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), z.left))
	clear(p[:n])
	z.left -= int64(n)
	return n, nil
}

// A blob of any size streams both ways.
func TestLargeBlobTakesLittleMemory(t *testing.T) {
	const size = 64 << 20
	b := make([]byte, 1<<20)
	h := sha(b, size/len(b))
	layer := oci.Descriptor{MediaType: oci.MediaTypeLayer, Digest: h, Size: size}
	var received atomic.Int64
	s := blobServer(t, func(w http.ResponseWriter, req *http.Request) {
		switch req.Method {
		case http.MethodHead:
			w.WriteHeader(http.StatusNotFound)
		case http.MethodPost:
			w.Header().Set("Location", "/v2/team/image/blobs/uploads/1")
			w.WriteHeader(http.StatusAccepted)
		case http.MethodPatch:
			n, _ := io.Copy(io.Discard, req.Body)
			received.Add(n)
			w.Header().Set("Location", "/v2/team/image/blobs/uploads/1")
			w.WriteHeader(http.StatusAccepted)
		case http.MethodPut:
			w.WriteHeader(http.StatusCreated)
		case http.MethodGet:
			io.Copy(w, &zeros{size})
		}
	})
	r, ctx := s.repository(t), context.Background()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := r.PutBlob(ctx, layer, func(context.Context) (io.ReadCloser, error) { return io.NopCloser(&zeros{size}), nil }); err != nil {
		t.Fatal(err)
	}
	body, err := r.Open(ctx, layer)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if n, err := io.Copy(io.Discard, body); err != nil || n != size || received.Load() != size {
		t.Fatalf("received %d, sent back %d, %v; want %d", received.Load(), n, err, int64(size))
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
		t.Errorf("allocated %d bytes for %d there and back, want at most 4 MiB", used, int64(size))
	}
}

// sha returns the digest of b, n times.
func sha(b []byte, n int) digest.Digest {
	h := sha256.New()
	for range n {
		h.Write(b)
	}
	return digest.Digest(h.Sum(nil))
}
