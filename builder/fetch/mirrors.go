package fetch

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/basal-project/basal/internal/diag"
)

// Mirrors knows copies of Debian's archives. The zero value knows none.
type Mirrors struct{ list []mirror }

// mirror is the copy of one archive, or, without a name, a folder that holds
// archives under their names.
type mirror struct{ name, url string }

// The archives that have mirrors; a spec calls any other by its URL. A mirror's
// last path element gives them away.
var wellKnown = []string{"debian", "debian-security"}

// Bases returns the URLs of archive's copies, in the order in which they were
// named, without a slash at the end.
func (m Mirrors) Bases(archive string) []string {
	var bases []string
	for _, x := range m.list {
		base := x.url
		switch x.name {
		case archive:
		case "":
			base += "/" + archive
		default:
			continue
		}
		if !slices.Contains(bases, base) {
			bases = append(bases, base)
		}
	}
	return bases
}

// ParseMirrors reads what a user says, each value in one of these forms:
//
//	NAME=URL        the archive NAME
//	URL/debian      the archive debian, and debian-security beside it
//	URL             the folder that holds debian and debian-security
func ParseMirrors(values []string) (Mirrors, error) {
	var m Mirrors
	for _, v := range values {
		name, addr, ok := strings.Cut(v, "=")
		if !ok || strings.ContainsAny(name, ":/") {
			name, addr = "", v
		} else if name == "" {
			return Mirrors{}, diag.Usagef("mirror %q has no name before the %q", redact(v), "=")
		} else if !slices.Contains(wellKnown, name) {
			return Mirrors{}, diag.Usagef("mirror of %q: no archive has that name", name).
				WithHint("only %s have mirrors; a spec names any other archive by its URL", strings.Join(wellKnown, " and "))
		}
		addr = strings.TrimRight(addr, "/")
		if err := checkMirror(addr); err != nil {
			return Mirrors{}, err
		}
		if name == "" && slices.Contains(wellKnown, path.Base(addr)) {
			addr = strings.TrimRight(strings.TrimSuffix(addr, path.Base(addr)), "/")
		}
		m.list = append(m.list, mirror{name, addr})
	}
	return m, nil
}

func checkMirror(addr string) error {
	if err := CheckBase(addr); err != nil {
		return diag.Usagef("mirror %w", err).
			WithHint("write [NAME=]http://HOST/PATH, where PATH holds debian and debian-security")
	}
	return nil
}

// CheckBase returns an error when addr cannot be the root of an archive or of a
// snapshot service.
func CheckBase(addr string) error {
	u, err := url.Parse(addr)
	switch {
	case err != nil:
		return fmt.Errorf("is not a URL: %w", plain(err))
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("%q is not an http or https URL", redact(addr))
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%q has a query or a fragment", redact(addr))
	}
	return nil
}
