package layout

import (
	"fmt"
	"io"

	"github.com/basal-project/basal/internal/digest"
)

// once is a blob that can be read one time, in order, from its first byte to its
// last. It is opened when the first byte is wanted, so that a layout of any
// number of blobs holds one of them open, and it gives its last bytes only when
// the whole blob was the one that its digest names.
type once struct {
	open func() (io.ReadCloser, error)
	want digest.Digest
	size int64
	off  int64
	rc   io.ReadCloser
	r    io.Reader
}

// ReadAt reads on; off must be where the last read ended.
func (o *once) ReadAt(p []byte, off int64) (int, error) {
	if off != o.off {
		return 0, fmt.Errorf("internal error: blob %s is read at %d after %d", o.want, off, o.off)
	}
	if o.r == nil {
		rc, err := o.open()
		if err != nil {
			return 0, err
		}
		o.rc, o.r = rc, digest.NewReader(rc, o.want, o.size)
	}
	n, err := io.ReadFull(o.r, p)
	o.off += int64(n)
	if err == nil && o.off == o.size {
		if err = o.finish(); err != nil {
			n = 0
		}
	}
	return n, err
}

// finish asks for the end of the blob, which only the right bytes have.
func (o *once) finish() error {
	var none [1]byte
	if _, err := o.r.Read(none[:]); err != io.EOF {
		return err
	}
	return o.close()
}

func (o *once) close() error {
	if o.rc == nil {
		return nil
	}
	rc := o.rc
	o.rc = nil
	return rc.Close()
}
