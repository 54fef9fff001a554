package unxz

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

const (
	streamHeaderSize = 12
	footerSize       = 12
	indexIndicator   = 0x00
	filterLZMA2      = 0x21

	flagPacked   = 0x40 // the block header holds the compressed size
	flagUnpacked = 0x80 // the block header holds the uncompressed size
	flagReserved = 0x3c

	maxVLI = 1<<63 - 1
)

var (
	headerMagic = []byte{0xfd, '7', 'z', 'X', 'Z', 0}
	footerMagic = []byte{'Y', 'Z'}
)

// parseFlags reads the stream flags that header and footer both carry
// (specification 2.1.1.2).
func parseFlags(b []byte) (checkKind, error) {
	kind := checkKind(b[1])
	if b[0] != 0 || !kind.known() {
		return 0, unsupported("stream flags %02x %02x", b[0], b[1])
	}
	return kind, nil
}

func crcFits(data, sum []byte) bool {
	return crc32.ChecksumIEEE(data) == binary.LittleEndian.Uint32(sum)
}

// readStreamHeader reads the first 12 bytes (specification 2.1.1).
func readStreamHeader(in io.Reader) (checkKind, error) {
	var b [streamHeaderSize]byte
	if _, err := io.ReadFull(in, b[:]); err != nil {
		return 0, truncated(err)
	}
	switch {
	case !bytes.Equal(b[:6], headerMagic):
		return 0, corrupt("it does not begin like an xz stream")
	case !crcFits(b[6:8], b[8:]):
		return 0, corrupt("wrong checksum of the stream header")
	}
	return parseFlags(b[6:8])
}

// readFooter reads the last 12 bytes and returns the size of the index in
// bytes (specification 2.1.2).
func readFooter(in io.Reader) (kind checkKind, indexSize int64, err error) {
	var b [footerSize]byte
	if _, err := io.ReadFull(in, b[:]); err != nil {
		return 0, 0, truncated(err)
	}
	switch {
	case !bytes.Equal(b[10:], footerMagic):
		return 0, 0, corrupt("it does not end like an xz stream")
	case !crcFits(b[4:10], b[:4]):
		return 0, 0, corrupt("wrong checksum of the stream footer")
	}
	kind, err = parseFlags(b[8:10])
	return kind, (int64(binary.LittleEndian.Uint32(b[4:8])) + 1) * 4, err
}

// blockHeader is what stands before a block; -1 is a size that is not told.
type blockHeader struct {
	size         int64 // of the header itself, in bytes
	packed       int64
	uncompressed int64
	dictCap      int64 // what the encoder used
}

// dict returns the dictionary to use for content of at most the given size, -1
// when that is unknown.
func (h blockHeader) dict(content int64) int64 {
	if content < 0 {
		return h.dictCap
	}
	return max(min(h.dictCap, content), lzma.MinDictCap)
}

// readBlockHeader reads the header of a block (specification 3.1).
func readBlockHeader(in *bufio.Reader) (h blockHeader, err error) {
	first, err := in.Peek(1)
	if err != nil {
		return h, truncated(err)
	}
	var raw [1024]byte
	b := raw[:(int(first[0])+1)*4]
	if _, err := io.ReadFull(in, b); err != nil {
		return h, truncated(err)
	}
	body, sum := b[:len(b)-4], b[len(b)-4:]
	if !crcFits(body, sum) {
		return h, corrupt("wrong checksum of a block header")
	}
	h = blockHeader{size: int64(len(b)), packed: -1, uncompressed: -1}
	flags, rest := body[1], fields(body[2:])
	switch {
	case flags&flagReserved != 0:
		return h, unsupported("block flags %02x", flags)
	case flags&3 != 0:
		return h, unsupported("a chain of %d filters, only LZMA2 alone is read", flags&3+1)
	}
	if flags&flagPacked != 0 {
		h.packed = rest.vli()
	}
	if flags&flagUnpacked != 0 {
		h.uncompressed = rest.vli()
	}
	id, propsSize := rest.vli(), rest.vli()
	if rest == nil {
		return h, corrupt("a block header that ends early")
	}
	if id != filterLZMA2 {
		return h, unsupported("filter %#x, only LZMA2 is read", id)
	}
	if propsSize != 1 || len(rest) < 1 {
		return h, corrupt("LZMA2 properties of the wrong size")
	}
	if h.dictCap, err = lzma.DecodeDictCap(rest[0]); err != nil {
		return h, unsupported("dictionary size code %#x", rest[0])
	}
	if h.packed == 0 {
		return h, corrupt("a block of no compressed bytes")
	}
	return h, allZero(rest[1:])
}

// fields is the unread part of a header. It becomes nil at a field that ends
// early or is not written in the shortest form.
type fields []byte

// vli reads a variable-length integer (specification 1.2).
func (f *fields) vli() int64 {
	v, n := binary.Uvarint(*f)
	if n <= 0 || v > maxVLI || n > 1 && (*f)[n-1] == 0 {
		*f = nil
		return 0
	}
	*f = (*f)[n:]
	return int64(v)
}

func allZero(padding []byte) error {
	for _, b := range padding {
		if b != 0 {
			return corrupt("padding that is not zero")
		}
	}
	return nil
}
