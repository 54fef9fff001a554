package fetch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// refused is the answer of a place that works and does not have what is wanted:
// asking it again is of no use. Other errors of a place are taken for an outage.
type refused struct{ error }

func (r refused) Unwrap() error { return r.error }

func refusef(format string, args ...any) error { return refused{fmt.Errorf(format, args...)} }

// local is a fault on this side, such as a full disk: no other place helps.
type local struct{ error }

func (l local) Unwrap() error { return l.error }

// rejected is the verdict of the caller's check on bytes without a digest.
type rejected struct{ error }

func (r rejected) Unwrap() error { return r.error }

func is[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

// final reports whether it makes no sense to repeat what failed with err.
func final(err error) bool { return is[refused](err) || is[local](err) || is[rejected](err) }

// errHTML marks an answer that is a web page.
var errHTML = errors.New("a web page")

// failure is what went wrong at one place.
type failure struct {
	place place
	err   error
}

func (f failure) Error() string { return f.place.String() + ": " + f.err.Error() }
func (f failure) Unwrap() error { return f.err }

// try asks the places in turn. Those that were out of reach before go last.
func (c *Client) try(ctx context.Context, name string, places []place, get func(place) error) error {
	var failures []error
	for _, p := range c.order(places) {
		err := get(p)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%s: %w", name, context.Cause(ctx))
		case is[local](err):
			return fmt.Errorf("%s: %w", name, err)
		case !final(err) && !is[stale](err):
			c.setDown(p)
		}
		failures = append(failures, failure{p, err})
	}
	return exhausted(name, failures)
}

// exhausted says that every place failed, and how each of them did.
func exhausted(name string, failures []error) error {
	cause := errors.Join(failures...)
	e := &diag.Error{Code: diag.Unavailable, Err: cause}
	switch len(failures) {
	case 0:
		e.Msg = name + ": there is no place to fetch it from"
	case 1:
		e.Msg = name + ": " + failures[0].Error()
	default:
		e.Msg = fmt.Sprintf("%s: none of %d places has it", name, len(failures))
		for _, f := range failures {
			e.Msg += "\n  " + f.Error()
		}
	}
	var verdict rejected
	if errors.As(cause, &verdict) {
		e.Code, e.Hint = diag.CodeOf(verdict.error), diag.HintOf(verdict.error)
	} else {
		e.Hint = hint(cause, failures)
	}
	return e
}

// hint says what may help when all places failed. Only a well-known archive has
// mirrors; anything else is at the one address that the spec names.
func hint(cause error, failures []error) string {
	const mirror = "name another mirror with --mirror or BASAL_DEBIAN_MIRROR"
	mirrored := slices.ContainsFunc(failures, func(err error) bool {
		var f failure
		return errors.As(err, &f) && f.place.kind != theArchive
	})
	gone := !slices.ContainsFunc(failures, func(f error) bool { return !is[refused](f) })
	switch {
	case len(failures) == 0:
		return "name a mirror with --mirror or BASAL_DEBIAN_MIRROR"
	case errors.Is(cause, errHTML) && mirrored:
		return "a proxy or a login page seems to answer in the place of the mirror"
	case errors.Is(cause, errHTML):
		return "a proxy or a login page seems to answer in the place of the server"
	case errors.Is(cause, digest.ErrMismatch) && mirrored:
		return "these are not the bytes that were signed for; " + mirror
	case errors.Is(cause, digest.ErrMismatch):
		return "these are not the bytes that are wanted: what is behind the address may have been replaced"
	case gone && mirrored:
		return "check the names in the spec, run basal lock if the version has moved on, or " + mirror
	case gone:
		return "check the address in the spec, or run basal lock if the version has moved on"
	case mirrored:
		return "check the network, or " + mirror
	}
	return "check the network and the address in the spec"
}

// mismatch describes an answer that is something else than what w names. found
// is what can be said about its digest or its end; it may be empty.
func mismatch(w want, html bool, n int64, found string) error {
	if html {
		return refusef("%w: got %w, %s, want %s", digest.ErrMismatch, errHTML, byteCount(n), w)
	}
	if found == "" {
		found = byteCount(n)
	}
	return refusef("%w: got %s, want %s", digest.ErrMismatch, found, w)
}

// byteCount writes n with thousands apart, for people.
func byteCount(n int64) string {
	s := strconv.FormatInt(n, 10)
	var b strings.Builder
	for i, r := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	if n == 1 {
		return "1 byte"
	}
	return b.String() + " bytes"
}
