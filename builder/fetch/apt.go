package fetch

import (
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// maxSources bounds a file of apt sources, in bytes.
const maxSources = 1 << 20

// AptMirrors returns the mirrors of Debian's archives that this machine's apt
// uses: every http(s) URI whose last path element is debian or debian-security,
// in /etc/apt below root (usually "/"). Files that cannot be read, and what is
// not understood in them, are passed over: they are a source of addresses only.
func AptMirrors(root string) Mirrors {
	dir := filepath.Join(root, "etc/apt")
	files := []string{filepath.Join(dir, "sources.list")}
	for _, pattern := range []string{"*.list", "*.sources"} {
		found, _ := filepath.Glob(filepath.Join(dir, "sources.list.d", pattern)) // the patterns are valid
		files = append(files, found...)
	}
	var m Mirrors
	for _, file := range files {
		text, err := readSome(file)
		if err != nil {
			continue
		}
		uris := listURIs
		if strings.HasSuffix(file, ".sources") {
			uris = deb822URIs
		}
		for _, uri := range uris(text) {
			m.addApt(uri)
		}
	}
	return m
}

func readSome(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSources))
	return string(b), err
}

// addApt adds a URI that names a well-known archive over http(s).
func (m *Mirrors) addApt(uri string) {
	uri = strings.TrimRight(uri, "/")
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return
	}
	x := mirror{path.Base(u.Path), uri}
	if slices.Contains(wellKnown, x.name) && !slices.Contains(m.list, x) {
		m.list = append(m.list, x)
	}
}

// listURIs reads the one-line form: deb [option=value …] uri suite component …
func listURIs(text string) []string {
	var uris []string
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "deb")
		if !ok || strings.TrimLeft(rest, " \t") == rest {
			continue // deb-src too
		}
		rest = strings.TrimSpace(rest)
		if strings.HasPrefix(rest, "[") {
			_, rest, _ = strings.Cut(rest, "]")
		}
		if fields := strings.Fields(rest); len(fields) > 0 {
			uris = append(uris, fields[0])
		}
	}
	return uris
}

// deb822URIs reads stanzas with a field URIs, which may go on over several
// lines; stanzas that are switched off or hold sources only are left out.
func deb822URIs(text string) []string {
	var uris []string
	fields := map[string]string{}
	var last string
	flush := func() {
		enabled := strings.ToLower(strings.TrimSpace(fields["enabled"]))
		if slices.Contains(strings.Fields(fields["types"]), "deb") && enabled != "no" && enabled != "false" && enabled != "0" {
			uris = append(uris, strings.Fields(fields["uris"])...)
		}
		clear(fields)
	}
	for line := range strings.Lines(text) {
		switch name, value, ok := strings.Cut(line, ":"); {
		case strings.HasPrefix(line, "#"):
		case strings.TrimSpace(line) == "":
			flush()
		case line[0] == ' ' || line[0] == '\t':
			fields[last] += line
		case ok:
			last = strings.ToLower(strings.TrimSpace(name))
			fields[last] = value
		}
	}
	flush()
	return uris
}
