package rootfs

import (
	"bytes"
	"io"
)

// Content is the bytes of a file, which may lie anywhere. The zero value is the
// empty file.
type Content struct {
	r    io.ReaderAt
	off  int64
	size int64
}

// Section returns the content of n bytes of r from offset off. r must outlive it,
// and be a pointer: contents are compared.
func Section(r io.ReaderAt, off, n int64) Content { return Content{r, off, n} }

// Bytes returns b as content. b must not change afterwards.
func Bytes(b []byte) Content { return Content{bytes.NewReader(b), 0, int64(len(b))} }

// Size returns the number of bytes.
func (c Content) Size() int64 { return c.size }

// Reader returns a new reader of the bytes.
func (c Content) Reader() *io.SectionReader {
	if c.r == nil {
		return io.NewSectionReader(bytes.NewReader(nil), 0, 0)
	}
	return io.NewSectionReader(c.r, c.off, c.size)
}

// EqualContent reports whether a and b hold the same bytes.
func EqualContent(a, b Content) (bool, error) {
	if a.size != b.size {
		return false, nil
	}
	if a == b {
		return true, nil
	}
	ra, rb := a.Reader(), b.Reader()
	bufA, bufB := make([]byte, 32<<10), make([]byte, 32<<10)
	for {
		n, errA := io.ReadFull(ra, bufA)
		m, errB := io.ReadFull(rb, bufB)
		switch {
		case !atEnd(errA):
			return false, errA
		case !atEnd(errB):
			return false, errB
		case !bytes.Equal(bufA[:n], bufB[:m]):
			return false, nil
		case errA != nil: // sizes are equal, so b ends here, too
			return true, nil
		}
	}
}

func atEnd(err error) bool {
	return err == nil || err == io.EOF || err == io.ErrUnexpectedEOF
}
