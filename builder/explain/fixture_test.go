package explain

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/basal-project/basal/builder/layer"
	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/canonjson"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// disk is a Source in memory.
type disk struct {
	files map[string][]byte
	blobs map[digest.Digest][]byte
}

func (d *disk) File(name string) ([]byte, error) {
	if b, ok := d.files[name]; ok {
		return b, nil
	}
	return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
}

func (d *disk) OpenUnsafe(name digest.Digest) (io.ReadCloser, error) {
	if b, ok := d.blobs[name]; ok {
		return io.NopCloser(bytes.NewReader(b)), nil
	}
	return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
}

func (d *disk) put(b []byte) digest.Digest {
	d.blobs[digest.Of(b)] = b
	return digest.Of(b)
}

// fixture is an image to be made: one tag, one platform. Tests change it.
type fixture struct {
	tag    string
	user   string
	layers []fixtureLayer
}

type fixtureLayer struct {
	name    string
	members []member
	raw     []byte                // the blob itself; overrides members
	pack    func(b []byte) []byte // default: gzip
}

// member is a tar header with its content.
type member struct {
	tar.Header
	content string
}

func regular(name, content string) member {
	return member{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Format: tar.FormatUSTAR}, content}
}

// newFixture is the image that the tests compare with.
func newFixture() fixture {
	return fixture{tag: "latest", user: "0", layers: []fixtureLayer{
		{name: "base-files", members: []member{
			{tar.Header{Typeflag: tar.TypeDir, Name: "etc/", Mode: 0o755, Format: tar.FormatUSTAR}, ""},
			regular("etc/debian_version", "13.0\n"),
			regular("etc/hosts", strings.Repeat("127.0.0.1 localhost\n", 500)),
			{tar.Header{Typeflag: tar.TypeSymlink, Name: "lib", Linkname: "usr/lib", Mode: 0o777, Format: tar.FormatUSTAR}, ""},
		}},
		{name: "tzdata", members: []member{regular("zone", "UTC")}},
	}}
}

func (f *fixture) member(name string) *member {
	for i := range f.layers {
		for j := range f.layers[i].members {
			if m := &f.layers[i].members[j]; m.Name == name {
				return m
			}
		}
	}
	panic("the fixture has no member " + name)
}

func tarOf(t testing.TB, members []member) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, m := range members {
		if m.Size == 0 {
			m.Size = int64(len(m.content))
		}
		if err := w.WriteHeader(&m.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, m.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func gzipped(b []byte) []byte { return gzippedAt(gzip.BestSpeed)(b) }

func gzippedAt(level int) func([]byte) []byte {
	return func(b []byte) []byte {
		var buf bytes.Buffer
		w, err := gzip.NewWriterLevel(&buf, level)
		if err != nil {
			panic(err) // the level is a constant of a test
		}
		if _, err := w.Write(b); err != nil {
			panic(err) // a buffer takes everything
		}
		if err := w.Close(); err != nil {
			panic(err)
		}
		return buf.Bytes()
	}
}

// make makes the image as OCI documents.
func (f fixture) make(t testing.TB) *disk {
	t.Helper()
	d := &disk{map[string][]byte{"oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`)}, map[digest.Digest][]byte{}}
	var layers []oci.NamedLayer
	for _, l := range f.layers {
		unpacked := tarOf(t, l.members)
		pack := gzipped
		if l.pack != nil {
			pack = l.pack
		}
		blob := pack(unpacked)
		if l.raw != nil {
			blob = l.raw
		}
		layers = append(layers, oci.NamedLayer{
			Layer: layer.Layer{DiffID: digest.Of(unpacked), Digest: d.put(blob), Size: int64(len(blob))},
			Name:  l.name,
		})
	}
	p, err := specs.ParsePlatform("linux/amd64")
	if err != nil {
		t.Fatal(err)
	}
	image, err := oci.NewImage(p, layers, specs.Config{User: f.user}, layer.Epoch)
	if err != nil {
		t.Fatal(err)
	}
	index, err := oci.NewIndex([]oci.Image{image}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range []oci.Document{image.Config, image.Manifest, index} {
		d.put(doc.Bytes)
	}
	top := index.Descriptor
	top.Annotations = map[string]string{oci.RefName: f.tag}
	d.files["index.json"], err = canonjson.MarshalFile(oci.Index{SchemaVersion: 2, MediaType: oci.MediaTypeIndex, Manifests: []oci.Descriptor{top}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// text returns the report as text.
func text(t testing.TB, r Report) string {
	t.Helper()
	var buf bytes.Buffer
	if err := r.WriteText(&buf); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}
