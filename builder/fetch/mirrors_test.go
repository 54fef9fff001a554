package fetch

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/basal-project/basal/internal/diag"
)

func TestParseMirrors(t *testing.T) {
	for _, tt := range []struct {
		values           []string
		debian, security []string
	}{
		{nil, nil, nil},
		{[]string{"http://a.test"}, []string{"http://a.test/debian"}, []string{"http://a.test/debian-security"}},
		{[]string{"http://a.test/mirrors/"}, []string{"http://a.test/mirrors/debian"}, []string{"http://a.test/mirrors/debian-security"}},
		{[]string{"https://a.test/x/debian"}, []string{"https://a.test/x/debian"}, []string{"https://a.test/x/debian-security"}},
		{[]string{"https://a.test/x/debian-security//"}, []string{"https://a.test/x/debian"}, []string{"https://a.test/x/debian-security"}},
		{[]string{"https://a.test/debian"}, []string{"https://a.test/debian"}, []string{"https://a.test/debian-security"}},
		{[]string{"debian=http://a.test/x/"}, []string{"http://a.test/x"}, nil},
		{[]string{"debian=http://a.test/x", "http://b.test/debian", "debian-security=http://c.test/s"},
			[]string{"http://a.test/x", "http://b.test/debian"}, []string{"http://b.test/debian-security", "http://c.test/s"}},
		{[]string{"http://a.test", "http://a.test/debian"}, []string{"http://a.test/debian"}, []string{"http://a.test/debian-security"}},
		{[]string{"http://a.test/k=v"}, []string{"http://a.test/k=v/debian"}, []string{"http://a.test/k=v/debian-security"}},
	} {
		m, err := ParseMirrors(tt.values)
		if err != nil {
			t.Errorf("%q: %v", tt.values, err)
			continue
		}
		if got := m.Bases("debian"); !slices.Equal(got, tt.debian) {
			t.Errorf("%q: debian at %q, want %q", tt.values, got, tt.debian)
		}
		if got := m.Bases("debian-security"); !slices.Equal(got, tt.security) {
			t.Errorf("%q: debian-security at %q, want %q", tt.values, got, tt.security)
		}
	}
}

func TestParseMirrorsRefuses(t *testing.T) {
	for _, v := range []string{"", "a.test", "debian=", "=http://a.test", "ftp://a.test/debian", "file:///srv/debian",
		"debian=/srv", "http:///debian", "http://a.test/debian?x=1", "http://a.test/#x", "http://a.test:port/", "http://me:hunter2@a.test/?x"} {
		_, err := ParseMirrors([]string{v})
		if diag.CodeOf(err) != diag.Usage {
			t.Errorf("%q: %v, want exit code 2", v, err)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the password is in: %v", v, err)
		}
	}
}

const oneLine = `# deb http://commented.test/debian trixie main
deb http://a.test/debian trixie main # deb http://x.test/debian
deb	[ arch=amd64 signed-by=/k.gpg ]	http://b.test/debian/ trixie main
deb [trusted=yes] http://c.test/debian-security trixie-security main
deb-src http://source.test/debian trixie main
deb mirror+file:/etc/apt/mirrors.list trixie main
deb cdrom:[Debian 13]/debian trixie main
deb http://other.test/ubuntu trixie main
deb http://a.test/debian trixie-updates main
deb
debhttp://glued.test/debian x main
deb [unclosed http://d.test/debian
`

const stanzas = `# A comment: URIs: http://commented.test/debian
Types: deb deb-src
# another
URIs: http://e.test/debian
 http://f.test/debian/
	http://g.test/debian-security
Suites: trixie
Components: main

Enabled: no
Types: deb
URIs: http://disabled.test/debian

types: deb-src
uris: http://source.test/debian


uris: http://h.test/debian http://i.test/elsewhere
TYPES: deb
 continued: http://odd.test/debian
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
`

func TestAptMirrors(t *testing.T) {
	root := t.TempDir()
	mustWrite(t, filepath.Join(root, "etc/apt/sources.list"), []byte(oneLine))
	mustWrite(t, filepath.Join(root, "etc/apt/sources.list.d/a.sources"), []byte(stanzas))
	mustWrite(t, filepath.Join(root, "etc/apt/sources.list.d/b.list"), []byte("deb https://me:pw@j.test/debian x main"))
	mustWrite(t, filepath.Join(root, "etc/apt/sources.list.d/c.list.save"), []byte("deb http://saved.test/debian x main"))
	mustWrite(t, filepath.Join(root, "etc/apt/sources.list.d/dir.list/file"), nil)
	m := AptMirrors(root)
	want := []string{"http://a.test/debian", "http://b.test/debian", "https://me:pw@j.test/debian", "http://e.test/debian", "http://f.test/debian", "http://h.test/debian"}
	if got := m.Bases("debian"); !slices.Equal(got, want) {
		t.Errorf("debian at\n%q, want\n%q", got, want)
	}
	want = []string{"http://c.test/debian-security", "http://g.test/debian-security"}
	if got := m.Bases("debian-security"); !slices.Equal(got, want) {
		t.Errorf("debian-security at\n%q, want\n%q", got, want)
	}
	if got := AptMirrors(t.TempDir()).Bases("debian"); got != nil {
		t.Errorf("a machine without apt has %q", got)
	}
}

// Whatever stands in the sources, what comes out is the address of a known
// archive over http or https.
func FuzzAptSources(f *testing.F) {
	f.Add(oneLine)
	f.Add(stanzas)
	f.Add("deb [")
	f.Add(" \nURIs")
	f.Fuzz(func(t *testing.T, text string) {
		var m Mirrors
		for _, uri := range slices.Concat(listURIs(text), deb822URIs(text)) {
			m.addApt(uri)
		}
		checkBases(t, m, "debian", "debian-security")
	})
}

func FuzzParseMirrors(f *testing.F) {
	for _, seed := range []string{"http://a.test", "debian=https://a.test/x", "http://a.test/debian-security/", "=", "http://[::1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		m, err := ParseMirrors([]string{value})
		if err != nil {
			if diag.CodeOf(err) != diag.Usage {
				t.Errorf("%q: %v, want exit code 2", value, err)
			}
			return
		}
		checkBases(t, m, "debian", "debian-security", "other")
	})
}

func checkBases(t *testing.T, m Mirrors, archives ...string) {
	t.Helper()
	for _, archive := range archives {
		for _, base := range m.Bases(archive) {
			u, err := url.Parse(base)
			if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.HasSuffix(base, "/") {
				t.Errorf("%s at %q", archive, base)
			}
			if _, err := (place{"mirror", base}).url("pool/x"); err != nil {
				t.Errorf("%s at %q: %v", archive, base, err)
			}
		}
	}
}
