package deb

import (
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/basal-project/basal/internal/unxz"
)

// maxWindow bounds what a zstd frame may ask for; dpkg's highest level takes
// less.
const maxWindow = 128 << 20

// extension returns the compression that the member's name tells, "" for none.
func (m member) extension() string {
	_, rest, _ := strings.Cut(m.name, ".tar")
	return rest
}

// unpack calls read with the content of m, which may have up to limit bytes,
// and then makes sure that the compressed data had nothing left.
func unpack(m member, limit int64, read func(io.Reader) error) error {
	r, closer, err := decompress(m)
	if err != nil {
		return err
	}
	defer closer()
	if err := read(&limitReader{r, limit, limit}); err != nil {
		return err
	}
	if m.body.N > 0 {
		return fmt.Errorf("%d bytes after the end of the compressed data", m.body.N)
	}
	return nil
}

func decompress(m member) (r io.Reader, closer func(), err error) {
	closer = func() {}
	switch ext := m.extension(); ext {
	case "":
		r = fullReader{m.body}
	case ".xz":
		r = unxz.NewReader(m.body)
	case ".gz":
		r, err = gzip.NewReader(m.body)
	case ".zst":
		var z *zstd.Decoder
		z, err = zstd.NewReader(m.body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err == nil {
			r, closer = z, z.Close
		}
	default:
		err = fmt.Errorf("unknown compression %q, want .xz, .gz, .zst or none", ext)
	}
	return r, closer, err
}

// fullReader reads a member that is not compressed, and so has no other way to
// notice that it ends early.
type fullReader struct{ body *io.LimitedReader }

func (r fullReader) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	if err == io.EOF && r.body.N > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// limitReader fails after limit bytes where io.LimitedReader would pretend that
// the content ends.
type limitReader struct {
	r     io.Reader
	left  int64
	limit int64
}

func (l *limitReader) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, tooBig(l.limit)
	}
	return n, err
}

func tooBig(limit int64) error {
	return fmt.Errorf("%w: the content has more than %d bytes", errTooBig, limit)
}

// unpackedLimit is the most that a data.tar of the given compressed size may
// unpack to.
func unpackedLimit(compressed int64, opt Options) int64 {
	if compressed > opt.MaxUnpacked/bombRatio {
		return opt.MaxUnpacked
	}
	return min(opt.MaxUnpacked, max(bombFloor, compressed*bombRatio))
}
