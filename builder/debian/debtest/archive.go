// Package debtest is a signed Debian-style archive in memory, for tests: it
// makes .deb files, Packages indexes and InRelease files from a few lines of
// text, serves them over HTTP, and can damage any file on the way.
//
//	archive := debtest.New(t, debtest.Suite{Packages: []debtest.Deb{{Name: "hello"}}})
//	srv := httptest.NewServer(archive)
//	defer srv.Close()
//	archive.WriteImage(t, dir, srv.URL, "", "hello")
//
// It is written without a line of the code that it tests.
package debtest

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// DefaultDate is the Date of a suite that names none: past on every machine.
var DefaultDate = time.Date(2025, 6, 1, 12, 0, 0, 0, time.UTC)

// Suite is one directory below dists/ with the packages of one component. The
// zero value is an empty trixie/main for amd64 and arm64 without Valid-Until.
type Suite struct {
	Name       string   // directory below dists/, trixie by default
	Suite      string   // the Suite field; "stable" for trixie, otherwise Name
	Codename   string   // the Codename field, Name by default
	Component  string   // main by default
	Components string   // the Components field, Component by default
	Archs      []string // Debian names, amd64 and arm64 by default
	Packages   []Deb    // those with Arch "all" are listed for every architecture

	Date       time.Time // DefaultDate by default; also the time of the signature
	ValidUntil time.Time // absent when zero
	Formats    []string  // of Packages: xz, gz, none; xz and gz by default
	NoByHash   bool      // no Acquire-By-Hash, nothing below by-hash/
	SHA512     bool      // SHA512 only, in InRelease and in Packages
	Unsigned   bool      // InRelease without a signature
	SignWith   []*Key    // instead of the archive's key

	// EditRelease may change the text of InRelease before it is signed.
	EditRelease func(string) string
}

func (s Suite) withDefaults() Suite {
	s.Name = cmp.Or(s.Name, "trixie")
	if s.Suite == "" {
		s.Suite = s.Name
		if s.Name == "trixie" {
			s.Suite = "stable"
		}
	}
	s.Codename = cmp.Or(s.Codename, s.Name)
	s.Component = cmp.Or(s.Component, "main")
	s.Components = cmp.Or(s.Components, s.Component)
	if s.Archs == nil {
		s.Archs = []string{"amd64", "arm64"}
	}
	if s.Formats == nil {
		s.Formats = []string{"xz", "gz"}
	}
	if s.Date.IsZero() {
		s.Date = DefaultDate
	}
	return s
}

// Archive is the whole archive. It is an http.Handler; its root has dists/ and
// pool/. Its methods may be called while it serves.
type Archive struct {
	Key *Key // signs every suite that names no other

	mu       sync.Mutex
	files    map[string][]byte
	faults   map[string]http.HandlerFunc
	requests []string
	suites   []Suite
}

// New returns an archive with a new key and the given suites.
func New(t testing.TB, suites ...Suite) *Archive {
	t.Helper()
	a := &Archive{Key: NewKey(t, 0), files: map[string][]byte{}, faults: map[string]http.HandlerFunc{}}
	for _, s := range suites {
		a.Publish(t, s)
	}
	return a
}

// Publish writes s into the archive. A suite of the same name is replaced, as
// when a mirror is updated; pool and by-hash files of before stay.
func (a *Archive) Publish(t testing.TB, s Suite) {
	t.Helper()
	s = s.withDefaults()
	files := map[string][]byte{}
	dists := "dists/" + s.Name + "/"
	var list []string
	for _, arch := range s.Archs {
		packages := s.index(t, arch, files)
		for _, format := range s.Formats {
			name := s.Component + "/binary-" + arch + "/Packages" + suffix(format)
			content := Compress(t, format, packages, 0)
			files[dists+name] = content
			list = append(list, fmt.Sprintf(" %s %d %s\n", s.hash(content), len(content), name))
			if !s.NoByHash {
				files[dists+s.Component+"/binary-"+arch+"/by-hash/"+s.hashName()+"/"+s.hash(content)] = content
			}
		}
	}
	files[dists+"InRelease"] = s.inRelease(t, list, a.Key)

	a.mu.Lock()
	defer a.mu.Unlock()
	for name, content := range files {
		a.files[name] = content
	}
	a.suites = append(slices.DeleteFunc(a.suites, func(old Suite) bool { return old.Name == s.Name }), s)
}

// index returns the Packages text of an architecture and puts the .deb files
// into files.
func (s Suite) index(t testing.TB, arch string, files map[string][]byte) []byte {
	var out bytes.Buffer
	for _, d := range s.Packages {
		d = d.withDefaults()
		if d.Arch != "all" && d.Arch != arch {
			continue
		}
		name := fmt.Sprintf("pool/%s/%c/%s/%s", s.Component, d.Name[0], cmp.Or(d.Source, d.Name), d.Filename())
		if files[name] == nil {
			files[name] = d.Bytes(t)
		}
		content := files[name]
		fmt.Fprintf(&out, "%sFilename: %s\nSize: %d\n%s: %s\n\n", d.Fields(), name, len(content), s.hashName(), s.hash(content))
	}
	return out.Bytes()
}

func (s Suite) inRelease(t testing.TB, list []string, key *Key) []byte {
	t.Helper()
	slices.Sort(list)
	const layout = "Mon, 02 Jan 2006 15:04:05 UTC"
	var b strings.Builder
	fmt.Fprintf(&b, "Origin: Test\nLabel: Test\nSuite: %s\nCodename: %s\nDate: %s\n", s.Suite, s.Codename, s.Date.UTC().Format(layout))
	if !s.ValidUntil.IsZero() {
		fmt.Fprintf(&b, "Valid-Until: %s\n", s.ValidUntil.UTC().Format(layout))
	}
	if !s.NoByHash {
		b.WriteString("Acquire-By-Hash: yes\n")
	}
	fmt.Fprintf(&b, "Architectures: %s\nComponents: %s\n%s:\n", strings.Join(s.Archs, " "), s.Components, s.hashName())
	b.WriteString(strings.Join(list, ""))
	text := b.String()
	if s.EditRelease != nil {
		text = s.EditRelease(text)
	}
	if s.Unsigned {
		return []byte(text)
	}
	keys := s.SignWith
	if keys == nil {
		keys = []*Key{key}
	}
	return Sign(t, text, s.Date, keys...)
}

func (s Suite) hashName() string {
	if s.SHA512 {
		return "SHA512"
	}
	return "SHA256"
}

func (s Suite) hash(b []byte) string {
	if s.SHA512 {
		return fmt.Sprintf("%x", sha512.Sum512(b))
	}
	return fmt.Sprintf("%x", sha256.Sum256(b))
}
