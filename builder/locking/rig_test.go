package locking

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/basal-project/basal/builder/cache"
	"github.com/basal-project/basal/builder/debian/debtest"
	"github.com/basal-project/basal/builder/fetch"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// rig is an archive that is served, and a machine that locks against it.
type rig struct {
	t       *testing.T
	archive *debtest.Archive
	uri     string
	cache   *cache.Cache
	client  *fetch.Client
	keys    []byte
	now     time.Time
}

func newRig(t *testing.T, suites ...debtest.Suite) *rig {
	t.Helper()
	archive := debtest.New(t, suites...)
	srv := httptest.NewServer(archive)
	t.Cleanup(srv.Close)
	r := &rig{t: t, archive: archive, uri: srv.URL, keys: archive.Key.Public(t), now: debtest.DefaultDate.Add(time.Hour)}
	r.fresh()
	return r
}

// fresh gives the machine an empty cache.
func (r *rig) fresh() {
	var err error
	if r.cache, err = cache.Open(filepath.Join(r.t.TempDir(), "cache")); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { r.cache.Close() })
	transport := &http.Transport{}
	r.t.Cleanup(transport.CloseIdleConnections)
	r.client = fetch.New(fetch.Options{Cache: r.cache, Transport: transport})
}

// request returns what there is to lock: a spec of those packages, with extra
// lines.
func (r *rig) request(extra string, packages ...string) Request {
	r.t.Helper()
	spec, err := specs.Parse("image.yaml", []byte(r.archive.ImageYAML(r.uri, extra, packages...)))
	if err != nil {
		r.t.Fatal(err)
	}
	return Request{
		File: "image.yaml", Spec: spec, Now: r.now,
		Local:   func(path string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("local " + path)), nil },
		Keyring: r.keyring,
	}
}

func (r *rig) keyring(_ int, signedBy string) ([]byte, error) {
	if signedBy != "./"+debtest.KeyFile {
		return nil, fmt.Errorf("no such key: %s", signedBy)
	}
	return r.keys, nil
}

func (r *rig) lock(req Request) *specs.Lock {
	r.t.Helper()
	lock, err := Make(r.t.Context(), r.client, req)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := specs.ParseLock("lock.json", encode(r.t, lock)); err != nil {
		r.t.Fatalf("the lock is not one: %v", err)
	}
	return lock
}

func (r *rig) open(d digest.Digest, size int64) (io.ReadCloser, error) { return r.cache.Get(d, size) }

func (r *rig) verify(lock *specs.Lock) error { return Verify(r.t.Context(), lock, r.keyring, r.open) }

func encode(t *testing.T, lock *specs.Lock) []byte {
	t.Helper()
	b, err := lock.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func clone(t *testing.T, lock *specs.Lock) *specs.Lock {
	t.Helper()
	l, err := specs.ParseLock("lock.json", encode(t, lock))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func mustEqual(t *testing.T, a, b *specs.Lock) {
	t.Helper()
	if x, y := encode(t, a), encode(t, b); !bytes.Equal(x, y) {
		t.Errorf("got\n%s\nwant\n%s", x, y)
	}
}

func platform(t *testing.T, s string) specs.Platform {
	t.Helper()
	p, err := specs.ParsePlatform(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// hello and its library, for two architectures.
func hello() []debtest.Deb {
	return []debtest.Deb{
		{Name: "hello", Arch: "amd64", Depends: "libhello (>= 1)", Files: map[string]string{"usr/bin/hello": "amd64"}},
		{Name: "hello", Arch: "arm64", Depends: "libhello (>= 1)", Files: map[string]string{"usr/bin/hello": "arm64"}},
		{Name: "libhello", Version: "2:1.0-1", Control: "Source: hello (3)\n", Files: map[string]string{"usr/share/hello": "data"}, MTime: debtest.DefaultTime.Add(time.Minute)},
		{Name: "other", Source: "other-src", Files: map[string]string{"usr/share/other": "data"}},
	}
}
