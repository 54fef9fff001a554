package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// everywhere is a transport for which every host is the server at one address.
func everywhere(address string) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		},
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the test server's own certificate
	}
}

// at returns a repository of a registry that goes by the name host.
func at(t testing.TB, c *Client, host string) *Repository {
	t.Helper()
	ref, err := c.Parse(host + "/team/image")
	if err != nil {
		t.Fatal(err)
	}
	return c.Repository(ref)
}

func TestPlainHTTPOnlyToLoopback(t *testing.T) {
	s := serve(t, nil, nil)
	s.put(t, "/v2/team/image/manifests/v1", manifest(t, "one", nil))
	s.forget()
	for _, host := range []string{"10.0.0.1:5000", "192.168.7.7", "172.16.0.1:80", "x.localhost:5000", "registry.local:5000", "registry.example:5000", "[fd00::1]:5000"} {
		_, err := at(t, client(Options{Transport: everywhere(s.host())}), host).Tags(context.Background())
		if err == nil || !strings.Contains(diag.HintOf(err), "--insecure") {
			t.Errorf("%s: got %v, hint %q; want a hint at --insecure", host, err, diag.HintOf(err))
		}
		if len(s.requests) != 0 {
			t.Errorf("%s: got requests %q, want none", host, s.requests)
		}
		s.forget()
		tags, err := at(t, client(Options{Transport: everywhere(s.host()), Insecure: true}), host).Tags(context.Background())
		if err != nil || len(tags) != 1 {
			t.Errorf("%s, insecure: got %q, %v", host, tags, err)
		}
		s.forget()
	}
	for _, host := range []string{"127.0.0.1:5000", "127.9.9.9:5000", "localhost", "localhost:5000", "[::1]:5000", "[::1]"} {
		if _, err := at(t, client(Options{Transport: everywhere(s.host())}), host).Tags(context.Background()); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestPlainHTTPIsAMistakeOfTheUser(t *testing.T) {
	_, err := new(guard).RoundTrip(httptest.NewRequest(http.MethodGet, "http://registry.example/v2/", nil))
	if diag.CodeOf(err) != diag.Usage || !strings.Contains(diag.HintOf(err), "--insecure") {
		t.Errorf("got %v, exit code %d, hint %q", err, diag.CodeOf(err), diag.HintOf(err))
	}
}

// secrets keeps the credentials that a server was shown.
type secrets struct {
	mu   sync.Mutex
	seen []string
}

func (s *secrets) look(req *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := req.Header.Get("Authorization"); a != "" {
		s.seen = append(s.seen, req.Method+" "+req.URL.Path+" "+a)
	}
	if req.Body != nil {
		b, _ := io.ReadAll(io.LimitReader(req.Body, 4096))
		if strings.Contains(string(b), "s3cret") || strings.Contains(string(b), "refresh") {
			s.seen = append(s.seen, req.Method+" "+req.URL.Path+" "+string(b))
		}
	}
}

// Another host never sees the credentials of a registry: not when a download or
// an upload leads there, not when the token server redirects there.
func TestCredentialsStayWithTheirHost(t *testing.T) {
	content, layer := blob(1000)
	for _, kind := range []string{"basic", "bearer"} {
		var strange secrets
		stranger := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			strange.look(req)
			switch req.Method {
			case http.MethodGet:
				w.Write(content)
			case http.MethodPatch:
				w.Header().Set("Location", req.URL.Path)
				w.WriteHeader(http.StatusAccepted)
			default:
				w.WriteHeader(http.StatusCreated)
			}
		}), nil)
		var own secrets
		var s *server
		s = serve(t, nil, func(w http.ResponseWriter, req *http.Request) bool {
			if req.URL.Path == "/token" {
				own.look(req)
				fmt.Fprint(w, `{"token":"t0ken"}`)
				return true
			}
			if a := req.Header.Get("Authorization"); a == "" {
				challenge := `Basic realm="x"`
				if kind == "bearer" {
					challenge = fmt.Sprintf(`Bearer realm="%s/token",service="x"`, s.URL)
				}
				w.Header().Set("WWW-Authenticate", challenge)
				w.WriteHeader(http.StatusUnauthorized)
				return true
			}
			own.look(req)
			switch {
			case req.Method == http.MethodGet && strings.Contains(req.URL.Path, "/blobs/"):
				http.Redirect(w, req, stranger.URL+"/storage", http.StatusTemporaryRedirect)
			case req.Method == http.MethodPost:
				w.Header().Set("Location", stranger.URL+"/storage")
				w.WriteHeader(http.StatusAccepted)
			default:
				return false
			}
			return true
		})
		r := s.open(t, client(Options{Keychain: login{"me", "s3cret"}}), "team/image")
		if b, err := fetchAll(t, r, layer); err != nil || len(b) != len(content) {
			t.Fatalf("%s: got %d bytes, %v", kind, len(b), err)
		}
		opened := 0
		if err := r.PutBlob(context.Background(), layer, opener(content, &opened)); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if stranger.count("GET ") != 1 || stranger.count("PATCH ") != 1 {
			t.Errorf("%s: the other host was asked %q", kind, stranger.requests)
		}
		if len(strange.seen) != 0 {
			t.Errorf("%s: another host was shown %q", kind, strange.seen)
		}
		if len(own.seen) == 0 {
			t.Errorf("%s: the registry was shown nothing", kind)
		}
	}
}

// A refresh token is sent in a body, which a redirect would repeat.
func TestTokenServerCannotPassCredentialsOn(t *testing.T) {
	for _, key := range []login{{"me", "s3cret"}, {"<token>", "s3cret"}} {
		for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
			var strange secrets
			stranger := serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				strange.look(req)
				fmt.Fprint(w, `{"token":"t0ken"}`)
			}), nil)
			// By a name, because go-containerregistry refuses other addresses.
			_, port, _ := net.SplitHostPort(stranger.host())
			var s *server
			s = serve(t, nil, func(w http.ResponseWriter, req *http.Request) bool {
				if req.URL.Path == "/token" {
					http.Redirect(w, req, "http://localhost:"+port+"/token", status)
					return true
				}
				if req.Header.Get("Authorization") != "" {
					return false
				}
				w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="x"`, s.URL))
				w.WriteHeader(http.StatusUnauthorized)
				return true
			})
			_, err := s.open(t, client(Options{Keychain: key}), "team/image").Resolve(context.Background(), "v1")
			if err == nil {
				t.Errorf("%s, %d: no error", key.user, status)
			}
			if len(strange.seen) != 0 {
				t.Errorf("%s, %d: another host was shown %q", key.user, status, strange.seen)
			}
		}
	}
}

// A token server may be another host, as Docker Hub's is, but plain HTTP to it
// is refused like any other.
func TestTokenServerNotByPlainHTTP(t *testing.T) {
	asked := atomic.Bool{}
	s := serve(t, nil, func(w http.ResponseWriter, req *http.Request) bool {
		if req.Host == "auth.example" {
			asked.Store(true)
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="http://auth.example/token",service="x"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	c := client(Options{Keychain: login{"me", "s3cret"}, Transport: everywhere(s.host())})
	_, err := s.open(t, c, "team/image").Tags(context.Background())
	if err == nil || asked.Load() {
		t.Errorf("got %v, asked %v; want a refusal", err, asked.Load())
	}
}

func TestRedirectsThatAreRefused(t *testing.T) {
	_, layer := blob(1000)
	plain := serve(t, nil, nil)
	secure := func(target string) *httptest.Server {
		s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.URL.Path == "/v2/" {
				return
			}
			http.Redirect(w, req, target, http.StatusTemporaryRedirect)
		}))
		t.Cleanup(s.Close)
		return s
	}
	cases := map[string]struct{ target, want string }{
		"downgrade":        {plain.URL + "/blob", "from https to http"},
		"to itself":        {"/v2/team/image/blobs/" + layer.Digest.String(), "more than 5 times"},
		"internal address": {"https://169.254.169.254/latest", "internal address"},
		"odd scheme":       {"file:///etc/passwd", "file"},
	}
	for name, c := range cases {
		s := secure(c.target)
		r := at(t, client(Options{Transport: everywhere(s.Listener.Addr().String())}), "registry.example")
		_, err := r.Open(context.Background(), layer)
		if diag.CodeOf(err) != diag.Unavailable || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: got %v, exit code %d; want %q and 3", name, err, diag.CodeOf(err), c.want)
		}
	}
	if len(plain.requests) != 0 {
		t.Errorf("the plain server was asked %q", plain.requests)
	}
}

func TestRetryAfter(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		var busy atomic.Int64
		busy.Store(2)
		s := serve(t, nil, func(w http.ResponseWriter, req *http.Request) bool {
			if busy.Add(-1) < 0 {
				return false
			}
			w.Header().Set("Retry-After", fmt.Sprint(busy.Load()))
			w.WriteHeader(status)
			return true
		})
		s.put(t, "/v2/team/image/manifests/v1", func() oci.Document { busy.Store(0); return manifest(t, "one", nil) }())
		busy.Store(2)
		begin := time.Now()
		if _, err := s.repository(t).Tags(context.Background()); err != nil {
			t.Errorf("%d: %v", status, err)
		}
		if d := time.Since(begin); d < time.Second || d > 10*time.Second {
			t.Errorf("%d: took %s, want the second that was asked for", status, d)
		}
	}
}

func TestRetryAfterHasALimit(t *testing.T) {
	s := serve(t, nil, func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	begin := time.Now()
	_, err := s.repository(t).Tags(context.Background())
	if diag.CodeOf(err) != diag.Unavailable || !strings.Contains(fmt.Sprint(err), "1h0m0s") || time.Since(begin) > time.Second {
		t.Errorf("got %v after %s", err, time.Since(begin))
	}
	if len(s.requests) != 1 {
		t.Errorf("asked %d times, want once", len(s.requests))
	}
}

func TestCancelWhileWaiting(t *testing.T) {
	asked := make(chan struct{}, 1)
	s := serve(t, nil, func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "2")
		w.WriteHeader(http.StatusTooManyRequests)
		asked <- struct{}{}
		return true
	})
	why := errors.New("the user has had enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	go func() {
		<-asked
		cancel(why)
	}()
	begin := time.Now()
	if _, err := s.repository(t).Tags(ctx); !errors.Is(err, why) || time.Since(begin) > time.Second {
		t.Errorf("got %v after %s", err, time.Since(begin))
	}
}

// What is no blob is read up to 4 MiB, whether or not its size is announced.
func TestHugeAnswers(t *testing.T) {
	subject := oci.Descriptor{MediaType: oci.MediaTypeManifest, Digest: digest.Of([]byte("subject")), Size: 7}
	ctx := context.Background()
	calls := map[string]func(r *Repository) error{
		"manifests/v1": func(r *Repository) error { _, err := r.Resolve(ctx, "v1"); return err },
		"tags/":        func(r *Repository) error { _, err := r.Tags(ctx); return err },
		"referrers/":   func(r *Repository) error { _, err := r.Referrers(ctx, subject.Digest); return err },
		"manifests/" + fallbackTag(subject.Digest): func(r *Repository) error {
			return r.PutDocument(ctx, manifest(t, "x", &subject))
		},
	}
	for path, call := range calls {
		for _, announced := range []bool{true, false} {
			var sent atomic.Int64
			s := serve(t, plainRegistry(false), func(w http.ResponseWriter, req *http.Request) bool {
				if req.Method != http.MethodGet || !strings.Contains(req.URL.Path, path) {
					return false
				}
				w.Header().Set("Content-Type", oci.MediaTypeIndex)
				if announced {
					w.Header().Set("Content-Length", fmt.Sprint(100<<20))
				}
				chunk := []byte(strings.Repeat(" ", 1<<16))
				for range 100 << 20 / len(chunk) {
					n, err := w.Write(chunk)
					sent.Add(int64(n))
					if err != nil {
						break
					}
				}
				return true
			})
			err := call(s.repository(t))
			if diag.CodeOf(err) != diag.Unavailable || !strings.Contains(fmt.Sprint(err), "at most 4194304") {
				t.Errorf("%s, announced %v: got %v, exit code %d", path, announced, err, diag.CodeOf(err))
			}
			if n := sent.Load(); n > 32<<20 {
				t.Errorf("%s, announced %v: %d bytes went out", path, announced, n)
			}
		}
	}
}

func TestHugeDescriptorIsNotAskedFor(t *testing.T) {
	s := serve(t, nil, nil)
	_, err := s.repository(t).Document(context.Background(), oci.Descriptor{Digest: digest.Of(nil), Size: 100 << 20})
	if diag.CodeOf(err) != diag.Unavailable || len(s.requests) != 0 {
		t.Errorf("got %v, requests %q", err, s.requests)
	}
}

func TestInternalHosts(t *testing.T) {
	for _, host := range []string{"localhost", "LOCALHOST", "localhost.", "x.localhost", "x.localhost.", "127.0.0.1", "127.0.0.1.", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "10.1.2.3", "::1", "::ffff:10.0.0.1", "fe80::1%eth0", "169.254.169.254", "0.0.0.0", ""} {
		if !internal(host) {
			t.Errorf("%q is taken for public", host)
		}
	}
	for _, host := range []string{"registry.example", "8.8.8.8", "registry.example.", "localhost.example", "2001:db8::1", "a1", "1.example"} {
		if internal(host) {
			t.Errorf("%q is taken for internal", host)
		}
	}
}

// A registry elsewhere has no business with the machine of its user, whichever
// way it leads there.
func TestNobodyLeadsToAnInternalToken(t *testing.T) {
	for _, host := range []string{"localhost:5001", "x.localhost", "localhost.:5001", "127.0.0.1.:5001", "127.1"} {
		var asked atomic.Bool
		s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.URL.Path == "/token" {
				asked.Store(true)
			}
			w.Header().Set("WWW-Authenticate", `Bearer realm="https://`+host+`/token",service="x"`)
			w.WriteHeader(http.StatusUnauthorized)
		}))
		c := client(Options{Keychain: login{"me", "s3cret"}, Transport: everywhere(s.Listener.Addr().String())})
		_, err := at(t, c, "registry.example").Tags(context.Background())
		s.Close()
		if diag.CodeOf(err) != diag.Unavailable || asked.Load() {
			t.Errorf("%s: got %v, asked %v", host, err, asked.Load())
		}
	}
}

// What begins with HTTPS goes on with HTTPS, whatever the user allows.
func TestNoWayFromHTTPSToHTTP(t *testing.T) {
	content, layer := blob(1000)
	for _, insecure := range []bool{false, true} {
		plain := serve(t, nil, nil)
		s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			switch req.Method {
			case http.MethodPost:
				w.Header().Set("Location", "http://storage.example/upload?s3cret")
				w.WriteHeader(http.StatusAccepted)
			case http.MethodHead:
				w.WriteHeader(http.StatusNotFound)
			default:
				if req.URL.Path != "/v2/" {
					http.Redirect(w, req, "http://storage.example/blob?s3cret", http.StatusFound)
				}
			}
		}))
		secure := s.Listener.Addr().String()
		wire := everywhere(secure)
		wire.DialContext = func(ctx context.Context, _, address string) (net.Conn, error) {
			if strings.HasPrefix(address, "storage") {
				secure = plain.host()
			}
			return new(net.Dialer).DialContext(ctx, "tcp", secure)
		}
		r := at(t, client(Options{Transport: wire, Insecure: insecure}), "registry.example")
		_, read := r.Open(context.Background(), layer)
		for _, err := range []error{read, r.PutBlob(context.Background(), layer, opener(content, new(int)))} {
			if diag.CodeOf(err) != diag.Unavailable || strings.Contains(fmt.Sprint(err, diag.HintOf(err)), "insecure") || strings.Contains(fmt.Sprint(err), "s3cret") {
				t.Errorf("insecure %v: got %v, hint %q", insecure, err, diag.HintOf(err))
			}
		}
		s.Close()
		if len(plain.requests) != 0 {
			t.Errorf("insecure %v: the plain server was asked %q", insecure, plain.requests)
		}
	}
}

func TestBadLocationIsNotPrinted(t *testing.T) {
	content, layer := blob(1000)
	for _, location := range []string{"https://storage.example/%zz?s3cret", "http://[::1/s3cret", ":s3cret"} {
		s := serve(t, nil, func(w http.ResponseWriter, req *http.Request) bool {
			if req.URL.Path == "/v2/" || req.Method == http.MethodHead {
				return false
			}
			w.Header().Set("Location", location)
			w.WriteHeader(map[string]int{http.MethodPost: 202, http.MethodGet: 307}[req.Method])
			return true
		})
		_, read := s.repository(t).Open(context.Background(), layer)
		for _, err := range []error{read, s.repository(t).PutBlob(context.Background(), layer, opener(content, new(int)))} {
			if diag.CodeOf(err) != diag.Unavailable || strings.Contains(fmt.Sprint(err), "s3cret") || diag.HintOf(err) != "" {
				t.Errorf("%s: got %v, hint %q", location, err, diag.HintOf(err))
			}
		}
	}
}
