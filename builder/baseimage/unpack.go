package baseimage

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/basal-project/basal/builder/oci"
)

// decompress returns the archive in a blob of the given type.
func decompress(r io.Reader, mediaType string) (io.Reader, func(), error) {
	switch oci.LayerType(mediaType) {
	case oci.MediaTypeLayerPlain:
		return r, func() {}, nil
	case oci.MediaTypeLayer:
		z, err := gzip.NewReader(r)
		return z, func() {}, err
	case oci.MediaTypeLayerZstd:
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return nil, nil, fmt.Errorf("its type is %.100q", mediaType)
}

// spill hands on the bytes of src, keeps them in dst and counts and hashes them.
type spill struct {
	src  io.Reader
	dst  io.WriterAt
	used *budget // by all layers
	most int64   // bytes of this one
	hash hash.Hash

	n    int64 // bytes handed on
	kept int64 // bytes in dst
	buf  []byte
	rest []byte // of buf, kept but not yet handed on
	err  error
}

// newSpill returns the spill of a layer of the given compressed size.
func (rd *Reader) newSpill(src io.Reader, dst io.WriterAt, size int64) *spill {
	most := rd.unpacked.most
	if size < most/bombRatio {
		most = min(most, max(bombFloor, size*bombRatio))
	}
	return &spill{src: src, dst: dst, used: &rd.unpacked, most: most, hash: sha256.New(), buf: make([]byte, 64<<10)}
}

// noScratch is a fault of the place where layers are kept, and not of a layer.
type noScratch struct{ error }

func (e noScratch) Unwrap() error { return e.error }

// Read implements io.Reader.
func (s *spill) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		if s.err == nil {
			s.fill()
		}
		if len(s.rest) == 0 {
			return 0, s.err
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	s.n += int64(n)
	return n, nil
}

func (s *spill) fill() {
	n := 0
	for n < len(s.buf) && s.err == nil {
		var k int
		k, s.err = s.src.Read(s.buf[n:])
		n += k
	}
	if n == 0 {
		return
	}
	if err := s.keep(s.buf[:n]); err != nil {
		s.err = err
		return
	}
	s.rest = s.buf[:n]
}

func (s *spill) keep(b []byte) error {
	s.hash.Write(b)
	if s.kept+int64(len(b)) > s.most {
		return fmt.Errorf("%w: it unpacks to more than %d bytes", errTooBig, s.most)
	}
	if err := s.used.take(int64(len(b))); err != nil {
		return err
	}
	_, err := s.dst.WriteAt(b, s.kept)
	s.kept += int64(len(b))
	if err != nil {
		return noScratch{fmt.Errorf("temporary file: %w", err)}
	}
	return nil
}
