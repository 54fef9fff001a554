package unxz

import (
	"bufio"
	"bytes"
	"io"
)

// block reads the content of one block and then verifies what surrounds it. It
// is used for one block after the other and keeps its decoder.
type block struct {
	in     *bufio.Reader
	header blockHeader
	lzma2  decoder
	check  checksum
	out    int64 // bytes of content returned
}

// start begins a block behind its header.
func (b *block) start(in *bufio.Reader, h blockHeader, kind checkKind, dict int64) error {
	if dict > MaxDict {
		return unsupported("a dictionary of %d MiB, at most %d are allowed", dict>>20, MaxDict>>20)
	}
	b.in, b.header, b.check, b.out = in, h, newChecksum(kind), 0
	b.lzma2.start(in, int(dict))
	return nil
}

// record is what the index has to say of the block, once it is read.
func (b *block) record() record {
	return record{b.header.size + b.lzma2.consumed + int64(b.check.kind.size()), b.out}
}

// Read returns content, and io.EOF behind a block that is right.
func (b *block) Read(p []byte) (int, error) {
	n, err := b.lzma2.Read(p)
	b.check.add(p[:n])
	b.out += int64(n)
	switch h := b.header; {
	case h.uncompressed >= 0 && b.out > h.uncompressed:
		return n, corrupt("more content than the %d bytes of the block header", h.uncompressed)
	case h.packed >= 0 && b.lzma2.consumed > h.packed:
		return n, corrupt("more compressed data than the %d bytes of the block header", h.packed)
	case err == io.EOF:
		return n, b.finish()
	}
	return n, err
}

// finish compares sizes, padding and check (specification 3.3, 3.4) and returns
// io.EOF when all is well.
func (b *block) finish() error {
	h := b.header
	if h.uncompressed >= 0 && h.uncompressed != b.out || h.packed >= 0 && h.packed != b.lzma2.consumed {
		return corrupt("a block with %d bytes in %d, the header says %d in %d", b.out, b.lzma2.consumed, h.uncompressed, h.packed)
	}
	var raw [3 + 32]byte
	size := b.header.size + b.lzma2.consumed
	padding := int(padded(size) - size)
	tail := raw[:padding+b.check.kind.size()]
	if _, err := io.ReadFull(b.in, tail); err != nil {
		return truncated(err)
	}
	if err := allZero(tail[:padding]); err != nil {
		return err
	}
	if !bytes.Equal(tail[padding:], b.check.sum()) {
		return corrupt("wrong checksum of a block's content")
	}
	return io.EOF
}
