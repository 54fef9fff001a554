package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/basal-project/basal/builder/cache"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// quick is patient enough for a loopback interface.
var quick = policy{tries: 4, interval: time.Millisecond, maxInterval: 2 * time.Millisecond, stall: 20 * time.Second, maxWait: time.Second}

// host is a server that keeps a list of what it was asked for.
type host struct {
	*httptest.Server
	mu  sync.Mutex
	log []string
}

// serve starts a server. The handler's third argument counts the requests for
// the path so far, this one included.
func serve(t *testing.T, handler func(w http.ResponseWriter, r *http.Request, n int)) *host {
	t.Helper()
	h := &host{}
	seen := map[string]int{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		seen[r.URL.Path]++
		n := seen[r.URL.Path]
		line := r.URL.Path
		if ranged := r.Header.Get("Range"); ranged != "" {
			line += " " + ranged
		}
		h.log = append(h.log, line)
		h.mu.Unlock()
		handler(w, r, n)
	}))
	t.Cleanup(h.Close)
	return h
}

// files serves bytes by path, below any archive's folder.
func files(t *testing.T, content map[string][]byte) *host {
	return serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		b, ok := content[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		http.ServeContent(w, r, "x.bin", time.Unix(1e9, 0), bytes.NewReader(b))
	})
}

func (h *host) requests() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.log)
}

// client returns a quick client with a new cache and the hosts as mirrors.
func client(t *testing.T, hosts ...*host) *Client {
	t.Helper()
	var urls []string
	for _, h := range hosts {
		urls = append(urls, h.URL)
	}
	return clientWith(t, Options{Mirrors: mirrors(t, urls...)})
}

func clientWith(t *testing.T, opt Options) *Client {
	t.Helper()
	if opt.Cache == nil {
		opt.Cache = cacheIn(t, filepath.Join(t.TempDir(), "cache"))
	}
	if opt.Transport == nil {
		transport := &http.Transport{}
		t.Cleanup(transport.CloseIdleConnections)
		opt.Transport = transport
	}
	c := New(opt)
	c.policy = quick
	c.now = func() time.Time { return time.Date(2026, 11, 22, 9, 46, 1, 0, time.UTC) }
	return c
}

func cacheIn(t *testing.T, dir string) *cache.Cache {
	t.Helper()
	c, err := cache.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func mirrors(t *testing.T, values ...string) Mirrors {
	t.Helper()
	m, err := ParseMirrors(values)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const pool = "pool/main/x/x_1_all.deb"

// deb returns an artifact for b in the archive debian.
func deb(b []byte) specs.Artifact {
	return specs.Artifact{SHA256: digest.Of(b), Size: int64(len(b)), Archive: "debian", Path: pool, Date: 1_789_200_000}
}

// body is long enough to be cut in pieces, and each place in it is different.
var body = func() []byte {
	var b bytes.Buffer
	for i := range 20_000 {
		fmt.Fprintf(&b, "%08d\n", i)
	}
	return b.Bytes()
}()

func read(c *Client, a specs.Artifact) ([]byte, error) {
	r, err := c.Open(context.Background(), a)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func mustRead(t *testing.T, c *Client, a specs.Artifact, want []byte) {
	t.Helper()
	got, err := read(c, a)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("got %d bytes, %v, want %d bytes", len(got), err, len(want))
	}
}

// mustHave fails unless s contains each of the parts.
func mustHave(t *testing.T, s string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(s, part) {
			t.Errorf("%q is missing in:\n%s", part, s)
		}
	}
}

func mustWrite(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// noNetwork fails the test when anything is sent.
type noNetwork struct{ t *testing.T }

func (n noNetwork) RoundTrip(r *http.Request) (*http.Response, error) {
	n.t.Errorf("a request was sent to %s", r.URL)
	return nil, errors.New("no network")
}

// fake answers requests without a socket, so that a fake clock can run.
type fake func(*http.Request) (*http.Response, error)

func (f fake) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// reply makes a response for r.
func reply(r *http.Request, status int, header map[string]string, b io.Reader) *http.Response {
	resp := &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(b), ContentLength: -1, Request: r,
	}
	for name, value := range header {
		resp.Header.Set(name, value)
	}
	return resp
}

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }

// countNew counts connections. Accept is one goroutine, and the count is read
// after the server was closed.
func countNew(n *int) func(net.Conn, http.ConnState) {
	return func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			*n++
		}
	}
}

// index returns an index file of trixie with those bytes.
func index(b []byte) Index {
	return Index{Archive: "debian", Suite: "trixie", Path: "main/binary-amd64/Packages.xz", Size: int64(len(b)), SHA256: digest.Of(b), Date: 1_789_200_000}
}
