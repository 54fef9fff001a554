// Package unxz reads the .xz container and verifies every byte of it.
//
// The container is parsed here, after the file format specification 1.2.0: stream header,
// blocks, index, footer, the checks CRC32, CRC64 and SHA-256, and all padding.
// LZMA2 itself is decoded by ulikunitz/xz, with a dictionary that is no larger
// than the block's content, so that memory follows what is in a file and not
// what its header asks for.
//
// One stream makes a file. Concatenated streams, stream padding and any other
// trailing data are refused: dpkg reads the first stream only, xz reads
// all, and a file that two readers understand differently must not pass. So are
// filters other than LZMA2 (BCJ, delta), which Debian does not use.
package unxz

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/ulikunitz/xz/lzma"
)

// Errors that callers may branch on. An error of the underlying reader is
// neither: it is returned as it came, or wrapped.
var (
	ErrCorrupt     = errors.New("corrupt xz data")
	ErrUnsupported = errors.New("unsupported xz data")
)

// MaxDict is the largest dictionary, in bytes, that is used: the one of
// xz -9. A block that asks for more and has the content to need it is refused.
const MaxDict = 64 << 20

// maxBlocks bounds the memory of an index; in blocks of 1 MiB it is 64 GiB.
const maxBlocks = 1 << 16

const bufferSize = 64 << 10

// The decoder takes most of its input byte by byte, so the buffer below it is
// what makes it fast. Short streams are many, so it is used again.
var inputs = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, bufferSize) }}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrCorrupt}, args...)...)
}

func unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrUnsupported}, args...)...)
}

// truncated turns the end of the input into the fault that it is here.
func truncated(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return corrupt("the data ends early")
	}
	return err
}

// NewReader returns a reader of the content of the one xz stream that r holds.
// It returns io.EOF only when checks, index and footer were right and r ended
// there. It reads ahead in r. How much comes out is for the caller to limit.
//
// A block whose header does not say its size costs the dictionary that the
// header asks for, at most MaxDict; Debian's packages say it.
func NewReader(r io.Reader) io.Reader {
	in := inputs.Get().(*bufio.Reader)
	in.Reset(r)
	return &reader{in: in}
}

// NewPrefixReader returns a reader of the first n bytes of what NewReader reads,
// without the work for the rest: a decoder fills its dictionary before it hands
// anything over, and this one's has no more than n bytes. Nothing that follows
// them can be needed to decode them, and nothing that follows is verified.
func NewPrefixReader(r io.Reader, n int64) io.Reader {
	in := inputs.Get().(*bufio.Reader)
	in.Reset(r)
	return io.LimitReader(&reader{in: in, prefix: n}, n)
}

// reader is the state of one stream.
type reader struct {
	in     *bufio.Reader // nil when err is set
	prefix int64         // of the content, in bytes, that is wanted; 0 for all
	kind   checkKind
	open   bool // the stream header was read
	inside bool // block is being read
	block  block
	seen   []record
	err    error
}

// Read returns content.
func (z *reader) Read(p []byte) (int, error) {
	if z.err != nil {
		return 0, z.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := z.read(p)
	if err != nil {
		z.err = err
		z.in.Reset(nil)
		inputs.Put(z.in)
		z.in, z.block = nil, block{}
	}
	return n, err
}

func (z *reader) read(p []byte) (int, error) {
	if !z.open {
		kind, err := readStreamHeader(z.in)
		if err != nil {
			return 0, err
		}
		z.kind, z.open = kind, true
	}
	for {
		if !z.inside {
			if err := z.next(); err != nil {
				return 0, err
			}
		}
		n, err := z.block.Read(p)
		if err == io.EOF {
			z.seen = append(z.seen, z.block.record())
			z.inside, err = false, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// next opens the next block. At the index it reads the rest of the stream and
// returns io.EOF.
func (z *reader) next() error {
	first, err := z.in.Peek(1)
	if err != nil {
		return truncated(err)
	}
	if first[0] == indexIndicator {
		return z.finish()
	}
	if len(z.seen) == maxBlocks {
		return unsupported("more than %d blocks", maxBlocks)
	}
	h, err := readBlockHeader(z.in)
	if err != nil {
		return err
	}
	z.inside = true
	dict := h.dict(h.uncompressed)
	if z.prefix > 0 {
		dict = min(dict, max(z.prefix, lzma.MinDictCap))
	}
	return z.block.start(z.in, h, z.kind, dict)
}

// finish reads the index and the footer, compares them with what was read, and
// returns io.EOF when all is well.
func (z *reader) finish() error {
	records, size, err := readIndex(z.in)
	if err != nil {
		return err
	}
	if len(records) != len(z.seen) {
		return corrupt("the index lists %d blocks, found %d", len(records), len(z.seen))
	}
	for i, r := range records {
		if r != z.seen[i] {
			return corrupt("the index does not fit block %d", i+1)
		}
	}
	kind, backward, err := readFooter(z.in)
	switch {
	case err != nil:
		return err
	case kind != z.kind:
		return corrupt("header and footer name different checks")
	case backward != size:
		return corrupt("the footer says that the index has %d bytes, found %d", backward, size)
	}
	if _, err := z.in.ReadByte(); err != nil {
		return err // io.EOF when all is well
	}
	return unsupported("data after the end of the stream; only single xz streams are read")
}
