package baseimage

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// header reads a word for the kind, a name, and what the kind needs:
//
//	d NAME [MODE]     f NAME TEXT     l NAME TARGET     h NAME TARGET
//
// A deletion is a file.
func header(text string) (tar.Header, string) {
	f := strings.Split(text, " ")
	h := tar.Header{Name: f[1], Mode: 0o644}
	arg := strings.Join(f[2:], " ")
	switch f[0] {
	case "d":
		h.Typeflag, h.Mode = tar.TypeDir, 0o755
		if arg != "" {
			fmt.Sscanf(arg, "%o", &h.Mode)
		}
		return h, ""
	case "f":
		h.Typeflag, h.Size = tar.TypeReg, int64(len(arg))
		return h, arg
	case "l":
		h.Typeflag, h.Linkname = tar.TypeSymlink, arg
	case "h":
		h.Typeflag, h.Linkname = tar.TypeLink, arg
	case "c":
		h.Typeflag = tar.TypeChar
	case "p":
		h.Typeflag = tar.TypeFifo
	default:
		panic(text)
	}
	return h, ""
}

// archive makes a tar archive, each line of which is an entry.
func archive(t testing.TB, lines ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, line := range lines {
		h, text := header(line)
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, text)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// pack compresses b as a layer of the given type.
func pack(t testing.TB, b []byte, mediaType string) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	switch oci.LayerType(mediaType) {
	case oci.MediaTypeLayer:
		w = gzip.NewWriter(&out)
	case oci.MediaTypeLayerZstd:
		z, err := zstd.NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		w = z
	default:
		return b
	}
	w.Write(b)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// locked names a layer.
func locked(plain, blob []byte, mediaType string) specs.LockedLayer {
	return specs.LockedLayer{LockedBlob: specs.LockedBlob{MediaType: mediaType, Digest: digest.Of(blob), Size: int64(len(blob))}, DiffID: digest.Of(plain)}
}

// memory is a scratch file.
type memory struct{ b []byte }

func newMemory() (Scratch, error) { return &memory{}, nil }

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	if end := int(off) + len(p); end > len(m.b) {
		m.b = append(m.b, make([]byte, end-len(m.b))...)
	}
	return copy(m.b[off:], p), nil
}

func (m *memory) ReadAt(p []byte, off int64) (int, error) { return bytes.NewReader(m.b).ReadAt(p, off) }

// blobs is a source in memory.
type blobs map[digest.Digest][]byte

func (b blobs) add(content []byte) digest.Digest {
	b[digest.Of(content)] = content
	return digest.Of(content)
}

func (b blobs) Open(_ context.Context, a specs.Artifact) (io.ReadCloser, error) {
	if a.Repository == "" || a.MediaType == "" {
		return nil, errors.New("an artifact without repository or media type")
	}
	content, ok := b[a.SHA256]
	if !ok {
		return nil, fmt.Errorf("%s: %w", a.SHA256, fs.ErrNotExist)
	}
	return io.NopCloser(bytes.NewReader(content)), nil
}

// lay returns the file system of plain layers, each of them lines with an entry.
func lay(t testing.TB, layers ...[]string) (rootfs.Tree, error) {
	t.Helper()
	var stack Stack
	rd := NewReader(0)
	for _, lines := range layers {
		b := archive(t, lines...)
		l, err := rd.ReadLayer(bytes.NewReader(b), locked(b, b, oci.MediaTypeLayerPlain), &memory{})
		if err != nil {
			return rootfs.Tree{}, err
		}
		if err := stack.Add(t.Context(), l); err != nil {
			return rootfs.Tree{}, err
		}
	}
	return stack.Tree("base:test")
}

// describe writes a tree on one line.
func describe(t testing.TB, tree rootfs.Tree) string {
	t.Helper()
	var out []string
	for e := range tree.All() {
		text := e.Path
		switch e.Kind {
		case rootfs.Dir:
			text += "/"
			if e.Mode != 0o755 {
				text += fmt.Sprintf("%o", e.Mode)
			}
		case rootfs.Symlink:
			text += "->" + e.Link
		default:
			b, err := io.ReadAll(e.Content.Reader())
			if err != nil {
				t.Fatal(err)
			}
			text += "=" + string(b)
			if e.Kind == rootfs.Hardlink {
				text += "@" + e.Link
			}
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}
