package unxz

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"hash/crc64"
)

// checkKind is the check that a stream keeps of each block's content
// (specification 2.1.1.2). Its number is the one in the stream flags.
type checkKind byte

const (
	checkNone   checkKind = 0
	checkCRC32  checkKind = 1
	checkCRC64  checkKind = 4
	checkSHA256 checkKind = 10
)

var ecma = crc64.MakeTable(crc64.ECMA)

func (k checkKind) known() bool {
	return k == checkNone || k == checkCRC32 || k == checkCRC64 || k == checkSHA256
}

// size is the room that the check takes after a block, in bytes.
func (k checkKind) size() int {
	switch k {
	case checkCRC32:
		return 4
	case checkCRC64:
		return 8
	case checkSHA256:
		return sha256.Size
	}
	return 0
}

// checksum computes the check of one block. The CRCs are kept as plain numbers:
// the container writes them with the lowest byte first, other than their
// hash.Hash forms.
type checksum struct {
	kind  checkKind
	crc32 uint32
	crc64 uint64
	sha   hash.Hash
}

func newChecksum(k checkKind) checksum {
	c := checksum{kind: k}
	if k == checkSHA256 {
		c.sha = sha256.New()
	}
	return c
}

func (c *checksum) add(b []byte) {
	switch c.kind {
	case checkCRC32:
		c.crc32 = crc32.Update(c.crc32, crc32.IEEETable, b)
	case checkCRC64:
		c.crc64 = crc64.Update(c.crc64, ecma, b)
	case checkSHA256:
		c.sha.Write(b)
	}
}

func (c *checksum) sum() []byte {
	switch c.kind {
	case checkCRC32:
		return binary.LittleEndian.AppendUint32(nil, c.crc32)
	case checkCRC64:
		return binary.LittleEndian.AppendUint64(nil, c.crc64)
	case checkSHA256:
		return c.sha.Sum(nil)
	}
	return nil
}
