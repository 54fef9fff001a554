package registries

import (
	"bytes"
	"io"
	"log"
	"net"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/registry"
)

// A Wrapper changes what a registry in this process does.
type Wrapper func(http.Handler) http.Handler

func startInProcess(r *Registry) (stop func(), err error) {
	handler, ok := r.memory.(http.Handler)
	if !ok {
		quiet := log.New(io.Discard, "", 0)
		handler = registry.New(registry.Logger(quiet), registry.WithReferrersSupport(r.Kind.Referrers))
		r.memory = handler
	}
	handler = wholeManifests(handler)
	if r.Options.ReadOnly {
		handler = readOnly(handler)
	}
	if r.Options.Wrap != nil {
		handler = r.Options.Wrap(handler)
	}
	return Serve(r.Addr, handler)
}

// Serve answers at an address until it is stopped, which cuts off what runs.
func Serve(addr string, handler http.Handler) (stop func(), err error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	srv := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0)}
	ended := make(chan struct{})
	go func() {
		srv.Serve(l) // always ends with ErrServerClosed
		close(ended)
	}()
	return func() {
		srv.Close()
		<-ended
	}, nil
}

// wholeManifests refuses manifests that are cut off on their way, as every other
// registry does. go-containerregistry's would store half of one under a tag.
func wholeManifests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPut && strings.Contains(req.URL.Path, "/manifests/") {
			body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, 8<<20))
			if err != nil {
				refuse(w, http.StatusBadRequest, "MANIFEST_INVALID", err.Error())
				return
			}
			req.Body = io.NopCloser(bytes.NewReader(body))
		}
		next.ServeHTTP(w, req)
	})
}

// readOnly answers as distribution does in maintenance.
func readOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodGet && req.Method != http.MethodHead {
			refuse(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "The operation is unsupported.")
			return
		}
		next.ServeHTTP(w, req)
	})
}
