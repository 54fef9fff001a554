package specs

import (
	"strings"
)

// The grammars of names are written by hand: regular expressions would be
// compiled at every start of the program.

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

// only reports whether s is not empty and has only bytes of set.
func only(s, set string) bool { return s != "" && strings.Trim(s, set) == "" }

// isName holds images' and variants' names: [a-z0-9]+([._-][a-z0-9]+)*, which is
// what OCI allows in a tag and in a step of a repository's name alike.
func isName(s string) bool {
	if len(s) > 64 {
		return false
	}
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("._-", r) }) {
		if !only(part, lower+digits) {
			return false
		}
	}
	return s != "" && !strings.ContainsAny(s[:1]+s[len(s)-1:], "._-") && !doubled(s, "._-")
}

// doubled reports whether two bytes of set stand side by side in s.
func doubled(s, set string) bool {
	for i := 1; i < len(s); i++ {
		if strings.IndexByte(set, s[i-1]) >= 0 && strings.IndexByte(set, s[i]) >= 0 {
			return true
		}
	}
	return false
}

// isPackage holds Debian's package names (Policy 5.6.7): two or more of
// [a-z0-9+.-], the first a letter or digit.
func isPackage(s string) bool {
	return len(s) >= 2 && len(s) <= 128 && only(s[:1], lower+digits) && only(s, lower+digits+"+-.")
}

// isVersion holds Debian's versions (Policy 5.6.12): [epoch:]upstream[-revision],
// upstream beginning with a digit.
func isVersion(s string) bool {
	if epoch, rest, ok := strings.Cut(s, ":"); ok {
		if !only(epoch, digits) || len(epoch) > 9 {
			return false
		}
		s = rest
	}
	return len(s) <= 256 && only(s, lower+upper+digits+".+-~:") && only(s[:1], digits) && s[len(s)-1] != '-'
}

// isSuite holds names of suites and components: words with / between.
func isSuite(s string) bool {
	if len(s) > 128 {
		return false
	}
	for part := range strings.SplitSeq(s, "/") {
		if !only(part, lower+upper+digits+"+-._~") || strings.HasPrefix(part, ".") {
			return false
		}
	}
	return true
}

// isAccount holds names of users and groups: what Debian's useradd takes, and
// upper-case letters never.
func isAccount(s string) bool {
	return len(s) <= 32 && s != "" && only(s[:1], lower+"_") && only(s, lower+digits+"_-")
}

// isURI holds an archive's address: debian, debian-security, or an http(s) URL
// without credentials, query, fragment or final slash.
func isURI(s string) bool {
	if s == "debian" || s == "debian-security" {
		return true
	}
	rest, ok := strings.CutPrefix(s, "https://")
	if !ok {
		rest, ok = strings.CutPrefix(s, "http://")
	}
	host, path, _ := strings.Cut(rest, "/")
	if !ok || len(s) > 1024 || host == "" || strings.HasPrefix(host, ":") || strings.HasPrefix(host, "-") {
		return false
	}
	if !only(host, lower+upper+digits+".-:[]_") || strings.HasSuffix(s, "/") {
		return false
	}
	if path == "" {
		return true
	}
	return only(path, lower+upper+digits+"._~!$&'()*+,;=:/%-") && isRelative(path)
}

// isRelative reports whether s is a clean path that stays below the place from
// which it is read.
func isRelative(s string) bool {
	if s == "" || len(s) > maxPath {
		return false
	}
	for part := range strings.SplitSeq(s, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return !hasControl(s)
}

// maxPath is PATH_MAX of Linux less the final NUL.
const maxPath = 4095

// isAbsolute reports whether s is a clean absolute path below the root.
func isAbsolute(s string) bool { return strings.HasPrefix(s, "/") && isRelative(s[1:]) }

// hasControl reports whether s has a byte that ends a line or a C string, or
// any other control character.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 })
}

// isPort holds N, N/tcp or N/udp.
func isPort(s string) bool {
	n, proto, ok := strings.Cut(s, "/")
	if ok && proto != "tcp" && proto != "udp" {
		return false
	}
	return isNumber(n, 65535) && n != "0"
}

// isNumber reports whether s is a plain decimal number from 0 to most.
func isNumber(s string, most int) bool {
	if !only(s, digits) || len(s) > 10 || len(s) > 1 && s[0] == '0' {
		return false
	}
	n := 0
	for _, c := range []byte(s) {
		n = n*10 + int(c-'0')
	}
	return n <= most
}

// isSignal holds a signal's name or number.
func isSignal(s string) bool {
	name, ok := strings.CutPrefix(s, "SIG")
	return ok && len(s) <= 16 && only(name, upper+digits+"+-") || isNumber(s, 64) && s != "0"
}

// mode reads an octal file mode; -1 when s is none.
func mode(s string) int {
	if !only(s, "01234567") || len(s) > 5 {
		return -1
	}
	m := 0
	for _, c := range []byte(s) {
		m = m*8 + int(c-'0')
	}
	return m
}

// isRemote reports whether a file's source is behind a URL.
func isRemote(source string) bool {
	return strings.HasPrefix(source, "https://") || strings.HasPrefix(source, "http://")
}

// IsRegistry reports whether s is the host of a registry, with a port or without:
// a name with a dot, an address, or localhost, so that it cannot be taken for a
// part of a repository's name.
func IsRegistry(s string) bool {
	host, port, ok := strings.Cut(s, ":")
	if strings.HasPrefix(s, "[") { // an IPv6 address
		i := strings.IndexByte(s, ']')
		if i < 0 {
			return false
		}
		if !only(s[1:i], digits+"abcdefABCDEF:") {
			return false
		}
		host, port, ok = "localhost", strings.TrimPrefix(s[i+1:], ":"), i+1 < len(s)
		if ok && s[i+1] != ':' {
			return false
		}
	}
	if ok && (!isNumber(port, 65535) || port == "0") {
		return false
	}
	return (ok || strings.Contains(host, ".") || host == "localhost") && len(s) <= 255 &&
		only(host, lower+upper+digits+".-") && !doubled(host, ".") && !strings.ContainsAny(host[:1]+host[len(host)-1:], ".-")
}

// IsRepository reports whether s is the path of a repository, as the OCI
// distribution specification defines it: steps of [a-z0-9]+ with a dot, one or
// two underscores, or dashes between, at most 255 characters.
func IsRepository(s string) bool {
	for step := range strings.SplitSeq(s, "/") {
		if !only(step, lower+digits+"._-") || strings.ContainsAny(step[:1]+step[len(step)-1:], "._-") {
			return false
		}
		for between := range strings.FieldsFuncSeq(step, func(r rune) bool { return !strings.ContainsRune("._-", r) }) {
			if between != "." && between != "_" && between != "__" && strings.Trim(between, "-") != "" {
				return false
			}
		}
	}
	return len(s) <= 255
}

// IsTag reports whether s is a tag, as the OCI distribution specification defines
// it: [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}.
func IsTag(s string) bool {
	return len(s) <= 128 && only(s, lower+upper+digits+"._-") && only(s[:1], lower+upper+digits+"_")
}
