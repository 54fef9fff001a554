package registry

import (
	"net/url"
	"slices"
	"strings"

	"github.com/basal-project/basal/internal/diag"
)

// link is one link of a Link header (RFC 8288, section 3).
type link struct {
	target string
	rels   []string // in lower case
}

// parseLinks reads one Link header. ok is false when something in it is no link;
// links then has what stands before.
func parseLinks(header string) (links []link, ok bool) {
	rest := strings.Trim(header, " \t,")
	for rest != "" {
		if rest[0] != '<' {
			return links, false
		}
		target, params, found := strings.Cut(rest[1:], ">")
		if !found {
			return links, false
		}
		l := link{target: target}
		if rest, ok = l.params(params); !ok {
			return links, false
		}
		links = append(links, l)
		rest = strings.TrimLeft(rest, " \t,")
	}
	return links, true
}

// params reads the parameters of l up to the comma before the next link.
func (l *link) params(s string) (rest string, ok bool) {
	seen := false
	for {
		s = strings.TrimLeft(s, " \t")
		if s == "" || s[0] == ',' {
			return s, true
		}
		if s[0] != ';' {
			return s, false
		}
		s = strings.TrimLeft(s[1:], " \t")
		n := strings.IndexAny(s, "=;,")
		if n < 0 {
			n = len(s)
		}
		name, value := strings.TrimSpace(s[:n]), ""
		if s = s[n:]; strings.HasPrefix(s, "=") {
			if value, s, ok = paramValue(strings.TrimLeft(s[1:], " \t")); !ok {
				return s, false
			}
		}
		// Of several the first one counts.
		if strings.EqualFold(name, "rel") && !seen {
			seen = true
			l.rels = strings.Fields(strings.ToLower(value))
		}
	}
}

// paramValue reads a token or a quoted string.
func paramValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		n := strings.IndexAny(s, ";,")
		if n < 0 {
			n = len(s)
		}
		return strings.TrimSpace(s[:n]), s[n:], true
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

// nextPage returns the address of the next page that headers name, "" when they
// name none. A list goes on at the host where it began, and as safely.
func nextPage(from *url.URL, headers []string) (string, error) {
	for _, h := range headers {
		links, ok := parseLinks(h)
		for _, l := range links {
			if slices.Contains(l.rels, "next") {
				return followLink(from, l.target)
			}
		}
		if !ok && strings.Contains(strings.ToLower(h), "next") {
			// A list that ends here by a misunderstanding looks complete.
			return "", diag.Unavailablef("the address of the list's next page cannot be read")
		}
	}
	return "", nil
}

func followLink(from *url.URL, target string) (string, error) {
	u, err := from.Parse(target)
	switch {
	case err != nil:
		// It may carry a secret, so it is not repeated.
		return "", diag.Unavailablef("the list goes on at something that is no address")
	case u.Host != from.Host:
		return "", diag.Unavailablef("the list goes on at another host, %s, which is refused", shorten(u.Host))
	}
	// Behind a proxy that speaks TLS, a registry often believes to speak without.
	u.Scheme = from.Scheme
	return u.String(), nil
}
