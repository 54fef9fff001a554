package registry

import (
	"net/http"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/basal-project/basal/internal/diag"
)

// fence keeps a session from being led to less safe places than its registry is:
// by a redirect, by the address of a token server, or by one to send a blob to.
type fence struct {
	next     http.RoundTripper
	registry name.Registry
	secure   atomic.Bool // the registry speaks HTTPS
}

// RoundTrip implements http.RoundTripper.
func (f *fence) RoundTrip(req *http.Request) (*http.Response, error) {
	home := f.registry.RegistryStr()
	host := req.URL.Hostname()
	var fault error
	switch {
	case f.secure.Load() && req.URL.Scheme != "https":
		fault = diag.Unavailablef("%s leads from https to %s on %s, which is refused", home, req.URL.Scheme, req.URL.Host)
	case internal(host) && !internal(hostOnly(home)) && host != hostOnly(home):
		fault = diag.Unavailablef("%s leads to the internal address %s, which is refused", home, req.URL.Host)
	}
	if fault != nil {
		discard(req.Body)
		return nil, fault
	}
	return f.next.RoundTrip(req)
}
