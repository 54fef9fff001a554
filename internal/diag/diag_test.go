package diag

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"testing"
)

func TestPlaces(t *testing.T) {
	for want, e := range map[string]*Error{
		"m":           {Msg: "m", Line: 3},
		"f.yaml: m":   {File: "f.yaml", Msg: "m", Col: 4},
		"f.yaml:3: m": {File: "f.yaml", Line: 3, Msg: "m"},
		"f:3:4: m":    {File: "f", Line: 3, Col: 4, Msg: "m", Hint: "not printed", Err: io.EOF},
	} {
		if e.Error() != want {
			t.Errorf("got %q, want %q", e.Error(), want)
		}
	}
}

func TestCodes(t *testing.T) {
	usage, gone := Usagef("bad %s", "flag"), Unavailablef("gone: %w", fs.ErrNotExist)
	for _, tt := range []struct {
		err  error
		want Code
	}{
		{nil, OK},
		{io.EOF, Failed},
		{usage, Usage},
		{gone, Unavailable},
		{Failedf("x"), Failed},
		{&Error{Msg: "x"}, Failed},
		{&Error{Msg: "x", Code: Diverged}, Diverged},
		{fmt.Errorf("outer: %w", gone), Unavailable},
		{errors.Join(io.EOF, usage, gone), Usage},
		{Failedf("outer: %w", usage), Failed},
	} {
		if got := CodeOf(tt.err); got != tt.want {
			t.Errorf("%v: got %d, want %d", tt.err, got, tt.want)
		}
	}
	if usage.Error() != "bad flag" || !errors.Is(gone, fs.ErrNotExist) || errors.Is(usage, fs.ErrNotExist) {
		t.Errorf("got %v, %v", usage, gone)
	}
}

func TestHints(t *testing.T) {
	plain := Usagef("x")
	hinted := plain.WithHint("try %d", 2)
	if plain.Hint != "" || hinted.Hint != "try 2" {
		t.Errorf("hints %q and %q: WithHint must not change its receiver", plain.Hint, hinted.Hint)
	}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{nil, ""}, {io.EOF, ""}, {plain, ""}, {hinted, "try 2"},
		{fmt.Errorf("outer: %w", hinted), "try 2"},
		{Failedf("outer: %w", hinted), "try 2"},
		{Failedf("outer: %w", hinted).WithHint("outer"), "outer"},
	} {
		if got := HintOf(tt.err); got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.err, got, tt.want)
		}
	}
}

func TestFlatten(t *testing.T) {
	a, b, c := errors.New("a"), errors.New("b"), errors.New("c")
	if got := Flatten(errors.Join(a, nil, errors.Join(b, errors.Join(c)))); !slices.Equal(got, []error{a, b, c}) {
		t.Errorf("got %v", got)
	}
	if got := Flatten(nil); got != nil {
		t.Errorf("got %v", got)
	}
	if got := Flatten(a); !slices.Equal(got, []error{a}) {
		t.Errorf("got %v", got)
	}
}

// An error of two causes keeps both, whichever a caller asks for.
func TestTwoCauses(t *testing.T) {
	if err := Failedf("%w and %w", io.EOF, fs.ErrExist); !errors.Is(err, io.EOF) || !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v lost a cause", err)
	}
}

func TestPrintable(t *testing.T) {
	for s, want := range map[string]string{
		"":                     "",
		"plain, größer\n  and": "plain, größer\n  and",
		"a\x1b[31mb\r":         `a\x1b[31mb\r`,
		"\xff\u202e\t":         `\xff\u202e\t`,
	} {
		if got := Printable(s); got != want {
			t.Errorf("Printable(%q) = %q, want %q", s, got, want)
		}
	}
}
