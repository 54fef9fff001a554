package deb

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/basal-project/basal/builder/rootfs"
)

const controlText = "Package: sample\nVersion: 1:2.0-1\nArchitecture: all\nReplaces: old (<< 2), older\nDescription: a sample\n of a package\n"

// part is one ar member.
type part struct {
	name string
	data []byte
}

// arFile writes members as ar does, the n-th with the time 1000+n.
func arFile(parts ...part) []byte {
	b := []byte(arMagic)
	for i, p := range parts {
		b = fmt.Appendf(b, "%-16s%-12d%-6d%-6d%-8s%-10d%s", p.name, 1000+i, 0, 0, "100644", len(p.data), arHeaderEnd)
		b = append(b, p.data...)
		if len(b)%2 == 1 {
			b = append(b, '\n')
		}
	}
	return b
}

// item is a tar entry; a size of 0 becomes that of the content.
type item struct {
	tar.Header
	content string
}

func file(name, content string) item {
	return item{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644}, content}
}

func entry(kind byte, name, link string) item {
	return item{tar.Header{Name: name, Typeflag: kind, Linkname: link, Mode: 0o755}, ""}
}

func tarFile(tb testing.TB, items ...item) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, i := range items {
		h := i.Header
		h.Size = int64(len(i.content))
		if err := w.WriteHeader(&h); err != nil {
			tb.Fatal(err)
		}
		if _, err := io.WriteString(w, i.content); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// pack compresses as the extension says.
func pack(tb testing.TB, ext string, content []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch ext {
	case "":
		return content
	case ".gz":
		w = gzip.NewWriter(&b)
	case ".zst":
		w, err = zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
	case ".xz":
		w, err = xz.WriterConfig{DictCap: 1 << 16, BlockSize: 1 << 19}.NewWriter(&b)
	}
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// parts are the members of a package with this content.
func parts(tb testing.TB, ext string, items ...item) []part {
	tb.Helper()
	control := tarFile(tb, entry(tar.TypeDir, "./", ""), file("./control", controlText),
		file("./postinst", "#!/bin/sh\n"), file("./triggers", "interest x\n"), file("./conffiles", "/etc/sample\n"))
	return []part{
		{"debian-binary", []byte("2.0\n")},
		{"control.tar" + ext, pack(tb, ext, control)},
		{"data.tar" + ext, pack(tb, ext, tarFile(tb, items...))},
	}
}

// memory is a scratch file.
type memory struct {
	mu sync.Mutex
	b  []byte
}

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := int(off) + len(p); n > len(m.b) {
		m.b = append(m.b, make([]byte, n-len(m.b))...)
	}
	return copy(m.b[off:], p), nil
}

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return bytes.NewReader(m.b).ReadAt(p, off)
}

func readBytes(b []byte, opt Options) (*Package, error) {
	return Read(bytes.NewReader(b), &memory{}, opt)
}

// text describes a tree, one line for each path.
func text(tb testing.TB, t rootfs.Tree) map[string]string {
	tb.Helper()
	m := map[string]string{}
	for e := range t.All() {
		s := fmt.Sprintf("%s %04o %d:%d", e.Kind, e.Mode, e.UID, e.GID)
		if e.Kind == rootfs.File || e.Kind == rootfs.Hardlink {
			b, err := io.ReadAll(e.Content.Reader())
			if err != nil {
				tb.Fatal(err)
			}
			s += fmt.Sprintf(" %x", sha256.Sum256(b))[:9]
		}
		if e.Link != "" {
			s += " -> " + e.Link
		}
		m[e.Path] = s
	}
	return m
}
