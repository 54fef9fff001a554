// Package diag carries what went wrong to the person who can mend it: where,
// what was found, what was expected, and what to do next. It also decides the
// exit code, so that a script can tell a mistake from a failing network.
package diag

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Code is an exit code of the basal program; the meaning of each is part of the
// command contract.
type Code int

// The exit codes. Whatever is not marked otherwise is Failed.
const (
	OK          Code = 0 // done, or verified
	Failed      Code = 1 // failed, or a policy was not met
	Usage       Code = 2 // usage, spec, lock or policy error: somebody has to edit something
	Unavailable Code = 3 // could not be evaluated: network, registry, a limit that cut something off
	Diverged    Code = 4 // digests diverge
)

// Error is a fault with a place and a way out. File, Line and Col are optional;
// Line and Col count from 1.
type Error struct {
	File string
	Line int
	Col  int
	Msg  string // what was found, what was expected; lower case, no full stop
	Hint string // what to do next; optional
	Code Code   // the exit code; the zero value means Failed
	Err  error  // the cause that callers may test for; optional, not printed
}

// Error returns "file:line:col: message", with as much of the place as is known.
func (e *Error) Error() string {
	switch {
	case e.File == "":
		return e.Msg
	case e.Line == 0:
		return e.File + ": " + e.Msg
	case e.Col == 0:
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Msg)
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Msg)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Usagef returns an error with exit code 2.
func Usagef(format string, args ...any) *Error { return mark(Usage, format, args...) }

// Unavailablef returns an error with exit code 3.
func Unavailablef(format string, args ...any) *Error { return mark(Unavailable, format, args...) }

// Failedf returns an error with exit code 1 that can carry a hint.
func Failedf(format string, args ...any) *Error { return mark(Failed, format, args...) }

// mark keeps the %w operands as the cause.
func mark(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	cause := errors.Unwrap(err)
	if _, several := err.(interface{ Unwrap() []error }); several {
		cause = err
	}
	return &Error{Msg: err.Error(), Code: code, Err: cause}
}

// WithHint returns e with a hint.
func (e *Error) WithHint(format string, args ...any) *Error {
	c := *e
	c.Hint = fmt.Sprintf(format, args...)
	return &c
}

// Flatten returns the single faults that err is made of: a joined error is
// taken apart, so that each fault gets a line and a hint of its own.
func Flatten(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, Flatten(e)...)
		}
		return all
	}
	return []error{err}
}

// CodeOf returns the exit code of err: the first code that a fault in it
// carries, and Failed when none does.
func CodeOf(err error) Code {
	if err == nil {
		return OK
	}
	var e *Error
	if errors.As(err, &e) && e.Code != OK {
		return e.Code
	}
	return Failed
}

// Printable returns s with what a terminal would obey rather than show (control
// characters, bytes that are no UTF-8) written as Go writes it. Lines stay lines.
func Printable(s string) string {
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if hidden(r) {
			quoted := strconv.Quote(s[:n])
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

func hidden(r rune) bool { return r != '\n' && (r == utf8.RuneError || !strconv.IsPrint(r)) }

// HintOf returns the hint of the outermost fault in err that has one.
func HintOf(err error) string {
	for err != nil {
		if e, ok := err.(*Error); ok && e.Hint != "" {
			return e.Hint
		}
		err = errors.Unwrap(err)
	}
	return ""
}
