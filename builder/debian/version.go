package debian

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Version is a version number: [epoch:]upstream[-revision] (Debian Policy,
// section 5.6.12). The zero value is no version.
type Version struct {
	Epoch    int
	Upstream string
	Revision string // "" when there is none, which compares like "0"
	text     string
}

// maxEpoch is dpkg's bound: what a C int holds.
const maxEpoch = 1<<31 - 1

// ParseVersion reads a version number. The upstream part begins with a digit.
func ParseVersion(s string) (Version, error) {
	v, err := parseVersion(s)
	if err != nil {
		return Version{}, fmt.Errorf("version %q: %w", s, err)
	}
	return v, nil
}

func parseVersion(s string) (Version, error) {
	v := Version{Upstream: s, text: s}
	if epoch, rest, ok := strings.Cut(s, ":"); ok {
		n, err := strconv.Atoi(epoch)
		if err != nil || n < 0 || n > maxEpoch || epoch[0] == '+' {
			return v, fmt.Errorf("epoch %q is not a number up to %d", epoch, maxEpoch)
		}
		v.Epoch, v.Upstream = n, rest
	}
	colons := v.Upstream != s // only with an epoch may the rest hold one
	if i := strings.LastIndexByte(v.Upstream, '-'); i >= 0 {
		v.Upstream, v.Revision = v.Upstream[:i], v.Upstream[i+1:]
		if v.Revision == "" {
			return v, errors.New("nothing after the last -")
		}
	}
	if v.Upstream == "" || !isDigit(v.Upstream[0]) {
		return v, errors.New("the upstream part does not begin with a digit")
	}
	for _, c := range []byte(v.Upstream) {
		if !isAlnum(c) && c != '.' && c != '+' && c != '-' && c != '~' && (c != ':' || !colons) {
			return v, fmt.Errorf("character %q is not allowed", c)
		}
	}
	for _, c := range []byte(v.Revision) {
		if !isAlnum(c) && c != '.' && c != '+' && c != '~' {
			return v, fmt.Errorf("character %q is not allowed in the revision", c)
		}
	}
	return v, nil
}

// String returns the text that was parsed.
func (v Version) String() string { return v.text }

// Compare returns a negative number if v is older than w, zero if they are
// equal in rank, a positive number if v is newer. Versions of different text
// may be equal in rank: 1.0 and 0:1.00-0.
func (v Version) Compare(w Version) int {
	return cmp.Or(
		cmp.Compare(v.Epoch, w.Epoch),
		comparePart(v.Upstream, w.Upstream),
		comparePart(v.Revision, w.Revision),
	)
}

// comparePart takes turns between the longest prefixes without digits, compared
// by rank, and the numbers after them.
func comparePart(a, b string) int {
	for a != "" || b != "" {
		var x, y string
		x, a = span(a, false)
		y, b = span(b, false)
		if c := compareText(x, y); c != 0 {
			return c
		}
		x, a = span(a, true)
		y, b = span(b, true)
		x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
		if c := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); c != 0 {
			return c
		}
	}
	return 0
}

// span cuts s after its longest prefix of only digits, or of no digits.
func span(s string, digits bool) (prefix, rest string) {
	i := 0
	for i < len(s) && isDigit(s[i]) == digits {
		i++
	}
	return s[:i], s[i:]
}

func compareText(a, b string) int {
	for i := range max(len(a), len(b)) {
		if c := cmp.Compare(rank(a, i), rank(b, i)); c != 0 {
			return c
		}
	}
	return 0
}

// rank orders what may stand at one place: ~ before the end, the end before
// letters, letters before all else.
func rank(s string, i int) int {
	switch {
	case i >= len(s):
		return 0
	case s[i] == '~':
		return -1
	case isAlnum(s[i]):
		return int(s[i])
	}
	return int(s[i]) + 256
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isAlnum(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
