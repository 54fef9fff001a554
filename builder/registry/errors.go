package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// credentials is a fault in finding the credentials, on this side.
type credentials struct{ error }

func (c credentials) Unwrap() error { return c.error }

// greeting is a fault in the first words with a registry, before it was known
// to work.
type greeting struct{ error }

func (g greeting) Unwrap() error { return g.error }

// broken is a fault in reading an answer.
type broken struct{ error }

func (b broken) Unwrap() error { return b.error }

// source is a fault in reading what was to be sent. It is not the registry's.
type source struct{ error }

func (s source) Unwrap() error { return s.error }

func is[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

// retry runs op until it succeeds, fails for good or has failed too often.
func (p policy) retry(ctx context.Context, op func() error) error {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval, wait.Multiplier = p.interval, p.maxInterval, 2
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := op()
		if err != nil && (ctx.Err() != nil || !transient(err)) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(wait), backoff.WithMaxTries(p.tries), backoff.WithMaxElapsedTime(0))
	var final *backoff.PermanentError
	if errors.As(err, &final) {
		err = final.Unwrap()
	}
	return err
}

// lostUpload are the codes of a registry that no longer knows an upload, or did
// not get it whole: both are mended by sending it again.
var lostUpload = []transport.ErrorCode{
	transport.BlobUploadInvalidErrorCode,
	transport.BlobUploadUnknownErrorCode,
	transport.DigestInvalidErrorCode,
	transport.SizeInvalidErrorCode,
}

// transient reports whether what failed with err may succeed when repeated.
func transient(err error) bool {
	var answer *transport.Error
	var dns *net.DNSError
	switch {
	case is[*diag.Error](err), is[credentials](err), is[source](err), errors.Is(err, digest.ErrMismatch), errors.Is(err, errLoginPage):
		return false
	case errors.As(err, &answer):
		return transientStatus(answer)
	case is[*tls.CertificateVerificationError](err), is[tls.RecordHeaderError](err), errors.Is(err, http.ErrSchemeMismatch):
		return false
	case errors.As(err, &dns):
		return !dns.IsNotFound
	case is[greeting](err) && errors.Is(err, syscall.ECONNREFUSED):
		// Nothing was ever there, as opposed to a registry that is restarted.
		return false
	}
	// What is left of the faults on the way, as opposed to answers that cannot
	// be understood.
	return is[*url.Error](err) || is[broken](err) || errors.Is(err, errRange) || errors.Is(err, io.ErrUnexpectedEOF)
}

func transientStatus(e *transport.Error) bool {
	switch code := e.StatusCode; code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, 499:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported, http.StatusInsufficientStorage:
		return false
	default:
		return code >= 500 || slices.ContainsFunc(e.Errors, func(d transport.Diagnostic) bool { return slices.Contains(lostUpload, d.Code) })
	}
}

// explain says in people's words why what failed with err.
func (r *Repository) explain(ctx context.Context, a access, what string, err error) error {
	e := r.verdict(ctx, a, what, err)
	var ours *diag.Error
	var answer *transport.Error
	if !is[unlisted](err) || ctx.Err() != nil || !errors.As(e, &ours) || ours.Code != diag.Unavailable || errors.As(err, &answer) && transient(err) || isNetwork(err) {
		return e
	}
	const without = "--no-evidence moves an image without what refers to it"
	if ours.Hint == "" {
		return ours.WithHint(without)
	}
	return ours.WithHint("%s; %s", ours.Hint, without)
}

func (r *Repository) verdict(ctx context.Context, a access, what string, err error) error {
	if err == nil {
		return nil
	}
	what = r.String() + ": " + what
	var ours *diag.Error
	var from source
	var answer *transport.Error
	switch {
	case errors.As(err, &from):
		return from.error
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", what, context.Cause(ctx))
	case is[*tls.CertificateVerificationError](err):
		return diag.Unavailablef("%s: %w", what, plain(err)).WithHint("the registry's certificate must be signed by an authority that this system trusts")
	case errors.As(err, &ours):
		e := *ours
		e.Msg = what + ": " + e.Msg
		return &e
	case errors.Is(err, errLoginPage):
		return diag.Unavailablef("%s: %w", what, plain(err)).WithHint("a proxy or a login page seems to answer in the registry's place; check the address, the proxy and the network's login")
	case errors.Is(err, digest.ErrMismatch):
		return diag.Failedf("%s: %w", what, err).WithHint("the registry, or something between, does not tell the truth")
	case is[credentials](err):
		return diag.Usagef("%s: credentials cannot be read: %w", what, err).WithHint("mend the Docker or Podman configuration, or its credential helper")
	case errors.As(err, &answer):
		return r.refusal(a, what, answer)
	}
	e := diag.Unavailablef("%s: %w", what, plain(err))
	if hint := networkHint(err); hint != "" {
		e = e.WithHint("%s", hint)
	}
	return e
}

func networkHint(err error) string {
	switch {
	case errors.Is(err, http.ErrSchemeMismatch), is[tls.RecordHeaderError](err):
		return "the server speaks plain HTTP; if the network is trusted, say --insecure"
	case is[*net.DNSError](err):
		return "check the name of the registry"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing answers at that address; check host and port"
	case isNetwork(err):
		return "check the network, and try again"
	case strings.Contains(err.Error(), "is a private or link-local address"):
		// go-containerregistry's own rule, even for a registry on the same machine.
		return "a token server whose address is private must have the registry's own host and port; give it a name, or put both behind one port"
	}
	return ""
}

// isNetwork reports whether err is a fault on the way, as opposed to an answer
// that cannot be understood.
func isNetwork(err error) bool {
	return is[*net.OpError](err) || is[*net.DNSError](err) || is[syscall.Errno](err) || is[broken](err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errStalled) || errors.Is(err, os.ErrDeadlineExceeded) ||
		strings.Contains(err.Error(), "timeout") || strings.HasPrefix(plain(err).Error(), "http2: ")
}

// refusal explains an answer that says no.
func (r *Repository) refusal(a access, what string, answer *transport.Error) error {
	code := answer.StatusCode
	said := strings.TrimSpace(fmt.Sprintf("got %d %s", code, http.StatusText(code)))
	if why := reason(answer); why != "" {
		said += ", " + why
	}
	log := fmt.Sprintf("log in with docker login %s or podman login %[1]s; credentials that worked before may have expired", r.name.RegistryStr())
	switch {
	case code == http.StatusUnauthorized:
		return diag.Unavailablef("%s: not allowed: %s", what, said).WithHint("%s", log)
	case code == http.StatusForbidden && a == writing:
		return diag.Unavailablef("%s: not allowed: %s", what, said).WithHint("these credentials may not write here, or the registry is read-only; %s", log)
	case code == http.StatusForbidden:
		return diag.Unavailablef("%s: not allowed: %s", what, said).WithHint("%s", log)
	case code == http.StatusNotFound && has(answer, transport.NameUnknownErrorCode):
		return absent("%s: there is no such repository: %s", what, said).WithHint("check the name; some registries want a repository to be made first, and hide one that you may not see")
	case code == http.StatusNotFound:
		return absent("%s: not there: %s", what, said)
	case code == http.StatusMethodNotAllowed && a == writing:
		return diag.Unavailablef("%s: the registry takes nothing: %s", what, said).WithHint("it is read-only, for good or for maintenance")
	case code == http.StatusInsufficientStorage:
		return diag.Unavailablef("%s: the registry is full: %s", what, said).WithHint("its owner has to make room")
	case code == http.StatusRequestEntityTooLarge:
		return diag.Unavailablef("%s: too large for the registry: %s", what, said).WithHint("its owner, or the owner of a proxy before it, has to raise the limit")
	case code == http.StatusTooManyRequests:
		return diag.Unavailablef("%s: too many requests: %s", what, said).WithHint("try again later, or log in: registries allow more to those they know")
	case code >= 500 && a == writing:
		return diag.Unavailablef("%s: %s", what, said).WithHint("the registry has a fault of its own, a full disk perhaps; try again later")
	case code >= 500:
		return diag.Unavailablef("%s: %s", what, said).WithHint("the registry has a fault of its own; try again later")
	}
	return diag.Unavailablef("%s: %s", what, said)
}

// absent returns an error that wraps fs.ErrNotExist, whose own words are about
// files.
func absent(format string, args ...any) *diag.Error {
	e := diag.Unavailablef(format, args...)
	e.Err = fs.ErrNotExist
	return e
}

func has(e *transport.Error, code transport.ErrorCode) bool {
	return slices.ContainsFunc(e.Errors, func(d transport.Diagnostic) bool { return d.Code == code })
}

// maxReason is the most bytes of a registry's own words that an error repeats.
const maxReason = 200

// reason returns what a registry says about its refusal, on one line.
func reason(e *transport.Error) string {
	var said []string
	for _, d := range e.Errors {
		if s := strings.TrimSpace(string(d.Code) + " " + d.Message); s != "" {
			said = append(said, s)
		}
	}
	return shorten(strings.Join(said, "; "))
}

func shorten(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= maxReason {
		return s
	}
	s = s[:maxReason-len("…")]
	for len(s) > 0 && !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "…"
}

// plain strips the URL that net/http puts around an error: it may carry a
// signature or a password.
func plain(err error) error {
	var u *url.Error
	for errors.As(err, &u) {
		err = u.Err
	}
	return err
}
