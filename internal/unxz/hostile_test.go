package unxz

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"testing"
)

// testBlock is a block as container writes it, with room for lies.
type testBlock struct {
	flags   byte
	dict    byte // the code of the dictionary size; 0 is 4 KiB, 28 is 64 MiB, 29 is 96 MiB
	sizes   bool // write both sizes into the header
	lzma2   []byte
	content string
	packed  int64  // added to the size in the header
	opened  int64  // added to the uncompressed size in the header
	filter  uint64 // instead of LZMA2
	padding byte   // instead of zeros
}

// stored is LZMA2 data of one uncompressed chunk and an end marker.
func stored(s string) []byte {
	b := binary.BigEndian.AppendUint16([]byte{1}, uint16(len(s)-1))
	return append(append(b, s...), 0)
}

// container makes a file of blocks; everything around them is right.
func container(kind checkKind, blocks ...testBlock) []byte {
	flags := []byte{0, byte(kind)}
	out := append([]byte(nil), headerMagic...)
	out = append(out, flags...)
	out = binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(flags))
	index := binary.AppendUvarint([]byte{0}, uint64(len(blocks)))
	for _, b := range blocks {
		start := len(out)
		out = append(out, b.header()...)
		out = append(out, b.lzma2...)
		unpadded := len(out) - start + kind.size()
		for len(out)%4 != 0 {
			out = append(out, b.padding)
		}
		sum := newChecksum(kind)
		sum.add([]byte(b.content))
		out = append(out, sum.sum()...)
		index = binary.AppendUvarint(index, uint64(unpadded))
		index = binary.AppendUvarint(index, uint64(len(b.content)))
	}
	return finish(out, index, flags)
}

func (b testBlock) header() []byte {
	if b.filter == 0 {
		b.filter = filterLZMA2
	}
	h := []byte{0, b.flags}
	if b.sizes {
		h[1] |= flagPacked | flagUnpacked
		h = binary.AppendUvarint(h, uint64(int64(len(b.lzma2))+b.packed))
		h = binary.AppendUvarint(h, uint64(int64(len(b.content))+b.opened))
	}
	h = append(binary.AppendUvarint(h, b.filter), 1, b.dict)
	for len(h)%4 != 0 {
		h = append(h, 0)
	}
	h[0] = byte(len(h) / 4)
	return binary.LittleEndian.AppendUint32(h, crc32.ChecksumIEEE(h))
}

// finish appends the index, padded and with its checksum, and the footer.
func finish(out, index, flags []byte) []byte {
	for len(index)%4 != 0 {
		index = append(index, 0)
	}
	index = binary.LittleEndian.AppendUint32(index, crc32.ChecksumIEEE(index))
	tail := binary.LittleEndian.AppendUint32(nil, uint32(len(index)/4-1))
	tail = append(tail, flags...)
	out = append(out, index...)
	out = binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(tail))
	return append(append(out, tail...), footerMagic...)
}

func TestHostileBlocks(t *testing.T) {
	bad := func(change func(*testBlock)) testBlock {
		b := testBlock{sizes: true, lzma2: stored("hello"), content: "hello"}
		change(&b)
		return b
	}
	cases := []struct {
		name  string
		block testBlock
		is    error
		says  string
	}{
		{"dictionary code out of range", bad(func(b *testBlock) { b.dict = 41 }), ErrUnsupported, "dictionary size code"},
		{"reserved flags", bad(func(b *testBlock) { b.flags = 4 }), ErrUnsupported, "block flags"},
		{"filter of another kind", bad(func(b *testBlock) { b.filter = 4 }), ErrUnsupported, "filter 0x4"},
		{"compressed size too large", bad(func(b *testBlock) { b.packed = 1 }), ErrCorrupt, "the header says"},
		{"compressed size too small", bad(func(b *testBlock) { b.packed = -1 }), ErrCorrupt, "compressed"},
		{"content too small", bad(func(b *testBlock) { b.opened = 1 }), ErrCorrupt, "the header says"},
		{"content too large", bad(func(b *testBlock) { b.opened = -1 }), ErrCorrupt, "content"},
		{"padding", bad(func(b *testBlock) { b.padding = 1 }), ErrCorrupt, "padding"},
		{"content of another check", bad(func(b *testBlock) { b.content = "HELLO" }), ErrCorrupt, "checksum"},
		{"control byte 3", bad(func(b *testBlock) { b.lzma2[0] = 3 }), ErrCorrupt, "control byte"},
		{"no new dictionary", bad(func(b *testBlock) { b.lzma2[0] = 2 }), ErrCorrupt, "new dictionary"},
		{"no properties", bad(func(b *testBlock) {
			b.lzma2 = append(b.lzma2[:len(b.lzma2)-1], 0x80, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0)
		}), ErrCorrupt, "properties"},
		{"lc + lp over 4", bad(func(b *testBlock) {
			b.lzma2 = []byte{0xe0, 0, 0, 0, 4, 4*9 + 8, 0, 0, 0, 0, 0, 0}
		}), ErrCorrupt, "properties 0x2c"},
		{"unused bytes in a chunk", bad(func(b *testBlock) {
			b.lzma2 = []byte{0xe0, 0, 0, 0, 9, 93, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
		}), ErrCorrupt, "unused"},
		{"chunk without data", bad(func(b *testBlock) {
			b.lzma2 = []byte{0xe0, 0, 0, 0, 0, 93, 0, 0}
		}), ErrCorrupt, ""},
		{"no end marker", bad(func(b *testBlock) { b.lzma2 = b.lzma2[:len(b.lzma2)-1] }), ErrCorrupt, ""},
	}
	for _, c := range cases {
		// Behind a good block, so that what a decoder keeps could show.
		b := container(checkCRC32, testBlock{sizes: c.block.sizes, lzma2: stored("hello"), content: "hello"}, c.block)
		for _, w := range ways {
			got, err := w.decode(b)
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s, %s: %q, %v; want %v with %q", c.name, w.name, got, err, c.is, c.says)
			}
		}
	}
}

func TestHostileIndex(t *testing.T) {
	whole := container(checkNone, testBlock{lzma2: stored("hello"), content: "hello"})
	body := whole[:len(whole)-footerSize-8] // without its index
	flags := []byte{0, byte(checkNone)}
	unpadded := byte(12 + 9)
	if _, err := ways[0].decode(finish(bytes.Clone(body), []byte{0, 1, unpadded, 5}, flags)); err != nil {
		t.Fatalf("the right index: %v", err)
	}
	for name, index := range map[string][]byte{
		"no blocks":              {0, 0},
		"two blocks":             {0, 2, unpadded, 5, unpadded, 5},
		"wrong unpadded size":    {0, 1, unpadded + 1, 5},
		"wrong content size":     {0, 1, unpadded, 6},
		"tiny block":             {0, 1, 1, 5},
		"no size":                {0, 1, unpadded},
		"number with a tail":     {0, 1, unpadded, 0x85, 0},
		"number without end":     append([]byte{0, 1, unpadded}, bytes.Repeat([]byte{0xff}, 12)...),
		"sizes that overflow":    append(append([]byte{0, 1, unpadded}, bytes.Repeat([]byte{0xff}, 8)...), 0x7f),
		"a billion blocks":       {0, 0x80, 0x94, 0xeb, 0xdc, 0x03},
		"more bytes than listed": {0, 1, unpadded, 5, 0, 0, 0, 0, 0, 0, 0, 0},
	} {
		b := finish(bytes.Clone(body), index, flags)
		for _, w := range ways {
			if got, err := w.decode(b); !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnsupported) {
				t.Errorf("%s, %s: %q, %v", name, w.name, got, err)
			}
		}
	}
}

// Only the index, which a stream comes to last, can say that so large a
// dictionary is not needed.
func TestDictionaryBeyondTheLimit(t *testing.T) {
	b := container(checkNone, testBlock{dict: 29, lzma2: stored("hello"), content: "hello"})
	if _, err := ways[0].decode(b); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "96 MiB") {
		t.Errorf("stream: %v, want a refusal of 96 MiB", err)
	}
	if got, err := decodeFile(b, 1); err != nil || string(got) != "hello" {
		t.Errorf("file: %q, %v", got, err)
	}
}

func TestUnknownCheckIsUnsupported(t *testing.T) {
	for _, w := range ways {
		if _, err := w.decode(container(checkKind(7))); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v, want ErrUnsupported", w.name, err)
		}
	}
}
