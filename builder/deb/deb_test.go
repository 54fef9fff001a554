package deb

import (
	"archive/tar"
	"bytes"
	"crypto/md5"
	"errors"
	"maps"
	"math/rand"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/basal-project/basal/builder/debian"
	"github.com/basal-project/basal/internal/digest"
)

var extensions = []string{"", ".gz", ".xz", ".zst"}

func sampleItems() []item {
	owned := file("./var/mail/box", "")
	owned.Uid, owned.Gid, owned.Uname, owned.Gname, owned.Mode = 8, 12, "nobody", "root", 0o660
	sticky := entry(tar.TypeDir, "./tmp/", "")
	sticky.Mode = 0o1777
	return []item{
		entry(tar.TypeDir, "./", ""),
		entry(tar.TypeDir, "./etc/", ""),
		file("./etc/sample", "hello\n"),
		entry(tar.TypeLink, "./etc/other", "./etc/sample"),
		entry(tar.TypeLink, "./etc/third", "etc/other"),
		owned,
		sticky,
		file("usr/"+strings.Repeat("long/", 40)+"name", "x"),
		file("./usr/Főtanúsítvány", "y"),
		entry(tar.TypeSymlink, "./bin", "usr/bin"),
	}
}

func TestReadMakesATree(t *testing.T) {
	want := map[string]string{
		"etc":          "dir 0755 0:0",
		"etc/other":    "file 0644 0:0 5891b5b5", // a tree gives the bytes to the first name
		"etc/sample":   "hardlink 0644 0:0 5891b5b5 -> etc/other",
		"etc/third":    "hardlink 0644 0:0 5891b5b5 -> etc/other",
		"var/mail/box": "file 0660 8:12 e3b0c442",
		"tmp":          "dir 1777 0:0",
		"usr/" + strings.Repeat("long/", 40) + "name": "file 0644 0:0 2d711642",
		"usr/Főtanúsítvány":                           "file 0644 0:0 a1fce436",
		"bin":                                         "symlink 0777 0:0 -> usr/bin",
	}
	for _, ext := range extensions {
		p, err := readBytes(arFile(parts(t, ext, sampleItems()...)...), Options{Origin: "deb:sample"})
		if err != nil {
			t.Errorf("%q: %v", ext, err)
			continue
		}
		if got := text(t, p.Tree); !maps.Equal(got, want) {
			t.Errorf("%q: got %v\nwant %v", ext, got, want)
		}
		if len(p.MD5) != 6 || p.MD5["etc/third"] != md5.Sum([]byte("hello\n")) || p.MD5["var/mail/box"] != md5.Sum(nil) {
			t.Errorf("%q: sums %x", ext, p.MD5)
		}
		for e := range p.Tree.All() {
			if !reflect.DeepEqual(e.Origins, []string{"deb:sample"}) {
				t.Errorf("%q: %s comes from %q", ext, e.Path, e.Origins)
			}
		}
	}
}

func version(t *testing.T, s string) debian.Version {
	t.Helper()
	v, err := debian.ParseVersion(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestReadTellsWhatControlSays(t *testing.T) {
	want := Meta{
		Control: []byte(controlText), Name: "sample", Version: "1:2.0-1", Architecture: "all",
		Replaces: []debian.Group{
			{{Name: "old", Op: debian.Earlier, Version: version(t, "2")}},
			{{Name: "older"}},
		},
		Scripts:  []string{"postinst"},
		Triggers: []byte("interest x\n"), Conffiles: []string{"/etc/sample"}, MTime: 1002,
	}
	for _, ext := range extensions {
		b := arFile(parts(t, ext)...)
		p, err := readBytes(b, Options{})
		if err != nil || !reflect.DeepEqual(forBuilding(p.Meta), forBuilding(want)) {
			t.Errorf("%q: Read says %+v, %v", ext, p, err)
		}
		m, err := ReadControl(bytes.NewReader(b))
		if err != nil || !reflect.DeepEqual(*m, want) {
			t.Errorf("%q: ReadControl says %+v, %v", ext, m, err)
		}
	}
}

// forBuilding leaves out what Read does not promise.
func forBuilding(m Meta) Meta {
	m.Scripts, m.Triggers, m.Conffiles = nil, nil, nil
	return m
}

// The control file is mostly found without unpacking the rest. Where it stands
// later than that looks, or is larger, it is found all the same.
func TestControlFileAnywhere(t *testing.T) {
	long := strings.Repeat(" a line that says little\n", controlPrefix/8)
	noise := make([]byte, 2*controlPrefix)
	for i, x := 0, uint32(1); i < len(noise); i++ {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	for name, items := range map[string][]item{
		"first":           {file("./control", controlText), file("./templates", string(noise))},
		"behind a little": {file("./config", "#!/bin/sh\n"), file("./control", controlText), file("./templates", long)},
		"behind a lot":    {file("./config", string(noise)), file("./control", controlText)},
		"large":           {file("./control", controlText+long), file("./md5sums", "")},
	} {
		p := parts(t, ".xz")
		p[1].data = pack(t, ".xz", tarFile(t, items...))
		b := arFile(p...)
		whole, err := ReadControl(bytes.NewReader(b))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := readBytes(b, Options{})
		if err != nil || !reflect.DeepEqual(forBuilding(got.Meta), forBuilding(*whole)) {
			t.Errorf("%s: Read and ReadControl differ (error %v)", name, err)
		}
	}
}

func TestUnderscoreMembersAreIgnored(t *testing.T) {
	p := parts(t, ".gz", file("a", "b"))
	p = []part{p[0], {"_one", []byte("1")}, p[1], {"_two/", nil}, p[2], {"_gpgorigin", []byte("sig")}}
	got, err := readBytes(arFile(p...), Options{})
	if err != nil || got.MTime != 1005 {
		t.Fatalf("%+v, %v", got, err)
	}
}

// More than spoolAbove bytes that do not compress: several xz blocks, decoded
// in parallel from a copy.
func TestReadSpoolsLargePackages(t *testing.T) {
	noise := make([]byte, 700_000)
	rand.New(rand.NewSource(1)).Read(noise)
	items := []item{file("./a", string(noise)), file("./b", "between"), file("./c", string(noise[1:]))}
	p, err := readBytes(arFile(parts(t, ".xz", items...)...), Options{})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := readBytes(arFile(parts(t, "", items...)...), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := text(t, p.Tree), text(t, plain.Tree); len(want) != 3 || !maps.Equal(got, want) || !maps.Equal(p.MD5, plain.MD5) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestEveryFlippedByteIsNoticed(t *testing.T) {
	for _, ext := range extensions {
		b := arFile(parts(t, ext, entry(tar.TypeDir, "./etc/", ""), file("./etc/x", "hello"))...)
		want, size := digest.Of(b), int64(len(b))
		for i := range b {
			b[i] ^= 0x04
			_, err := Read(digest.NewReader(bytes.NewReader(b), want, size), &memory{}, Options{})
			if !errors.Is(err, digest.ErrMismatch) {
				t.Errorf("%q: byte %d: %v, want ErrMismatch", ext, i, err)
			}
			if _, err := ReadControl(digest.NewReader(bytes.NewReader(b), want, size)); !errors.Is(err, digest.ErrMismatch) {
				t.Errorf("%q: byte %d, control only: %v, want ErrMismatch", ext, i, err)
			}
			b[i] ^= 0x04
		}
	}
}

func TestEveryTruncationIsAnError(t *testing.T) {
	for _, ext := range extensions {
		b := arFile(parts(t, ext, file("./etc/x", "hello"))...)
		for n := range b {
			if _, err := readBytes(b[:n], Options{}); err == nil {
				t.Errorf("%q: %d of %d bytes are read without an error", ext, n, len(b))
			}
		}
	}
}

func TestErrorOfTheStreamGoesFirst(t *testing.T) {
	b := arFile(parts(t, ".xz", file("./etc/x", "hello"))...)
	cut := errors.New("the line is cut")
	for n := range b {
		_, err := Read(newFailing(b[:n], cut), &memory{}, Options{})
		if !errors.Is(err, cut) {
			t.Fatalf("after %d bytes: %v, want %v", n, err, cut)
		}
	}
}

func TestErrorOfTheScratchFileComesThrough(t *testing.T) {
	full := errors.New("disk full")
	b := arFile(parts(t, ".gz", file("./etc/x", "hello"))...)
	if _, err := Read(bytes.NewReader(b), failingScratch{full}, Options{}); !errors.Is(err, full) {
		t.Errorf("%v, want %v", err, full)
	}
}

type failingScratch struct{ err error }

func (f failingScratch) WriteAt([]byte, int64) (int, error) { return 0, f.err }
func (f failingScratch) ReadAt([]byte, int64) (int, error)  { return 0, f.err }

type failing struct {
	r   *bytes.Reader
	err error
}

func newFailing(b []byte, err error) *failing { return &failing{bytes.NewReader(b), err} }

func (f *failing) Read(p []byte) (int, error) {
	if f.r.Len() == 0 {
		return 0, f.err
	}
	return f.r.Read(p)
}

func TestSmallReadsMakeNoDifference(t *testing.T) {
	for _, ext := range extensions {
		b := arFile(parts(t, ext, sampleItems()...)...)
		p, err := Read(iotest.OneByteReader(bytes.NewReader(b)), &memory{}, Options{})
		if err != nil || p.Tree.Len() != 9 {
			t.Errorf("%q: %+v, %v", ext, p, err)
		}
	}
}
