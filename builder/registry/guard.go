package registry

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/basal-project/basal/internal/diag"
)

const (
	maxHeader    = 1 << 20  // bytes of an answer's header
	maxAnswer    = 4 << 20  // bytes of an answer that is no blob
	maxComplaint = 64 << 10 // bytes of an answer that says why not
	maxRedirects = 5
)

// guard is the last to see a request and the first to see its answer, whoever
// of the layers above it made the request.
type guard struct {
	next     http.RoundTripper
	insecure bool
	policy   policy
}

// RoundTrip implements http.RoundTripper.
func (g *guard) RoundTrip(in *http.Request) (*http.Response, error) {
	if err := g.admit(in); err != nil {
		discard(in.Body)
		return nil, err
	}
	w := newWatch(in.Context(), g.policy)
	out := in.Clone(w.ctx)
	// Said explicitly, or Go asks for gzip and unpacks what comes: bytes must
	// arrive as they were named.
	out.Header.Set("Accept-Encoding", "identity")
	if err := w.send(in, out); err != nil {
		w.stop()
		return nil, err
	}
	resp, err := g.next.RoundTrip(out)
	if err != nil {
		err = w.verdict(err)
		w.stop()
		return nil, err
	}
	w.timer.Reset(g.policy.stall)
	resp.Request = in
	resp.Body = &answer{ReadCloser: resp.Body, watch: w}
	if _, err := url.Parse(resp.Header.Get("Location")); err != nil {
		// It may carry a secret, which other layers would print.
		resp.Body.Close()
		return nil, diag.Unavailablef("%s leads to something that is no address", in.URL.Host)
	}
	if err := g.bound(in, resp); err != nil {
		resp.Body.Close()
		return nil, err
	}
	if d, ok := retryAfter(resp); ok {
		if err := wait(in.Context(), d); err != nil {
			resp.Body.Close()
			return nil, err
		}
	}
	return resp, nil
}

// admit refuses requests that must not leave.
func (g *guard) admit(req *http.Request) error {
	host := req.URL.Hostname()
	via := hops(req)
	switch {
	case len(via) > maxRedirects:
		return diag.Unavailablef("redirected more than %d times", maxRedirects)
	case len(via) > 0 && via[0].Scheme == "https" && req.URL.Scheme != "https":
		return diag.Unavailablef("redirected from https to %s on %s, which is refused", req.URL.Scheme, req.URL.Host)
	case req.URL.Scheme == "http" && !g.insecure && !loopback(host):
		if !isGreeting(req) {
			return diag.Unavailablef("led to plain HTTP on %s, which is refused", req.URL.Host)
		}
		return diag.Usagef("plain HTTP to %s is refused", req.URL.Host).
			WithHint("if that registry cannot do HTTPS and the network is trusted, say --insecure")
	case len(via) == 0:
		return nil
	}
	first, last := via[len(via)-1], via[0]
	switch {
	case req.URL.Host != last.Host && req.Body != nil && req.Body != http.NoBody:
		// What is sent may be a refresh token.
		return diag.Unavailablef("%s wants what is sent to it sent to %s, which is refused", last.Host, req.URL.Host)
	case internal(host) && !internal(first.Hostname()) && host != first.Hostname():
		return diag.Unavailablef("%s leads to the internal address %s, which is refused", first.Host, req.URL.Host)
	}
	return nil
}

// isGreeting reports whether req is the first word with a registry that a user
// named, not an address that a server gave.
func isGreeting(req *http.Request) bool {
	return req.Response == nil && req.Method == http.MethodGet && req.URL.Path == "/v2/" && req.URL.RawQuery == ""
}

// hops returns where req was before it was redirected, last place first.
func hops(req *http.Request) []*url.URL {
	var via []*url.URL
	for req.Response != nil && req.Response.Request != nil {
		req = req.Response.Request
		via = append(via, req.URL)
	}
	return via
}

// internal reports whether a host is one that a public server has no business to
// point at, in whatever spelling resolvers take.
func internal(host string) bool {
	host = strings.ToLower(strings.TrimRight(host, "."))
	if host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	if a, err := netip.ParseAddr(host); err == nil {
		a = a.Unmap()
		return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsUnspecified()
	}
	// No name ends in a number: 127.1 and 0x7f000001 are addresses, too.
	last := host[strings.LastIndexByte(host, '.')+1:]
	_, err := strconv.ParseUint(last, 0, 64)
	return err == nil || strings.Trim(last, "0123456789") == ""
}

// bound limits what is read of an answer.
func (g *guard) bound(req *http.Request, resp *http.Response) error {
	a := resp.Body.(*answer)
	switch {
	case req.Method == http.MethodHead:
		return nil
	case resp.StatusCode >= 400:
		return a.complaint(resp)
	case req.Context().Value(bulk{}) != nil:
		return nil
	case resp.ContentLength > maxAnswer:
		return tooLarge("an answer of " + strconv.FormatInt(resp.ContentLength, 10) + " bytes")
	}
	a.left = maxAnswer
	a.bounded = true
	return nil
}

func tooLarge(what string) error {
	return diag.Unavailablef("%s, at most %d are read", what, maxAnswer)
}

// bulk in a context says that the answer is a blob, whose size its reader knows.
type bulk struct{}

// retryAfter returns how long a registry that is busy wants to be left alone
// (RFC 9110, section 10.2.3).
func retryAfter(resp *http.Response) (time.Duration, bool) {
	if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable {
		return 0, false
	}
	s := resp.Header.Get("Retry-After")
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second, true
	}
	if t, err := http.ParseTime(s); err == nil {
		return max(0, time.Until(t)), true
	}
	return 0, false
}

// patience is how long an operation still waits because it was told to.
type patience struct {
	mu   sync.Mutex
	left time.Duration
}

type patienceKey struct{}

func withPatience(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, patienceKey{}, &patience{left: d})
}

// wait waits for d out of the operation's patience, or refuses if that is not
// enough.
func wait(ctx context.Context, d time.Duration) error {
	p, _ := ctx.Value(patienceKey{}).(*patience)
	if p == nil {
		return nil
	}
	p.mu.Lock()
	enough := d <= p.left
	if enough {
		p.left -= d
	}
	p.mu.Unlock()
	if !enough {
		return diag.Unavailablef("the registry is busy and wants to be left alone for %s", d.Round(time.Second)).WithHint("try again later")
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func discard(body io.Closer) {
	if body != nil {
		body.Close()
	}
}
