package layout

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/basal-project/basal/builder/layer"
	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/digest"
)

func TestImagesReturnWhatWasWritten(t *testing.T) {
	images, blobs := testImages(t)
	slices.SortFunc(images, func(a, b Image) int { return strings.Compare(a.Tag, b.Tag) })
	for _, target := range []string{"out", "out.tar"} {
		out := filepath.Join(t.TempDir(), target)
		if err := Write(out, "static", images, blobs); err != nil {
			t.Fatal(err)
		}
		l := open(t, out)
		got, err := l.Images()
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, images) {
			t.Errorf("%s: got %+v\nwant %+v", target, got, images)
		}
		for d, want := range blobs.blobs {
			r, err := l.Open(oci.Descriptor{Digest: d, Size: int64(len(want))})
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(b, want) {
				t.Errorf("%s: blob %s: %d bytes, %v", target, d, len(b), err)
			}
			r.Close()
		}
	}
}

func TestReadingFindsEachChangedBlob(t *testing.T) {
	images, blobs := testImages(t)
	out := filepath.Join(t.TempDir(), "out")
	if err := Write(out, "static", images, blobs); err != nil {
		t.Fatal(err)
	}
	for _, i := range images {
		for _, doc := range []oci.Document{i.Index, i.Platforms[0].Manifest, i.Platforms[1].Config} {
			path := filepath.Join(out, blobPath(doc.Descriptor.Digest))
			if err := os.WriteFile(path, spoilt(doc.Bytes), 0o666); err != nil {
				t.Fatal(err)
			}
			if _, err := open(t, out).Images(); !errors.Is(err, digest.ErrMismatch) {
				t.Errorf("%s: got %v, want %v", doc.Descriptor.MediaType, err, digest.ErrMismatch)
			}
			if err := os.WriteFile(path, doc.Bytes, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	open(t, out)
	if got := tags(t, open(t, out)); !slices.Equal(got, []string{"latest", "nonroot"}) {
		t.Errorf("restored layout has tags %v", got)
	}
}

// makeLayout writes a layout with the given top-level documents and blobs as they
// are.
func makeLayout(t *testing.T, index string, blobs ...string) string {
	t.Helper()
	entries := []rootfs.Entry{
		file(layoutFile, rootfs.Bytes([]byte(layoutBytes))),
		file(indexFile, rootfs.Bytes([]byte(index))),
	}
	for _, b := range blobs {
		entries = append(entries, file(blobPath(digest.Of([]byte(b))), rootfs.Bytes([]byte(b))))
	}
	tree, err := rootfs.New(entries)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "hostile.tar")
	var buf bytes.Buffer
	if err := layer.WriteTar(&buf, tree, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, buf.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// tagged is an index.json with one tag for the given document.
func tagged(mediaType, doc string) string {
	return fmt.Sprintf(`{"schemaVersion":2,"manifests":[%s]}`, descriptor(mediaType, doc, `,"annotations":{"org.opencontainers.image.ref.name":"latest"}`))
}

func descriptor(mediaType, doc, more string) string {
	return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d%s}`, mediaType, digest.Of([]byte(doc)), len(doc), more)
}

func TestHostileDocuments(t *testing.T) {
	index := func(manifests string) string {
		return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, oci.MediaTypeIndex, manifests)
	}
	platform := `,"platform":{"os":"linux","architecture":"amd64"}`
	config := `{"rootfs":{"type":"layers","diff_ids":[]}}`
	layer := descriptor(oci.MediaTypeLayer, "x", "")
	manifest := func(layers string) string {
		return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":%s,"layers":[%s]}`,
			oci.MediaTypeManifest, descriptor(oci.MediaTypeConfig, config, ""), layers)
	}
	empty := index("")
	nested := index(descriptor(oci.MediaTypeIndex, empty, ""))
	many := index(strings.TrimSuffix(strings.Repeat(descriptor(oci.MediaTypeManifest, "x", platform)+",", maxPlatforms+1), ","))
	uneven, wide := manifest(layer), manifest(strings.TrimSuffix(strings.Repeat(layer+",", maxLayers+1), ","))
	ofUneven := index(descriptor(oci.MediaTypeManifest, uneven, platform))
	ofWide := index(descriptor(oci.MediaTypeManifest, wide, platform))
	tag := func(doc string) string { return tagged(oci.MediaTypeIndex, doc) }
	for name, c := range map[string]struct {
		index string
		blobs []string
		want  string
	}{
		"no JSON":             {"{", nil, "unexpected end"},
		"duplicate key":       {`{"manifests":[],"manifests":[]}`, nil, "duplicate key"},
		"trailing data":       {`{} {}`, nil, "after top-level value"},
		"too large":           {strings.Repeat(" ", maxDocument+1), nil, "more than 4194304 bytes"},
		"too many tags":       {`{"manifests":[` + strings.Repeat("{},", maxTags) + "{}]}", nil, "more than 10000"},
		"bad digest":          {strings.Replace(tag(empty), "sha256:", "sha512:", 1), nil, "does not begin with"},
		"negative size":       {strings.Replace(tag(empty), `"size":`, `"size":-`, 1), []string{empty}, "size of -"},
		"huge size":           {strings.Replace(tag(empty), `"size":`, `"size":9999999`, 1), []string{empty}, "more than 4194304"},
		"other spelling":      {strings.Replace(tag(empty), `"size":`, `"ſize":1,"size":`, 1), []string{empty}, `"ſize" is another spelling`},
		"missing blob":        {tag(empty), nil, "file does not exist"},
		"index in an index":   {tag(nested), []string{nested, empty}, "want manifests with platforms only"},
		"too many platforms":  {tag(many), []string{many}, "at most 100 manifests"},
		"manifest no index":   {tag(uneven), []string{uneven}, "want an OCI index"},
		"too many layers":     {tag(ofWide), []string{ofWide, wide, config}, "at most 1000 layers"},
		"layers and diff_ids": {tag(ofUneven), []string{ofUneven, uneven, config}, "has 0 diff_ids for the manifest's 1 layers"},
	} {
		l := open(t, makeLayout(t, c.index, c.blobs...))
		if _, err := l.Images(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	member := func(headers ...tar.Header) []byte {
		var buf bytes.Buffer
		w := tar.NewWriter(&buf)
		for _, h := range headers {
			if err := w.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return buf.Bytes()
	}
	reg := func(name string) tar.Header { return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644} }
	cut := member(reg(layoutFile), reg("index.json"))
	for name, c := range map[string]struct {
		bytes []byte
		want  string
	}{
		"empty file":      {nil, "is no archive"},
		"text":            {[]byte(strings.Repeat("text\n", 200)), "no tar archive"},
		"truncated":       {cut[:700], "after member 1"},
		"parent path":     {member(reg("blobs/../../etc/passwd")), "leads out of it"},
		"absolute path":   {member(reg("/oci-layout")), "leads out of it"},
		"twice":           {member(reg(layoutFile), reg("./"+layoutFile)), "two members"},
		"no layout":       {member(reg("index.json")), "file does not exist"},
		"link for a file": {member(tar.Header{Typeflag: tar.TypeSymlink, Name: layoutFile, Linkname: "/etc/passwd"}), "file does not exist"},
	} {
		path := filepath.Join(t.TempDir(), "x.tar")
		if err := os.WriteFile(path, c.bytes, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing path: got %v, want %v", err, fs.ErrNotExist)
	}
	if _, err := Open(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("empty directory: got %v, want %v", err, fs.ErrNotExist)
	}
}

func TestDirectoryLinksStayInside(t *testing.T) {
	images, blobs := testImages(t)
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	if err := Write(out, "static", images, blobs); err != nil {
		t.Fatal(err)
	}
	d := images[0].Index.Descriptor
	path := filepath.Join(out, blobPath(d.Digest))
	outside := filepath.Join(dir, "outside")
	err := errors.Join(os.Rename(path, outside), os.Symlink(outside, path))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, out).Document(d); err == nil || !strings.Contains(err.Error(), "escapes") {
		t.Errorf("a link out of the layout was followed: %v", err)
	}
	if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o777)); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, out).Document(d); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("a directory was read as a blob: %v", err)
	}
}

// FuzzIndex holds that no archive makes the reader panic or point outside of it.
func FuzzIndex(f *testing.F) {
	images, blobs := testImages(f)
	out := filepath.Join(f.TempDir(), "out.tar")
	if err := Write(out, "static", images, blobs); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(out)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:3000])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		members, err := index(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for name, m := range members {
			if !fs.ValidPath(name) || m.off < 0 || m.size < 0 || m.off+m.size > int64(len(b)) {
				t.Errorf("member %q at %d, %d bytes of %d", name, m.off, m.size, len(b))
			}
		}
	})
}
