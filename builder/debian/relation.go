package debian

import (
	"errors"
	"fmt"
	"strings"
)

// Op is how a relation bounds a version. The zero value means any version.
type Op string

// The operators of Debian Policy, section 7.1.
const (
	Any          Op = ""
	Earlier      Op = "<<"
	EarlierEqual Op = "<="
	Equal        Op = "="
	LaterEqual   Op = ">="
	Later        Op = ">>"
)

// Relation is one alternative of a dependency: a package's name, perhaps with
// an architecture qualifier and a bound on the version.
type Relation struct {
	Name    string
	Arch    string // the qualifier after the colon: any, native or an architecture; mostly ""
	Op      Op
	Version Version // set unless Op is Any
}

// String returns the relation as Policy writes it.
func (r Relation) String() string {
	s := r.Name
	if r.Arch != "" {
		s += ":" + r.Arch
	}
	if r.Op != Any {
		s += fmt.Sprintf(" (%s %s)", r.Op, r.Version)
	}
	return s
}

// Allows reports whether version v is within the relation's bound.
func (r Relation) Allows(v Version) bool {
	c := v.Compare(r.Version)
	switch r.Op {
	case Any:
		return true
	case Earlier:
		return c < 0
	case EarlierEqual:
		return c <= 0
	case Equal:
		return c == 0
	case LaterEqual:
		return c >= 0
	case Later:
		return c > 0
	}
	return false
}

// Group is a dependency: alternatives, one of which must be met.
type Group []Relation

// String returns the alternatives separated by |.
func (g Group) String() string {
	parts := make([]string, len(g))
	for i, r := range g {
		parts[i] = r.String()
	}
	return strings.Join(parts, " | ")
}

// Names reports whether name is that of an alternative.
func (g Group) Names(name string) bool {
	for _, r := range g {
		if r.Name == name {
			return true
		}
	}
	return false
}

// ParseDepends reads the value of Depends or Pre-Depends of a binary package;
// every group must be met. Empty text is no dependency.
func ParseDepends(s string) ([]Group, error) {
	var groups []Group
	for item := range items(s) {
		var g Group
		for alternative := range strings.SplitSeq(item, "|") {
			r, err := parseRelation(strings.TrimSpace(alternative))
			if err != nil {
				return nil, fmt.Errorf("dependency %.80q: %w", item, err)
			}
			g = append(g, r)
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// ParseProvides reads the value of Provides: names, perhaps with the one
// version that the package stands in for (Policy, section 7.5).
func ParseProvides(s string) ([]Relation, error) {
	var all []Relation
	for item := range items(s) {
		r, err := parseRelation(item)
		if err == nil && r.Op != Any && r.Op != Equal {
			err = fmt.Errorf("only = can stand here, found %s", r.Op)
		}
		if err != nil {
			return nil, fmt.Errorf("provided package %.80q: %w", item, err)
		}
		all = append(all, r)
	}
	return all, nil
}

// items yields the trimmed parts between commas. An empty last part is left
// out, as dpkg does: substitution variables that expand to nothing cause it.
func items(s string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for item := range strings.SplitSeq(s, ",") {
			if item = strings.TrimSpace(item); item != "" && !yield(item) {
				return
			}
		}
	}
}

func parseRelation(s string) (Relation, error) {
	var r Relation
	if i := strings.IndexAny(s, "[<"); i >= 0 && !strings.Contains(s[:i], "(") || strings.ContainsAny(s, "[]") || strings.HasSuffix(s, ">") {
		return r, errors.New("restrictions on architecture or build profile belong in source packages only")
	}
	name, bound, hasBound := strings.Cut(s, "(")
	name, arch, hasArch := strings.Cut(strings.TrimSpace(name), ":")
	if err := CheckName(name); err != nil {
		return r, err
	}
	if hasArch && !isArch(arch) {
		return r, fmt.Errorf("architecture qualifier %q is not a name", arch)
	}
	r.Name, r.Arch = name, arch
	if !hasBound {
		return r, nil
	}
	bound, ok := strings.CutSuffix(bound, ")")
	if !ok {
		return r, errors.New("the version has no closing parenthesis at the end")
	}
	bound = strings.TrimSpace(bound)
	n := 0
	for n < len(bound) && strings.IndexByte("<=>", bound[n]) >= 0 {
		n++
	}
	switch r.Op = Op(bound[:n]); r.Op {
	case Earlier, EarlierEqual, Equal, LaterEqual, Later:
	case "<", ">":
		return r, fmt.Errorf("the operator %[1]s is obsolete and ambiguous, want %[1]s%[1]s or %[1]s=", r.Op)
	default:
		return r, fmt.Errorf("want one of << <= = >= >>, found %.20q", bound)
	}
	var err error
	r.Version, err = ParseVersion(strings.TrimSpace(bound[n:]))
	return r, err
}

// CheckName reports whether s can be a package's name (Policy, section 5.6.1):
// lower-case letters, digits, and + - . after the first character, at least two.
func CheckName(s string) error {
	ok := len(s) >= 2 && len(s) <= 255
	for i, c := range []byte(s) {
		inner := c == '+' || c == '-' || c == '.'
		ok = ok && (isDigit(c) || 'a' <= c && c <= 'z' || inner && i > 0)
	}
	if !ok {
		return fmt.Errorf("%.60q is not a package name", s)
	}
	return nil
}

// isArch reports whether s can be the name of an architecture.
func isArch(s string) bool {
	for i, c := range []byte(s) {
		if !isDigit(c) && (c < 'a' || c > 'z') && (c != '-' || i == 0) {
			return false
		}
	}
	return s != ""
}
