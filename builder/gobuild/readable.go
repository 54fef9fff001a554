package gobuild

import (
	"path/filepath"
	"regexp"
	"strings"
)

// readable returns the first lines of a message of the go command, without the
// paths of this machine and without passwords.
func (t *Tool) readable(s, dir string) string {
	s = hidePasswords(strings.TrimSpace(s), t.env.user.get("GOPROXY"))
	s = shorten(s, dir, "")
	if root := moduleRoot(dir); root != "" {
		s = shorten(s, root, "")
	}
	s = shorten(s, t.env.modules, "")
	var lines []string
	for line := range strings.Lines(s) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "# ") || strings.HasPrefix(line, "go: downloading ") {
			continue // the package, which is named already
		}
		if len(lines) == maxLines {
			lines = append(lines, "…")
			break
		}
		lines = append(lines, strings.ReplaceAll(strings.TrimPrefix(line, "go: "), "\t", "  "))
	}
	return strings.Join(lines, "\n")
}

// withoutRoot takes the folder of a Go release out of a message.
func withoutRoot(s string, tool toolchain) string {
	return shorten(s, filepath.Dir(tool.bin), "GOROOT/")
}

// shorten puts as in the place of a folder, in front of what is below it; the
// folder itself is . then.
func shorten(s, dir, as string) string {
	if !filepath.IsAbs(dir) || dir == "/" {
		return s
	}
	s = strings.ReplaceAll(s, dir+"/", as)
	itself := as
	if itself == "" {
		itself = "."
	}
	whole := regexp.MustCompile(regexp.QuoteMeta(dir) + `([^A-Za-z0-9_.+~@%-]|\.?$|\.?\n)`)
	return whole.ReplaceAllString(s, strings.TrimSuffix(itself, "/")+"${1}")
}

// moduleRoot returns the folder of the module that dir is in, "" without one.
func moduleRoot(dir string) string {
	for filepath.IsAbs(dir) {
		if isFile(filepath.Join(dir, "go.mod")) {
			return dir
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	return ""
}

// userinfo is what may stand in front of the host of a URL.
var userinfo = regexp.MustCompile(`://[^/\s"@]*@`)

// hidePasswords takes names and passwords out of the URLs in a message. Those of
// the proxies may have any characters: the go command shows what it cannot parse.
func hidePasswords(s, proxies string) string {
	for _, proxy := range strings.FieldsFunc(proxies, func(r rune) bool { return r == ',' || r == '|' }) {
		_, rest, ok := strings.Cut(proxy, "://")
		if i := strings.LastIndex(rest, "@"); ok && i > 0 {
			s = strings.ReplaceAll(s, rest[:i+1], "…@")
		}
	}
	return userinfo.ReplaceAllString(s, "://…@")
}
