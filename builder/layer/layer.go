// Package layer writes the bytes of an image layer. It has the only tar writer
// of the program, so every rule of the format stands here:
//
//   - One literal header per entry, in PAX format: a plain ustar block unless a
//     name, an id or a size needs more. No owner names, no devices, no
//     extended attributes, no access or change time.
//   - Entries in the order of rootfs.Compare; directories end in a slash; the
//     first name of a hard-linked file carries the bytes.
//   - One modification time for the whole layer, in whole seconds.
//   - Two zero blocks end the archive; nothing is padded to a record.
//
// A layer's bytes are therefore a function of its tree, its time and the
// encoder that internal/gz names.
package layer

import (
	"archive/tar"
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/internal/gz"
)

// Epoch is the modification time, in seconds since 1970, of layers that are
// made by hand rather than from a package: 2000-01-01T00:00:00Z. It is not 0,
// which some tools take for "no time".
const Epoch = 946684800

// Layer names a finished layer as OCI does. It is comparable.
type Layer struct {
	DiffID digest.Digest `json:"diff-id"` // of the uncompressed tar
	Digest digest.Digest `json:"digest"`  // of the compressed blob
	Size   int64         `json:"size"`    // of the compressed blob, in bytes
}

const bufferSize = 64 << 10

var buffers = sync.Pool{New: func() any { return bufio.NewWriterSize(io.Discard, bufferSize) }}

// buffer returns a buffered writer to w, to be put back into buffers.
func buffer(w io.Writer) *bufio.Writer {
	buf := buffers.Get().(*bufio.Writer)
	buf.Reset(w)
	return buf
}

// Write writes tree as a compressed layer to w and says what it wrote. mtime is
// in seconds since 1970.
func Write(w io.Writer, tree rootfs.Tree, mtime int64) (Layer, error) {
	diffID, blob := sha256.New(), sha256.New()
	counted := &counter{w: io.MultiWriter(w, blob)}
	buf := buffer(counted) // the compressor writes a few hundred bytes at a time
	defer buffers.Put(buf)
	err := gz.Compress(buf, func(z io.Writer) error {
		return WriteTar(io.MultiWriter(z, diffID), tree, mtime)
	})
	if err == nil {
		err = buf.Flush()
	}
	if err != nil {
		return Layer{}, err
	}
	return Layer{digest.Digest(diffID.Sum(nil)), digest.Digest(blob.Sum(nil)), counted.n}, nil
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// WriteTar writes tree as an uncompressed tar archive to w.
func WriteTar(w io.Writer, tree rootfs.Tree, mtime int64) error {
	buf := buffer(w)
	defer buffers.Put(buf)
	t := tar.NewWriter(buf)
	chunk := make([]byte, 16<<10)
	when := time.Unix(mtime, 0)
	for e := range tree.All() {
		if err := writeEntry(t, e, when, chunk); err != nil {
			return fmt.Errorf("/%s: %w", e.Path, err)
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	return buf.Flush()
}

func writeEntry(t *tar.Writer, e rootfs.Entry, when time.Time, chunk []byte) error {
	h := tar.Header{
		Format:  tar.FormatPAX,
		Name:    e.Path,
		Mode:    int64(e.Mode),
		Uid:     e.UID,
		Gid:     e.GID,
		ModTime: when,
	}
	switch e.Kind {
	case rootfs.Dir:
		h.Typeflag, h.Name = tar.TypeDir, e.Path+"/"
	case rootfs.File:
		h.Typeflag, h.Size = tar.TypeReg, e.Content.Size()
	case rootfs.Symlink:
		h.Typeflag, h.Linkname = tar.TypeSymlink, e.Link
	case rootfs.Hardlink:
		h.Typeflag, h.Linkname = tar.TypeLink, e.Link
	}
	if err := t.WriteHeader(&h); err != nil {
		return err
	}
	if e.Kind != rootfs.File {
		return nil
	}
	n, err := io.CopyBuffer(t, e.Content.Reader(), chunk)
	if err == nil && n < h.Size {
		err = fmt.Errorf("want %d bytes, found %d: %w", h.Size, n, io.ErrUnexpectedEOF)
	}
	return err
}
