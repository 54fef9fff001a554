package unxz

import (
	"bufio"
	"encoding/binary"
	"hash/crc32"
	"io"
)

// record is what the index says of one block.
type record struct {
	unpadded     int64 // header, compressed data and check, in bytes
	uncompressed int64
}

// total is the room that the block takes in the file.
func (r record) total() int64 { return padded(r.unpadded) }

// padded rounds up to the container's unit of four bytes.
func padded(n int64) int64 { return (n + 3) &^ 3 }

// minUnpadded is the least that a block can take: the index of a real file has no smaller value.
const minUnpadded = 5

// readIndex reads the index with its indicator, padding and checksum
// (specification 4) and returns its size in bytes.
func readIndex(in *bufio.Reader) ([]record, int64, error) {
	x := indexReader{in: in}
	if x.byte() != indexIndicator && x.err == nil {
		return nil, 0, corrupt("no index where the footer says it is")
	}
	count := x.vli()
	if x.err == nil && count > maxBlocks {
		return nil, 0, unsupported("more than %d blocks", maxBlocks)
	}
	var records []record
	for i := int64(0); i < count && x.err == nil; i++ {
		r := record{x.vli(), x.vli()}
		if x.err == nil && (r.unpadded < minUnpadded || r.unpadded > maxVLI-3) {
			return nil, 0, corrupt("the index gives block %d the size %d", i+1, r.unpadded)
		}
		records = append(records, r)
	}
	for x.err == nil && x.size%4 != 0 {
		if x.byte() != 0 {
			return nil, 0, corrupt("padding that is not zero")
		}
	}
	if x.err != nil {
		return nil, 0, x.err
	}
	var sum [4]byte
	if _, err := io.ReadFull(in, sum[:]); err != nil {
		return nil, 0, truncated(err)
	}
	if x.crc != binary.LittleEndian.Uint32(sum[:]) {
		return nil, 0, corrupt("wrong checksum of the index")
	}
	return records, x.size + 4, nil
}

// indexReader reads the index and keeps its size and checksum. After the first
// error it returns zeros.
type indexReader struct {
	in   *bufio.Reader
	size int64
	crc  uint32
	err  error
}

func (x *indexReader) byte() byte {
	if x.err != nil {
		return 0
	}
	b, err := x.in.ReadByte()
	if err != nil {
		x.err = truncated(err)
		return 0
	}
	x.size++
	x.crc = crc32.Update(x.crc, crc32.IEEETable, []byte{b})
	return b
}

func (x *indexReader) vli() int64 {
	var b [binary.MaxVarintLen64]byte
	for n := range b {
		b[n] = x.byte()
		if b[n] < 0x80 {
			break
		}
	}
	f := fields(b[:])
	v := f.vli()
	if f == nil && x.err == nil {
		x.err = corrupt("a number in the index that is not well formed")
	}
	return v
}
