package registry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/canonjson"
	"github.com/basal-project/basal/internal/digest"
)

// hasty is a policy under which faults show at once.
var hasty = policy{
	tries:       4,
	interval:    time.Millisecond,
	maxInterval: 2 * time.Millisecond,
	stall:       10 * time.Second,
	answer:      10 * time.Second,
	maxWait:     2 * time.Second,
}

// server is a registry on loopback that keeps a record of what it was asked.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	requests []string
	before   func(http.ResponseWriter, *http.Request) bool // answers instead when it returns true
}

// serve starts h, which is go-containerregistry's own registry when it is nil.
func serve(t testing.TB, h http.Handler, before func(http.ResponseWriter, *http.Request) bool) *server {
	t.Helper()
	if h == nil {
		h = plainRegistry(true)
	}
	s := &server{before: before}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, req.Method+" "+req.URL.RequestURI())
		s.mu.Unlock()
		if s.before == nil || !s.before(w, req) {
			h.ServeHTTP(w, req)
		}
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

func plainRegistry(referrers bool) http.Handler {
	return registry.New(registry.WithReferrersSupport(referrers), registry.Logger(log.New(io.Discard, "", 0)))
}

// host returns "127.0.0.1:port".
func (s *server) host() string { return s.Listener.Addr().String() }

// count returns how many requests so far begin with prefix.
func (s *server) count(prefix string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, r := range s.requests {
		if strings.HasPrefix(r, prefix) {
			n++
		}
	}
	return n
}

func (s *server) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

// login is a keychain with one pair of words for every host. For the user
// <token> the password is a refresh token, as Docker has it.
type login struct{ user, password string }

func (l login) Resolve(authn.Resource) (authn.Authenticator, error) {
	if l == (login{}) {
		return authn.Anonymous, nil
	}
	if l.user == "<token>" {
		return authn.FromConfig(authn.AuthConfig{IdentityToken: l.password}), nil
	}
	return &authn.Basic{Username: l.user, Password: l.password}, nil
}

func client(opt Options) *Client {
	if opt.Keychain == nil {
		opt.Keychain = login{}
	}
	return newClient(opt, hasty)
}

// open returns a repository of s.
func (s *server) open(t testing.TB, c *Client, path string) *Repository {
	t.Helper()
	ref, err := c.Parse(s.host() + "/" + path)
	if err != nil {
		t.Fatal(err)
	}
	return c.Repository(ref)
}

// repository returns a repository of s, by a client of its own.
func (s *server) repository(t testing.TB) *Repository {
	return s.open(t, client(Options{}), "team/image")
}

func blob(size int) ([]byte, oci.Descriptor) {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i * 7 / 3)
	}
	return b, describe(oci.MediaTypeLayer, b)
}

func describe(mediaType string, b []byte) oci.Descriptor {
	return oci.Descriptor{MediaType: mediaType, Digest: digest.Of(b), Size: int64(len(b))}
}

// manifest returns a manifest that differs from others by its note. Its subject
// may be nil.
func manifest(t testing.TB, note string, subject *oci.Descriptor) oci.Document {
	t.Helper()
	config := []byte("{}")
	m := map[string]any{
		"schemaVersion": 2,
		"mediaType":     oci.MediaTypeManifest,
		"artifactType":  "application/vnd.example+json",
		"config":        describe("application/vnd.oci.empty.v1+json", config),
		"layers":        []any{},
		"annotations":   map[string]string{"note": note},
	}
	if subject != nil {
		m["subject"] = subject
	}
	b, err := canonjson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return oci.Document{Bytes: b, Descriptor: describe(oci.MediaTypeManifest, b)}
}

// put stores content in s by plain HTTP, past the code that is tested.
func (s *server) put(t testing.TB, path string, doc oci.Document) {
	t.Helper()
	s.send(t, http.MethodPut, path, doc.Descriptor.MediaType, doc.Bytes)
}

func (s *server) putBlob(t testing.TB, repository string, b []byte) {
	t.Helper()
	s.send(t, http.MethodPost, fmt.Sprintf("/v2/%s/blobs/uploads/?digest=%s", repository, digest.Of(b)), "application/octet-stream", b)
}

func (s *server) send(t testing.TB, method, path, mediaType string, b []byte) {
	t.Helper()
	req, err := http.NewRequest(method, s.URL+path, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", mediaType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("%s %s: got %s", method, path, resp.Status)
	}
}

// fetchAll reads a blob to its end.
func fetchAll(t testing.TB, r *Repository, d oci.Descriptor) ([]byte, error) {
	t.Helper()
	body, err := r.Open(context.Background(), d)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

// index returns an index of manifests.
func index(t testing.TB, manifests ...oci.Descriptor) oci.Document {
	t.Helper()
	b, err := canonjson.Marshal(oci.Index{SchemaVersion: 2, MediaType: oci.MediaTypeIndex, Manifests: manifests})
	if err != nil {
		t.Fatal(err)
	}
	return oci.Document{Bytes: b, Descriptor: describe(oci.MediaTypeIndex, b)}
}
