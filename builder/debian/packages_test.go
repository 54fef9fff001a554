package debian

import (
	"bytes"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/basal-project/basal/internal/digest"
)

const stanzas = `Package: tzdata
Version: 2026b-0+deb13u1
Architecture: all
Provides: tzdata-trixie
Depends: debconf (>= 0.5) |
 debconf-2.0
Description: time zones
 more	text
Filename: pool/main/t/tzdata/tzdata_2026b-0+deb13u1_all.deb
Size: 12
SHA256: ` + sum256 + `

Package: busybox-static
Priority: optional
Source: busybox (1:1.37.0-6)
Version: 1:1.37.0-6+b9
Architecture: amd64
Pre-Depends: dpkg
Filename: pool/main/b/busybox/busybox-static_1.37.0-6+b9_amd64.deb
Size: 34
SHA512: %s
`

func all(_, _ []byte) bool { return true }

func records(t *testing.T, slim string, want func(name, provides []byte) bool) (list []Package, err error) {
	t.Helper()
	for p, err := range Records(strings.NewReader(slim), want) {
		if err != nil {
			return list, err
		}
		list = append(list, p)
	}
	return list, nil
}

func slimmed(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	if err := Slim(&out, strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestSlimKeepsWhatResolvingNeeds(t *testing.T) {
	text := slimmed(t, fmt.Sprintf(stanzas, sum512))
	list, err := records(t, text, all)
	if err != nil || len(list) != 2 {
		t.Fatalf("got %d packages, %v", len(list), err)
	}
	a, b := list[0], list[1]
	if a.Name != "tzdata" || a.Source != "tzdata" || a.Architecture != "all" || a.Version.String() != "2026b-0+deb13u1" ||
		a.Provides != "tzdata-trixie" || a.Depends != "debconf (>= 0.5) | debconf-2.0" || a.Size != 12 || a.SHA256.Hex() != sum256 {
		t.Errorf("got %+v", a)
	}
	if b.Source != "busybox" || b.PreDepends != "dpkg" || b.Priority != "optional" || !b.SHA256.IsZero() || b.SHA512 == (SHA512{}) || b.Path != "pool/main/b/busybox/busybox-static_1.37.0-6+b9_amd64.deb" {
		t.Errorf("got %+v", b)
	}
	list, err = records(t, text, func(name, provides []byte) bool { return string(provides) == "tzdata-trixie" })
	if err != nil || len(list) != 1 || list[0].Name != "tzdata" {
		t.Errorf("by Provides: got %+v, %v", list, err)
	}
}

func TestSlimErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"Version: 1\n", "line 1: a stanza without Package"},
		{"Package: a\n\nVersion: 1\n", "line 3: a stanza without Package"},
		{"Package: a\nnonsense\n", "line 2: want a field"},
	} {
		if err := Slim(io.Discard, strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %q", c.text, err, c.want)
		}
	}
	if err := Slim(io.Discard, iotest.ErrReader(digest.ErrMismatch)); !errors.Is(err, digest.ErrMismatch) {
		t.Errorf("a lying source: got %v, want ErrMismatch", err)
	}
	if err := slim(io.Discard, &capped{r: strings.NewReader("Package: a\n"), left: 10}); !errors.Is(err, errTooLarge) {
		t.Errorf("one byte over the cap: got %v", err)
	}
	if err := slim(io.Discard, &capped{r: strings.NewReader("Package: a\n"), left: 11}); err != nil {
		t.Errorf("exactly the cap: got %v", err)
	}
}

func TestRecordsRefusesDamage(t *testing.T) {
	good := slimmed(t, fmt.Sprintf(stanzas, sum512))
	for n := range len(good) { // cut anywhere, it is not whole
		if list, err := records(t, good[:n], all); err == nil {
			t.Fatalf("cut after %d of %d bytes: got %d packages and no error", n, len(good), len(list))
		}
	}
	for _, c := range []struct{ old, new, want string }{
		{SlimFormat, "basal slim index 0", "not a slim index"},
		{"\tend 2", "\tend 3", "want 3 packages, found 2"},
		{"tzdata\t", "TZ\t", "not a package name"},
		{"2026b-0+deb13u1\tall", "v1\tall", "version"},
		{"\tall\t", "\t\t", "architecture"},
		{"\tbusybox (", "\tBusy (", "source"},
		{"pool/main/t/tzdata/", "../", "plain relative path"},
		{"pool/main/t/tzdata/", "/pool/", "plain relative path"},
		{"pool/main/t/tzdata/", "pool//", "plain relative path"},
		{"pool/main/t/tzdata/", "pool/./", "plain relative path"},
		{"pool/main/t/tzdata/", "pool/%2e%2e/", "plain relative path"},
		{"pool/main/t/tzdata/", `pool\`, "plain relative path"},
		{"pool/main/t/tzdata/", "pool/é", "plain relative path"},
		{"\t12\t", "\t0\t", "not a number of bytes"},
		{"\t12\t", "\t-1\t", "not a number of bytes"},
		{"\t12\t", "\t\t12\t", "want 12 columns"},
		{sum256, "", "neither SHA256 nor SHA512"},
		{sum256, sum256[1:], "SHA256"},
		{sum512, sum512[1:], "SHA512"},
	} {
		bad := strings.Replace(good, c.old, c.new, 1)
		if _, err := records(t, bad, all); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q instead of %q: got %v, want %q", c.new, c.old, err, c.want)
		}
	}
}

func TestRecordsReadsVeryLongLines(t *testing.T) {
	provides := strings.Repeat("a1, ", 300<<10/4) + "last"
	text := slimmed(t, strings.Replace(fmt.Sprintf(stanzas, sum512), "tzdata-trixie", provides, 1))
	list, err := records(t, text, func(_, p []byte) bool { return bytes.HasSuffix(p, []byte("last")) })
	if err != nil || len(list) != 1 || list[0].Provides != provides {
		t.Errorf("got %d packages, %v", len(list), err)
	}
}

func TestChecksumsReader(t *testing.T) {
	content := []byte("hello")
	sums256 := Checksums{Size: 5, SHA256: digest.Of(content)}
	sums512 := Checksums{Size: 5, SHA512: sha512.Sum512(content)}
	both := Checksums{Size: 5, SHA256: sums256.SHA256, SHA512: sums512.SHA512}
	lie := both
	lie.SHA512[0] ^= 1
	for _, c := range []struct {
		name string
		sums Checksums
		text string
		ok   bool
	}{
		{"sha256", sums256, "hello", true},
		{"sha512", sums512, "hello", true},
		{"both", both, "hello", true},
		{"sha256 wrong", sums256, "hellO", false},
		{"sha512 wrong", sums512, "hellO", false},
		{"sha512 short", sums512, "hell", false},
		{"sha512 long", sums512, "hello!", false},
		{"sha512 empty", sums512, "", false},
		{"only sha512 wrong", lie, "hello", false},
	} {
		for how, r := range map[string]io.Reader{"whole": strings.NewReader(c.text), "byte by byte": iotest.OneByteReader(strings.NewReader(c.text)), "EOF with data": iotest.DataErrReader(strings.NewReader(c.text))} {
			got, err := io.ReadAll(c.sums.NewReader(r))
			if c.ok && (err != nil || string(got) != c.text) || !c.ok && !errors.Is(err, digest.ErrMismatch) {
				t.Errorf("%s, %s: got %q, %v", c.name, how, got, err)
			}
		}
	}
}

// FuzzPackages holds that a Packages file becomes a slim index that is read to
// its end, package by package.
func FuzzPackages(f *testing.F) {
	f.Add(fmt.Sprintf(stanzas, sum512))
	f.Add("Package: a\nProvides: b\n\tc\n")
	f.Fuzz(func(t *testing.T, text string) {
		var out bytes.Buffer
		if Slim(&out, strings.NewReader(text)) != nil {
			return
		}
		stanzas, err := scanAll(text)
		if err != nil {
			t.Fatalf("slim was made of what does not scan: %v", err)
		}
		n := 0
		for _, err := range Records(bytes.NewReader(out.Bytes()), func(_, _ []byte) bool { n++; return false }) {
			t.Fatalf("%q became %q: %v", text, out.Bytes(), err)
		}
		if n != len(stanzas) {
			t.Errorf("%q: %d stanzas became %d records", text, len(stanzas), n)
		}
		for _, err := range Records(bytes.NewReader(out.Bytes()), all) {
			if err != nil {
				break // a bad package is refused, which ends the list
			}
		}
	})
}
