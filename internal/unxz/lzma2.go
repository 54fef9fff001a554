package unxz

import (
	"bufio"
	"encoding/binary"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// decoder reads LZMA2 data up to its end marker, chunk by chunk.
//
// It looks at each chunk header before the lzma package gets it and asks for
// exactly that chunk's content. So the package never meets an end marker, takes
// all blocks for one long sequence, and needs one dictionary for all of them.
// Because what it keeps from one block to the next must not be seen, the rules
// on resets are enforced here.
type decoder struct {
	chunks
	lz   *lzma.Reader2
	dict int

	left       int   // content left in the chunk, in bytes
	consumed   int64 // compressed bytes of the block, headers and end marker included
	needDict   bool  // the next chunk must reset the dictionary
	needProps  bool  // the next compressed chunk must bring properties
	terminated bool
}

// start begins a block.
func (d *decoder) start(in *bufio.Reader, dict int) {
	if d.dict != dict {
		d.lz, d.dict = nil, dict
	}
	d.chunks = chunks{in: in}
	d.left, d.consumed, d.terminated = 0, 0, false
	d.needDict, d.needProps = true, true
}

// Read returns content, and io.EOF at the end marker. No read goes on into
// another chunk.
func (d *decoder) Read(p []byte) (int, error) {
	if d.terminated {
		return 0, io.EOF
	}
	if d.left == 0 {
		if err := d.nextChunk(); err != nil {
			return 0, err
		}
	}
	n, err := d.lz.Read(p[:min(len(p), d.left)])
	d.left -= n
	switch {
	case d.chunks.err != nil:
		err = truncated(d.chunks.err)
	case err != nil && err != io.EOF:
		err = corrupt("%v", err)
	case d.left == 0 && d.chunks.left > 0:
		err = corrupt("%d unused bytes in a chunk", d.chunks.left)
	default:
		err = nil
	}
	if err != nil || n == 0 {
		d.lz = nil
		if err == nil {
			err = corrupt("a chunk that ends early")
		}
	}
	return n, err
}

// nextChunk opens the next chunk. At the end marker it returns io.EOF.
func (d *decoder) nextChunk() error {
	head, err := d.in.Peek(1)
	if err != nil {
		return truncated(err)
	}
	control := head[0]
	if control == 0 {
		d.terminated = true
		d.consumed++
		d.in.Discard(1)
		return io.EOF
	}
	if head, err = d.in.Peek(chunkHeaderSize(control)); err != nil {
		return truncated(err)
	}
	if err := d.checkResets(control, head); err != nil {
		return err
	}
	size := int(binary.BigEndian.Uint16(head[1:])) + 1
	if control < 0x80 {
		d.left, d.chunks.left = size, len(head)+size
	} else {
		d.left = int(control&0x1f)<<16 + size
		d.chunks.left = len(head) + int(binary.BigEndian.Uint16(head[3:])) + 1
	}
	d.consumed += int64(d.chunks.left)
	if d.lz == nil {
		d.lz, err = lzma.Reader2Config{DictCap: d.dict}.NewReader2(&d.chunks)
	}
	return err
}

// chunkHeaderSize is the size in bytes of a chunk header with that first byte.
func chunkHeaderSize(control byte) int {
	switch {
	case control < 0x80:
		return 3
	case control < 0xc0:
		return 5
	}
	return 6
}

// checkResets refuses a chunk that builds on what the block has not set.
func (d *decoder) checkResets(control byte, head []byte) error {
	compressed := control >= 0x80
	switch {
	case !compressed && control > 2:
		return corrupt("LZMA2 control byte %#02x", control)
	case d.needDict && control != 1 && control < 0xe0:
		return corrupt("a block that does not begin with a new dictionary")
	case compressed && d.needProps && control < 0xc0:
		return corrupt("a chunk without the properties that it needs")
	}
	if control >= 0xc0 {
		// Reader2 takes any lc and lp; LZMA2 wants a sum of at most 4.
		code := int(head[5])
		if lc, lp, pb := code%9, code/9%5, code/45; lc+lp > 4 || pb > 4 {
			return corrupt("LZMA2 properties %#02x", code)
		}
	}
	d.needDict = false
	switch {
	case control == 1:
		d.needProps = true
	case control >= 0xc0:
		d.needProps = false
	}
	return nil
}

// chunks hands one chunk with its header to the lzma package, and not a byte
// of what follows.
type chunks struct {
	in   *bufio.Reader
	left int
	err  error // of in
}

// Read returns bytes of the chunk.
func (c *chunks) Read(p []byte) (n int, err error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	if len(p) == 1 { // nearly always: the range decoder reads single bytes
		p[0], err = c.in.ReadByte()
		if err == nil {
			n = 1
		}
	} else {
		n, err = c.in.Read(p[:min(len(p), c.left)])
	}
	c.left -= n
	c.err = err
	return n, err
}
