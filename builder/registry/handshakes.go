package registry

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"sync"
)

// handshakes remembers what each registry answers when asked how it wants to be
// spoken to, so that a client asks once, not once for every repository and
// purpose. The answer has no body that anyone reads.
type handshakes struct {
	next http.RoundTripper

	mu      sync.Mutex
	answers map[string]*handshake // by scheme and host
}

type handshake struct {
	mu     sync.Mutex
	known  bool
	status int
	header http.Header
	err    error
	failed error // the last time, nil when it went well
}

// RoundTrip implements http.RoundTripper.
func (h *handshakes) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet || req.URL.Path != "/v2/" || req.Response != nil {
		return h.next.RoundTrip(req)
	}
	a := h.answer(req.URL.Scheme + "://" + req.URL.Host)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known {
		return a.again(req)
	}
	resp, err := h.next.RoundTrip(req)
	a.failed = err
	var tlsFault tls.RecordHeaderError
	switch {
	case errors.As(err, &tlsFault):
		// A server of plain HTTP, asked for HTTPS first.
		a.known, a.err = true, err
	case err == nil && (resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusUnauthorized):
		a.known, a.status, a.header = true, resp.StatusCode, resp.Header.Clone()
	}
	return resp, err
}

func (h *handshakes) answer(key string) *handshake {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.answers == nil {
		h.answers = map[string]*handshake{}
	}
	if h.answers[key] == nil {
		h.answers[key] = new(handshake)
	}
	return h.answers[key]
}

// fault returns what failed, in place of err, which is what two attempts at a
// host came to: with HTTPS, which a server of plain HTTP does not understand,
// and without it.
func (h *handshakes) fault(host string, err error) error {
	secure, plain := h.answer("https://"+host), h.answer("http://"+host)
	secure.mu.Lock()
	defer secure.mu.Unlock()
	plain.mu.Lock()
	defer plain.mu.Unlock()
	if secure.err == nil || plain.failed == nil {
		return err
	}
	return &url.Error{Op: "Get", Err: plain.failed}
}

func (a *handshake) again(req *http.Request) (*http.Response, error) {
	if a.err != nil {
		return nil, a.err
	}
	return &http.Response{
		Status:     http.StatusText(a.status),
		StatusCode: a.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:  a.header.Clone(),
		Body:    http.NoBody,
		Request: req,
	}, nil
}
