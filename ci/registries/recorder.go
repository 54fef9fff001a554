package registries

import (
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/basal-project/basal/ci/programs"
)

// A Request is what a client asked.
type Request struct {
	Method string
	Path   string
	Header http.Header
}

// Upload reports whether the request brings content.
func (r Request) Upload() bool {
	return r.Method == http.MethodPatch || r.Method == http.MethodPut || r.Method == http.MethodPost
}

// A Recorder stands before a registry and notes every request.
type Recorder struct {
	Addr string // 127.0.0.1:PORT
	stop func()

	mu       sync.Mutex
	requests []Request
}

// Record starts a recorder before a registry.
func Record(r *Registry) (*Recorder, error) {
	addr, err := programs.FreeAddr()
	if err != nil {
		return nil, err
	}
	rec := &Recorder{Addr: addr}
	target := &url.URL{Scheme: "http", Host: r.Addr}
	proxy := &httputil.ReverseProxy{
		// The host stays the recorder's, so the Location of an upload leads here.
		Rewrite:  func(p *httputil.ProxyRequest) { p.Out.URL.Scheme, p.Out.URL.Host = target.Scheme, target.Host },
		ErrorLog: log.New(io.Discard, "", 0),
	}
	rec.stop, err = Serve(addr, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		rec.mu.Lock()
		rec.requests = append(rec.requests, Request{req.Method, req.URL.Path, req.Header.Clone()})
		rec.mu.Unlock()
		proxy.ServeHTTP(w, req)
	}))
	return rec, err
}

// Take returns the requests since the last call.
func (rec *Recorder) Take() []Request {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	all := rec.requests
	rec.requests = nil
	return all
}

// Close stops the recorder; the registry runs on.
func (rec *Recorder) Close() { rec.stop() }

// Uploads returns those that bring content.
func Uploads(requests []Request) []Request {
	return slices.DeleteFunc(slices.Clone(requests), func(r Request) bool { return !r.Upload() })
}

// Pings returns how many of the requests only ask whether this is a registry.
func Pings(requests []Request) int {
	n := 0
	for _, r := range requests {
		if strings.Trim(r.Path, "/") == "v2" {
			n++
		}
	}
	return n
}
