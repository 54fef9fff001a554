package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

func TestRefusalsSayWhatToDo(t *testing.T) {
	content, layer := blob(1000)
	ctx := context.Background()
	read := func(r *Repository) error { _, err := r.Resolve(ctx, "v1"); return err }
	upload := func(r *Repository) error { return r.PutBlob(ctx, layer, opener(content, new(int))) }
	document := func(r *Repository) error { return r.PutDocument(ctx, manifest(t, "x", nil)) }
	cases := []struct {
		name       string
		method     string
		status     int
		code       string
		call       func(*Repository) error
		text, hint string
		requests   int // with that method
	}{
		{"no credentials", "GET", 401, "UNAUTHORIZED", read, "read tag v1: not allowed: got 401", "docker login", 1},
		{"not yours", "GET", 403, "DENIED", read, "not allowed: got 403", "docker login", 1},
		{"may not write", "POST", 403, "DENIED", upload, "write blob " + layer.Digest.String() + ": not allowed", "read-only", 1},
		{"read-only", "POST", 405, "UNSUPPORTED", upload, "takes nothing", "read-only", 1},
		{"full", "PATCH", 507, "", upload, "full", "room", 1},
		{"too large", "PATCH", 413, "", upload, "too large", "limit", 1},
		{"fault of its own", "PATCH", 500, "UNKNOWN", upload, "got 500", "full disk", int(hasty.tries)},
		{"manifest refused", "PUT", 400, "MANIFEST_INVALID", document, "MANIFEST_INVALID as the test wants", "", 1},
		{"no repository", "GET", 404, "NAME_UNKNOWN", read, "no such repository", "check the name", 1},
		{"no tag", "GET", 404, "MANIFEST_UNKNOWN", read, "not there", "", 1},
		{"busy", "GET", 429, "TOOMANYREQUESTS", read, "too many requests", "later", int(hasty.tries)},
		{"gateway", "GET", 502, "", read, "got 502", "later", int(hasty.tries)},
	}
	for _, c := range cases {
		n := 0
		s := serve(t, nil, func(w http.ResponseWriter, req *http.Request) bool {
			if req.Method != c.method || req.URL.Path == "/v2/" {
				return false
			}
			n++
			io.Copy(io.Discard, req.Body)
			complain(w, c.status, c.code)
			return true
		})
		err := c.call(s.repository(t))
		text := fmt.Sprint(err)
		if !strings.Contains(text, c.text) || !strings.Contains(text, s.host()+"/team/image: ") || diag.CodeOf(err) != diag.Unavailable {
			t.Errorf("%s: got %q, exit code %d; want %q, the repository and 3", c.name, text, diag.CodeOf(err), c.text)
		}
		if hint := diag.HintOf(err); !strings.Contains(hint, c.hint) || c.hint == "" && hint != "" {
			t.Errorf("%s: got hint %q, want %q", c.name, hint, c.hint)
		}
		if n != c.requests {
			t.Errorf("%s: %d requests, want %d", c.name, n, c.requests)
		}
		if errors.Is(err, fs.ErrNotExist) != (c.status == 404) {
			t.Errorf("%s: fs.ErrNotExist is %v", c.name, !(c.status == 404))
		}
	}
}

func TestExpiredCredentials(t *testing.T) {
	var s *server
	s = serve(t, nil, func(w http.ResponseWriter, req *http.Request) bool {
		if req.URL.Path == "/token" {
			complain(w, http.StatusUnauthorized, "UNAUTHORIZED")
			return true
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token"`, s.URL))
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	_, err := s.open(t, client(Options{Keychain: login{"me", "s3cret"}}), "team/image").Tags(context.Background())
	if diag.CodeOf(err) != diag.Unavailable || !strings.Contains(fmt.Sprint(err), "not allowed") || !strings.Contains(diag.HintOf(err), "expired") {
		t.Errorf("got %v, exit code %d, hint %q", err, diag.CodeOf(err), diag.HintOf(err))
	}
	if strings.Contains(fmt.Sprint(err)+diag.HintOf(err), "s3cret") {
		t.Errorf("the password is in %v", err)
	}
}

type noHelper struct{}

func (noHelper) Resolve(authn.Resource) (authn.Authenticator, error) {
	return nil, errors.New("exec: no such helper")
}

func TestUnreadableCredentials(t *testing.T) {
	s := serve(t, nil, nil)
	_, err := s.open(t, client(Options{Keychain: noHelper{}}), "team/image").Tags(context.Background())
	if diag.CodeOf(err) != diag.Usage || diag.HintOf(err) == "" || len(s.requests) != 0 {
		t.Errorf("got %v, exit code %d, requests %q", err, diag.CodeOf(err), s.requests)
	}
}

func TestNetworkFaults(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nothing := l.Addr().String()
	l.Close()
	untrusted := httptest.NewUnstartedServer(plainRegistry(true))
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	plain := serve(t, nil, nil)
	unknown := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "registry.example", IsNotFound: true}}
	}}
	trusting := everywhere(untrusted.Listener.Addr().String())
	trusting.TLSClientConfig = nil
	cases := []struct {
		name, host string
		transport  http.RoundTripper
		hint       string
	}{
		{"unknown host", "registry.example", unknown, "name of the registry"},
		{"nothing listens", nothing, nil, "host and port"},
		{"plain HTTP where HTTPS is asked", "registry.example", everywhere(plain.host()), "--insecure"},
		{"untrusted certificate", "registry.example", trusting, "authority"},
	}
	for _, c := range cases {
		_, err := at(t, client(Options{Transport: c.transport}), c.host).Tags(context.Background())
		if diag.CodeOf(err) != diag.Unavailable || !strings.Contains(diag.HintOf(err), c.hint) {
			t.Errorf("%s: got %v, exit code %d, hint %q; want 3 and %q", c.name, err, diag.CodeOf(err), diag.HintOf(err), c.hint)
		}
	}
	if len(plain.requests) != 0 {
		t.Errorf("the plain server was asked %q", plain.requests)
	}
}

// A connection that breaks in the first words is one more reason to repeat, on
// a server of plain HTTP too.
func TestFirstWordsAreRepeated(t *testing.T) {
	var breaks atomic.Int64
	s := serve(t, nil, func(_ http.ResponseWriter, req *http.Request) bool {
		if breaks.Add(-1) >= 0 {
			panic(http.ErrAbortHandler)
		}
		return false
	})
	s.put(t, "/v2/team/image/manifests/v1", manifest(t, "one", nil))
	breaks.Store(3)
	if _, err := s.repository(t).Tags(context.Background()); err != nil {
		t.Error(err)
	}
	breaks.Store(1000)
	_, err := s.repository(t).Tags(context.Background())
	if diag.CodeOf(err) != diag.Unavailable || strings.Contains(diag.HintOf(err), "--insecure") {
		t.Errorf("got %v, hint %q", err, diag.HintOf(err))
	}
}

// A token that runs out in the middle of a push is replaced, and what was being
// sent is sent again.
func TestTokenRunsOut(t *testing.T) {
	var tokens, uses atomic.Int64
	var s *server
	s = serve(t, nil, func(w http.ResponseWriter, req *http.Request) bool {
		if req.URL.Path == "/token" {
			uses.Store(0)
			fmt.Fprintf(w, `{"token":"t%d"}`, tokens.Add(1))
			return true
		}
		if req.Header.Get("Authorization") == fmt.Sprintf("Bearer t%d", tokens.Load()) && uses.Add(1) <= 1 {
			return false
		}
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="x",scope="repository:team/image:pull,push"`, s.URL))
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	r, ctx := s.open(t, client(Options{Keychain: login{"me", "s3cret"}}), "team/image"), context.Background()
	content, layer := blob(200_000)
	if err := r.PutBlob(ctx, layer, opener(content, new(int))); err != nil {
		t.Fatal(err)
	}
	doc := manifest(t, "one", nil)
	if err := r.PutDocument(ctx, doc); err != nil {
		t.Fatal(err)
	}
	if err := r.Tag(ctx, "v1", doc); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Resolve(ctx, "v1"); err != nil || got.Descriptor.Digest != doc.Descriptor.Digest {
		t.Errorf("got %v, %v", got.Descriptor, err)
	}
	if tokens.Load() < 5 {
		t.Errorf("%d tokens were given out, the test wants more", tokens.Load())
	}
}

func TestShortWords(t *testing.T) {
	s := serve(t, nil, func(w http.ResponseWriter, req *http.Request) bool {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"errors":[{"code":"UNKNOWN","message":%q}]}`, strings.Repeat("ä\n", 5000))
		return true
	})
	_, err := s.repository(t).Tags(context.Background())
	if text := fmt.Sprint(err); err == nil || len(text) > 400 || strings.Contains(text, "\n") || !strings.Contains(text, "ä") {
		t.Errorf("got %d bytes: %s", len(text), text)
	}
}

func TestLiesAboutADocument(t *testing.T) {
	doc := manifest(t, "one", nil)
	other := manifest(t, "two", nil)
	sized := doc.Descriptor
	sized.Size++
	const sha512 = "sha512:0f"
	cases := []struct {
		name    string
		header  map[string]string
		body    string
		resolve string // what is resolved; "" for Document
		d       oci.Descriptor
		lie     bool
		code    diag.Code
		text    string
	}{
		{"other bytes", nil, string(other.Bytes), "", doc.Descriptor, true, diag.Failed, "want " + doc.Descriptor.Digest.String()},
		{"other size", nil, string(doc.Bytes), "", sized, true, diag.Failed, "bytes"},
		{"other bytes by digest", nil, string(other.Bytes), doc.Descriptor.Digest.String(), oci.Descriptor{}, true, diag.Failed, "want " + doc.Descriptor.Digest.String()},
		{"other digest said", map[string]string{"Docker-Content-Digest": other.Descriptor.Digest.String()}, string(doc.Bytes), "v1", oci.Descriptor{}, true, diag.Failed, "the registry says"},
		{"sha512 said", map[string]string{"Docker-Content-Digest": sha512}, string(doc.Bytes), "v1", oci.Descriptor{}, false, diag.Unavailable, "only sha256"},
		{"two types", map[string]string{"Content-Type": oci.MediaTypeIndex}, string(doc.Bytes), "v1", oci.Descriptor{}, false, diag.Failed, "the registry that it is"},
		{"no type", map[string]string{"Content-Type": ""}, `{"schemaVersion":2}`, "v1", oci.Descriptor{}, false, diag.Failed, "nowhere"},
		{"schema 1", nil, `{"schemaVersion":1,"fsLayers":[]}`, "v1", oci.Descriptor{}, false, diag.Failed, "schema 1"},
		{"signed schema 1", map[string]string{"Content-Type": "application/vnd.docker.distribution.manifest.v1+prettyjws"}, `{}`, "v1", oci.Descriptor{}, false, diag.Failed, "schema 1"},
		{"no JSON", nil, "<html>", "v1", oci.Descriptor{}, false, diag.Failed, "not a manifest"},
	}
	for _, c := range cases {
		s := serve(t, nil, func(w http.ResponseWriter, req *http.Request) bool {
			if !strings.Contains(req.URL.Path, "/manifests/") {
				return false
			}
			w.Header()["Content-Type"] = nil
			for k, v := range c.header {
				w.Header().Set(k, v)
			}
			io.WriteString(w, c.body)
			return true
		})
		var err error
		if r := s.repository(t); c.resolve != "" {
			_, err = r.Resolve(context.Background(), c.resolve)
		} else {
			_, err = r.Document(context.Background(), c.d)
		}
		if err == nil || errors.Is(err, digest.ErrMismatch) != c.lie || diag.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: got %v, exit code %d; want %q and %d", c.name, err, diag.CodeOf(err), c.text, c.code)
		}
		if n := s.count("GET /v2/team/image/manifests/"); n != 1 {
			t.Errorf("%s: asked %d times, want once", c.name, n)
		}
	}
}

func TestLiesAboutWhatIsThere(t *testing.T) {
	doc, other := manifest(t, "one", nil), manifest(t, "another", nil)
	for name, header := range map[string]map[string]string{
		"other digest": {"Docker-Content-Digest": other.Descriptor.Digest.String()},
		"other size":   {"Docker-Content-Digest": doc.Descriptor.Digest.String(), "Content-Length": "7"},
	} {
		s := serve(t, nil, func(w http.ResponseWriter, req *http.Request) bool {
			for k, v := range header {
				w.Header().Set(k, v)
			}
			return req.Method == http.MethodHead
		})
		has, err := s.repository(t).HasDocument(context.Background(), doc.Descriptor)
		if has || !errors.Is(err, digest.ErrMismatch) || diag.CodeOf(err) != diag.Failed {
			t.Errorf("%s: got %v, %v", name, has, err)
		}
	}
}

// A registry that says no digest for a tag is asked for the bytes.
func TestTagWithoutSaidDigest(t *testing.T) {
	doc := manifest(t, "one", nil)
	s := serve(t, nil, func(w http.ResponseWriter, req *http.Request) bool {
		w.Header().Set("Content-Type", oci.MediaTypeManifest)
		if req.Method == http.MethodGet && strings.Contains(req.URL.Path, "/manifests/") {
			w.Write(doc.Bytes)
		}
		return true
	})
	if d, err := s.repository(t).Tagged(context.Background(), "v1"); err != nil || d != doc.Descriptor.Digest {
		t.Errorf("got %v, %v", d, err)
	}
}

// What is answered, however badly, is no fault of the network.
func TestTokenServersThatCannotBeUsed(t *testing.T) {
	for _, c := range []struct{ realm, hint string }{
		{"http://127.0.0.1:1/token", "token server"},
		{"/token", ""},
	} {
		s := serve(t, nil, func(w http.ResponseWriter, req *http.Request) bool {
			if req.URL.Path == "/token" {
				fmt.Fprint(w, "nonsense")
				return true
			}
			realm := c.realm
			if realm == "/token" {
				realm = "http://" + req.Host + realm
			}
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q,service="x"`, realm))
			w.WriteHeader(http.StatusUnauthorized)
			return true
		})
		_, err := s.repository(t).Resolve(context.Background(), "v1")
		if hint := diag.HintOf(err); diag.CodeOf(err) != diag.Unavailable || !strings.Contains(hint, c.hint) || strings.Contains(hint, "network") || c.hint == "" && hint != "" {
			t.Errorf("%s: got %v, exit code %d, hint %q", c.realm, err, diag.CodeOf(err), hint)
		}
	}
}
