package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// policy is how patient a client is.
type policy struct {
	tries       uint          // at one place
	interval    time.Duration // between the first two of them; it doubles
	maxInterval time.Duration
	stall       time.Duration // without a byte, before an attempt is given up
	maxWait     time.Duration // the longest Retry-After that is waited for
}

var defaultPolicy = policy{
	tries:       4,
	interval:    500 * time.Millisecond,
	maxInterval: 10 * time.Second,
	stall:       30 * time.Second,
	maxWait:     time.Minute,
}

// retry runs op until it succeeds, fails for good or has failed too often.
func (p policy) retry(ctx context.Context, op func() error) error {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval, wait.Multiplier = p.interval, p.maxInterval, 2
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := op()
		if final(err) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(wait), backoff.WithMaxTries(p.tries), backoff.WithMaxElapsedTime(0))
	return err
}

const (
	maxRedirects = 5
	maxHeader    = 1 << 20 // bytes of a response's header
)

// web sends requests.
type web struct {
	client    http.Client
	userAgent string
}

func newWeb(transport http.RoundTripper, userAgent string) *web {
	if transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxResponseHeaderBytes = maxHeader
		t.MaxIdleConnsPerHost = 8
		transport = t
	}
	return &web{http.Client{Transport: transport, CheckRedirect: checkRedirect}, userAgent}
}

var errRedirect = errors.New("redirect refused")

func checkRedirect(req *http.Request, via []*http.Request) error {
	from := via[len(via)-1].URL.Scheme
	switch to := req.URL.Scheme; {
	case len(via) > maxRedirects:
		return fmt.Errorf("%w: more than %d of them", errRedirect, maxRedirects)
	case to != "http" && to != "https":
		return fmt.Errorf("%w: it leads to %q, want http or https", errRedirect, to)
	case from == "https" && to == "http":
		return fmt.Errorf("%w: it leads from https to http", errRedirect)
	}
	return nil
}

// query is one request: for the bytes from an offset on, as long as the file is
// still the one that validator (an ETag or a date) stands for.
type query struct {
	url       string
	from      int64
	validator string
	fresh     bool // no cache on the way may answer
}

// answer is a response with status 200 or 206 whose body ends with an error
// when nothing arrives for too long.
type answer struct {
	*http.Response
	io.Reader
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

// Close gives the rest of the body up.
func (a *answer) Close() {
	a.timer.Stop()
	a.cancel(nil)
	a.Body.Close()
}

func (a *answer) html() bool {
	t, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	return t == "text/html"
}

// get sends q. Errors name no URL, so that no credentials of one can leak.
func (w *web) get(ctx context.Context, q query, p policy) (*answer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(p.stall, func() { cancel(fmt.Errorf("no bytes for %s", p.stall)) })
	give := func(err error) (*answer, error) {
		timer.Stop()
		cancel(nil)
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, q.url, nil)
	if err != nil {
		return give(refusef("not a usable address: %w", plain(err)))
	}
	w.setHeader(req.Header, q)
	resp, err := w.client.Do(req)
	if err != nil {
		return give(classify(ctx, err))
	}
	if resp.StatusCode != http.StatusOK && !(resp.StatusCode == http.StatusPartialContent && q.from > 0) {
		resp.Body.Close()
		return give(statusError(resp, p.maxWait))
	}
	body := &patient{ctx, resp.Body, timer, p.stall}
	return &answer{resp, body, cancel, timer}, nil
}

func (w *web) setHeader(h http.Header, q query) {
	// Said explicitly, or Go asks for gzip and unpacks what comes: the bytes
	// must be those of the file.
	h.Set("Accept-Encoding", "identity")
	if w.userAgent != "" {
		h.Set("User-Agent", w.userAgent)
	}
	if q.fresh {
		h.Set("Cache-Control", "max-age=0")
	}
	if q.from > 0 {
		h.Set("Range", fmt.Sprintf("bytes=%d-", q.from))
		if q.validator != "" {
			h.Set("If-Range", q.validator)
		}
	}
}

// patient reads while bytes arrive.
type patient struct {
	ctx   context.Context
	r     io.Reader
	timer *time.Timer
	stall time.Duration
}

func (r *patient) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if n > 0 {
		r.timer.Reset(r.stall)
	}
	if err != nil && err != io.EOF {
		err = classify(r.ctx, err)
	}
	return n, err
}

// classify says what an error of the HTTP client means.
func classify(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx) // the stall, or the caller's own reason
	}
	err = plain(err)
	var dns *net.DNSError
	switch {
	case errors.Is(err, errRedirect), is[*tls.CertificateVerificationError](err), errors.As(err, &dns) && dns.IsNotFound:
		return refused{err}
	}
	return err
}

// plain strips the URL that net/http and net/url put around an error.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

var errRange = errors.New("got 416 Range Not Satisfiable")

// statusError tells answers that may be different next time from those that
// will not, and passes on how long the server wants to be left alone.
func statusError(resp *http.Response, maxWait time.Duration) error {
	status := strings.TrimSpace(strconv.Itoa(resp.StatusCode) + " " + http.StatusText(resp.StatusCode))
	switch code := resp.StatusCode; {
	case code == http.StatusRequestedRangeNotSatisfiable:
		return errRange
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code >= 500:
	default:
		return refusef("got %s", status)
	}
	wait, ok := retryAfter(resp.Header.Get("Retry-After"))
	switch {
	case !ok:
		return fmt.Errorf("got %s", status)
	case wait > maxWait:
		return refusef("got %s, retry after %s", status, wait.Round(time.Second))
	}
	return fmt.Errorf("got %s, %w", status, &backoff.RetryAfterError{Duration: wait})
}

// retryAfter reads both forms of RFC 9110, section 10.2.3.
func retryAfter(s string) (time.Duration, bool) {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second, true
	}
	if t, err := http.ParseTime(s); err == nil {
		return max(0, time.Until(t)), true
	}
	return 0, false
}
