package debian

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const sum256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

var sum512 = strings.Repeat("cf83e1357eefb8bd", 8)

// head are the fields that every Release has; tests add lists of files.
const head = "Suite: stable\nCodename: trixie\nDate: Sat, 12 Sep 2026 07:55:41 UTC\nArchitectures: amd64 arm64\nComponents: main updates/contrib\n"

func TestParseRelease(t *testing.T) {
	r, err := parseRelease([]byte(head + "Valid-Until: Sat,  9 Sep 2028 07:55:41 +0200\nAcquire-By-Hash: yes\nMD5Sum:\n junk\nSHA256:\n " + sum256 + "  0 main/Contents-all\n"))
	if err != nil {
		t.Fatal(err)
	}
	date := time.Date(2026, 9, 12, 7, 55, 41, 0, time.UTC)
	until := time.Date(2028, 9, 9, 5, 55, 41, 0, time.UTC)
	if r.Suite != "stable" || r.Codename != "trixie" || !r.Date.Equal(date) || !r.ValidUntil.Equal(until) || !r.ByHash {
		t.Errorf("got %+v", r)
	}
	if !slices.Equal(r.Architectures, []string{"amd64", "arm64"}) || !slices.Equal(r.Components, []string{"main", "updates/contrib"}) {
		t.Errorf("got %v, %v", r.Architectures, r.Components)
	}
}

func TestParseReleaseErrors(t *testing.T) {
	list := "SHA256:\n " + sum256 + " 1 main/binary-amd64/Packages\n"
	for _, c := range []struct{ text, want string }{
		{"", "no fields"},
		{"x", "want a field"},
		{head, "neither SHA256 nor SHA512"},
		{head + "MD5Sum:\n d41d8cd98f00b204e9800998ecf8427e 0 main/binary-amd64/Packages\n", "neither SHA256 nor SHA512"},
		{"Date: Sat, 12 Sep 2026 07:55:41 UTC\n" + list, "neither Suite nor Codename"},
		{"Suite: a\n" + list, "no Date"},
		{"Suite: a\nDate: 2026-09-12\n" + list, "want a date like"},
		{"Suite: a\nDate: Sat, 12 Sep 2026 07:55:41 CEST\n" + list, "want a date like"},
		{head + "Valid-Until: never\n" + list, "Valid-Until: want a date"},
		{head + "SHA256:\n " + sum256 + " 1\n", "want checksum, size and path"},
		{head + "SHA256:\n " + sum256 + " -1 a\n", "not a number of bytes"},
		{head + "SHA256:\n " + sum256 + " 99999999999999999999 a\n", "not a number of bytes"},
		{head + "SHA256:\n " + sum256[1:] + " 1 a\n", "want 64 hexadecimal digits"},
		{head + "SHA256:\n " + strings.ToUpper(sum256) + " 1 a\n", "lower-case"},
		{head + "SHA512:\n " + sum256 + " 1 a\n", "want 128"},
		{head + "SHA512:\n " + strings.Repeat("x", 128) + " 1 a\n", "invalid"},
		{head + "SHA512:\n " + sum512 + " 2 main/binary-amd64/Packages\n" + list, "two sizes"},
		{head + list + " " + sum256 + " 1 main/binary-amd64/Packages\n", "listed twice"},
		{head + list + "\nSuite: other\n", "found more"},
		{head + list + "\nx\n", "found more"},
	} {
		if r, err := parseRelease([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %+v, error %v, want %q", c.text, r, err, c.want)
		}
	}
}

func TestCheckRelease(t *testing.T) {
	date := time.Date(2026, 9, 12, 0, 0, 0, 0, time.UTC)
	days := func(n int) time.Time { return date.AddDate(0, 0, n) }
	r := Release{Suite: "stable", Codename: "trixie", Date: date, Signed: date, ValidUntil: days(7), KeysEnd: days(100)}
	for _, c := range []struct {
		name     string
		now      time.Time
		suite    string
		previous time.Time
		edit     func(*Release)
		want     []error
	}{
		{"by codename", days(1), "trixie", time.Time{}, nil, nil},
		{"by suite", days(1), "stable", days(-1), nil, nil},
		{"the same again", days(1), "trixie", date, nil, nil},
		{"another suite", days(1), "trixie-updates", time.Time{}, nil, []error{ErrSuite}},
		{"no suite", days(1), "", time.Time{}, nil, []error{ErrSuite}},
		{"last second", days(7), "trixie", time.Time{}, nil, nil},
		{"expired", days(8), "trixie", time.Time{}, nil, []error{ErrExpired}},
		{"never expires", days(99), "trixie", time.Time{}, func(r *Release) { r.ValidUntil = time.Time{} }, nil},
		{"keys expired", days(101), "trixie", time.Time{}, func(r *Release) { r.ValidUntil = time.Time{} }, []error{ErrExpired}},
		{"keys for ever", days(9999), "trixie", time.Time{}, func(r *Release) { r.ValidUntil, r.KeysEnd = time.Time{}, time.Time{} }, nil},
		{"older than the lock", days(1), "trixie", date.Add(time.Second), nil, []error{ErrOlder}},
		{"clock a bit behind", date.Add(-23 * time.Hour), "trixie", time.Time{}, nil, nil},
		{"from the future", date.Add(-25 * time.Hour), "trixie", time.Time{}, nil, []error{ErrFuture}},
		{"signed in the future", days(1), "trixie", time.Time{}, func(r *Release) { r.Signed = days(3) }, []error{ErrFuture}},
		{"all at once", days(8), "sid", days(1), nil, []error{ErrSuite, ErrExpired, ErrOlder}},
	} {
		r := r
		if c.edit != nil {
			c.edit(&r)
		}
		err := r.Check(c.now, c.suite, c.previous)
		for _, sentinel := range []error{ErrSuite, ErrExpired, ErrOlder, ErrFuture} {
			if got, want := errors.Is(err, sentinel), slices.Contains(c.want, sentinel); got != want {
				t.Errorf("%s: error %v; %v in it: %v, want %v", c.name, err, sentinel, got, want)
			}
		}
	}
}

func TestPackagesFile(t *testing.T) {
	line := func(sum string, size int, name string) string { return fmt.Sprintf(" %s %d %s\n", sum, size, name) }
	dir := "main/binary-amd64/"
	for _, c := range []struct {
		name, lists, component, arch string
		want                         string // path and by-hash path, or part of the error
	}{
		{"xz is best", "Acquire-By-Hash: yes\nSHA256:\n" + line(sum256, 3, dir+"Packages") + line(sum256, 1, dir+"Packages.xz") + line(sum256, 2, dir+"Packages.gz"), "main", "amd64",
			dir + "Packages.xz " + dir + "by-hash/SHA256/" + sum256},
		{"then gz", "SHA256:\n" + line(sum256, 3, dir+"Packages") + line(sum256, 2, dir+"Packages.gz"), "main", "amd64", dir + "Packages.gz "},
		{"then plain", "Acquire-By-Hash: no\nSHA256:\n" + line(sum256, 3, dir+"Packages"), "main", "amd64", dir + "Packages "},
		{"sha512 only", "Acquire-By-Hash: yes\nSHA512:\n" + line(sum512, 3, dir+"Packages.xz"), "main", "amd64", dir + "Packages.xz " + dir + "by-hash/SHA512/" + sum512},
		{"both sums", "Acquire-By-Hash: yes\nSHA512:\n" + line(sum512, 3, dir+"Packages.xz") + "SHA256:\n" + line(sum256, 3, dir+"Packages.xz"), "main", "amd64", dir + "Packages.xz " + dir + "by-hash/SHA256/" + sum256},
		{"component of security", "SHA256:\n" + line(sum256, 3, "contrib/binary-arm64/Packages.xz"), "contrib", "arm64", "contrib/binary-arm64/Packages.xz "},
		{"no such component", "SHA256:\n", "non-free", "amd64", `no component "non-free", it has main, updates/contrib`},
		{"no such architecture", "SHA256:\n", "main", "s390x", `no architecture "s390x", it has amd64, arm64`},
		{"not listed", "SHA256:\n" + line(sum256, 3, dir+"Packages.zst"), "main", "amd64", "lists no main/binary-amd64/Packages.xz"},
		{"too large", "SHA256:\n" + line(sum256, MaxIndex+1, dir+"Packages.xz"), "main", "amd64", "want at most"},
		{"too large when plain", "SHA256:\n" + line(sum256, MaxPackages+1, dir+"Packages"), "main", "amd64", "want at most"},
	} {
		r, err := parseRelease([]byte(head + c.lists))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		f, err := r.Packages(c.component, c.arch)
		got := f.Path + " " + f.ByHash
		if err != nil {
			got = err.Error()
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// FuzzRelease holds that any text gives a Release or an error, and that what a
// Release offers is within its caps.
func FuzzRelease(f *testing.F) {
	f.Add(head+"SHA256:\n "+sum256+" 1 main/binary-amd64/Packages.xz\n", "main", "amd64")
	f.Add(head+"SHA512:\n "+sum512+" 1 main/binary-amd64/Packages\n", "main", "arm64")
	f.Fuzz(func(t *testing.T, text, component, arch string) {
		r, err := parseRelease([]byte(text))
		if err != nil {
			return
		}
		file, err := r.Packages(component, arch)
		if err == nil && (file.Size < 0 || file.Size > MaxPackages || file.SHA256.IsZero() && file.SHA512 == SHA512{}) {
			t.Errorf("%q offers %+v", text, file)
		}
	})
}
