package debtest_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"github.com/basal-project/basal/builder/debian"
	"github.com/basal-project/basal/builder/debian/debtest"
	"github.com/basal-project/basal/internal/digest"
)

// TestArchiveHoldsTogether walks from the key to the bytes of a .deb as basal
// lock does, for each way in which a suite can list its files.
func TestArchiveHoldsTogether(t *testing.T) {
	debs := []debtest.Deb{
		{Name: "hello", Arch: "amd64", Depends: "libhello (>= 1)", Files: map[string]string{"usr/bin/hello": "hi\n"}},
		{Name: "libhello", Version: "2:1.0-1", Source: "hello", Compression: "zst"},
		{Name: "other", Arch: "arm64"},
	}
	for _, s := range []debtest.Suite{
		{Packages: debs},
		{Packages: debs, SHA512: true},
		{Packages: debs, NoByHash: true, Formats: []string{"none"}},
		{Packages: debs, Name: "trixie-security", Suite: "stable-security", Components: "updates/main", Formats: []string{"gz"}},
	} {
		archive := debtest.New(t, s)
		dists := "dists/trixie/"
		if s.Name != "" {
			dists = "dists/" + s.Name + "/"
		}
		r, err := debian.VerifyInRelease(archive.File(t, dists+"InRelease"), archive.Key.Public(t))
		if err != nil {
			t.Fatal(err)
		}
		f, err := r.Packages("main", "amd64")
		if err != nil {
			t.Fatal(err)
		}
		if (f.ByHash == "") != s.NoByHash {
			t.Errorf("by-hash path %q, want one: %v", f.ByHash, !s.NoByHash)
		}
		if f.ByHash != "" && !bytes.Equal(archive.File(t, dists+f.ByHash), archive.File(t, dists+f.Path)) {
			t.Errorf("%s is not %s", f.ByHash, f.Path)
		}
		var names []string
		for p, err := range debian.Records(slim(t, f, archive.File(t, dists+f.Path)), func(_, _ []byte) bool { return true }) {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, p.Name)
			if _, err := io.Copy(io.Discard, p.NewReader(bytes.NewReader(archive.File(t, p.Path)))); err != nil {
				t.Errorf("%s: %v", p.Path, err)
			}
		}
		if !slices.Equal(names, []string{"hello", "libhello"}) {
			t.Errorf("got packages %v", names)
		}
	}
}

func slim(t *testing.T, f debian.File, b []byte) io.Reader {
	t.Helper()
	r := f.NewReader(bytes.NewReader(b))
	var err error
	switch f.Format {
	case "xz":
		r, err = xz.NewReader(r)
	case "gz":
		r, err = gzip.NewReader(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := debian.Slim(&out, r); err != nil {
		t.Fatal(err)
	}
	return &out
}

func TestDebIsAnArWithTars(t *testing.T) {
	b := debtest.Deb{Name: "a1", Compression: "none", Files: map[string]string{"etc/x/y": "1"}, Scripts: map[string]string{"postinst": "#!/bin/sh\n"},
		Entries: []debtest.Entry{{Header: tar.Header{Typeflag: tar.TypeChar, Name: "/../dev/null", Devmajor: 1, Devminor: 3, Mode: 0o4777}}}}.Bytes(t)
	i := bytes.Index(b, []byte("data.tar  "))
	if !bytes.HasPrefix(b, []byte("!<arch>\ndebian-binary   ")) || i < 0 {
		t.Fatalf("not a .deb: %.80q", b)
	}
	tr := tar.NewReader(bytes.NewReader(b[i+60:]))
	var names []string
	for {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
	}
	if got, want := strings.Join(names, " "), "./ ./etc/ ./etc/x/ ./etc/x/y /../dev/null"; got != want {
		t.Errorf("data.tar holds %q, want %q", got, want)
	}
}

func TestFaults(t *testing.T) {
	archive := debtest.New(t, debtest.Suite{Packages: []debtest.Deb{{Name: "hello"}}})
	srv := httptest.NewServer(archive)
	defer srv.Close()
	const path = "pool/main/h/hello/hello_1.0_all.deb"
	good := archive.File(t, path)
	get := func() (int, []byte) {
		res, err := http.Get(srv.URL + "/" + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, b
	}
	if code, b := get(); code != 200 || !bytes.Equal(b, good) {
		t.Errorf("healthy: status %d, %d bytes", code, len(b))
	}
	for name, damage := range map[string]func([]byte) []byte{
		"flip": debtest.Flip(-1), "flip first": debtest.Flip(0), "truncate": debtest.Truncate(1), "append": debtest.Append("x"), "html": debtest.HTML,
	} {
		archive.Corrupt(t, path, damage)
		_, b := get()
		sums := debian.Checksums{Size: int64(len(good)), SHA256: digest.Of(good)}
		if _, err := io.Copy(io.Discard, sums.NewReader(bytes.NewReader(b))); !errors.Is(err, digest.ErrMismatch) {
			t.Errorf("%s: got %v, want ErrMismatch", name, err)
		}
	}
	archive.Fault(path, debtest.Status(503))
	if code, _ := get(); code != 503 {
		t.Errorf("got status %d, want 503", code)
	}
	archive.Heal()
	archive.Remove(path)
	if code, _ := get(); code != 404 {
		t.Errorf("got status %d, want 404", code)
	}
	if got := archive.Requests(); len(got) != 8 || got[0] != path || len(archive.Requests()) != 0 {
		t.Errorf("the record of requests is %q", got)
	}
}

func TestWriteImage(t *testing.T) {
	archive := debtest.New(t, debtest.Suite{}, debtest.Suite{Name: "trixie-updates", Archs: []string{"amd64", "s390x"}})
	dir := filepath.Join(t.TempDir(), "image")
	archive.WriteImage(t, dir, "http://127.0.0.1:1", "layers: single\n", "hello", "world")
	got, err := os.ReadFile(filepath.Join(dir, "image.yaml"))
	const want = `version: 1
name: test
platforms: [linux/amd64, linux/arm64, linux/s390x]
archives:
  - {uri: "http://127.0.0.1:1", suites: [trixie], components: [main], signed-by: ./archive.asc}
  - {uri: "http://127.0.0.1:1", suites: [trixie-updates], components: [main], signed-by: ./archive.asc}
packages: [hello, world]
layers: single
`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
	key, err := os.ReadFile(filepath.Join(dir, debtest.KeyFile))
	if err != nil || debian.CheckKeyring(key) != nil {
		t.Errorf("the key file: %v, %v", err, debian.CheckKeyring(key))
	}
}
