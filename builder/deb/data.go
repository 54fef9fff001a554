package deb

import (
	"bufio"
	"crypto/md5"
	"io"
	"runtime"

	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/unxz"
)

const (
	// xz members above this size are copied to the scratch file first, so that
	// their index can be read and their blocks be decoded side by side. xz makes
	// blocks of 24 MiB, which smaller members hardly ever reach.
	spoolAbove = 1 << 20

	// maxWorkers bounds memory: each takes a dictionary, usually of 8 MiB.
	maxWorkers = 4

	bufferSize = 64 << 10
)

// readData unpacks data.tar to the scratch file as it is and makes a tree of
// sections of it.
func readData(m member, scratch Scratch, opt Options) (tree rootfs.Tree, sums map[string][md5.Size]byte, err error) {
	limit := unpackedLimit(m.size, opt)
	if m.extension() == ".xz" && m.size > spoolAbove {
		return readSpooled(m, scratch, limit, opt)
	}
	err = unpack(m, limit, func(r io.Reader) error {
		t := &tee{src: r, dst: scratch, buf: make([]byte, bufferSize)}
		tree, sums, err = readTree(t, scratch, 0, opt)
		return err
	})
	return tree, sums, err
}

// readSpooled keeps the compressed member at the beginning of the scratch file
// and what it unpacks to behind it.
func readSpooled(m member, scratch Scratch, limit int64, opt Options) (rootfs.Tree, map[string][md5.Size]byte, error) {
	n, err := io.CopyBuffer(io.NewOffsetWriter(scratch, 0), fullReader{m.body}, make([]byte, bufferSize))
	if err != nil {
		return rootfs.Tree{}, nil, early(err)
	}
	f, err := unxz.Open(scratch, n)
	if err != nil {
		return rootfs.Tree{}, nil, err
	}
	if f.Size() > limit {
		return rootfs.Tree{}, nil, tooBig(limit)
	}
	if err := f.Decode(scratch, n, min(runtime.GOMAXPROCS(0), maxWorkers)); err != nil {
		return rootfs.Tree{}, nil, err
	}
	r := bufio.NewReaderSize(io.NewSectionReader(scratch, n, f.Size()), bufferSize)
	return readTree(r, scratch, n, opt)
}

// tee hands on the bytes of src and writes them to dst, in large pieces.
type tee struct {
	src  io.Reader
	dst  io.WriterAt
	at   int64
	buf  []byte
	rest []byte // of buf, written but not yet handed on
	err  error
}

func (t *tee) Read(p []byte) (int, error) {
	if len(t.rest) == 0 {
		if t.err != nil {
			return 0, t.err
		}
		if err := t.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}

func (t *tee) fill() error {
	n := 0
	for n < len(t.buf) && t.err == nil {
		var k int
		k, t.err = t.src.Read(t.buf[n:])
		n += k
	}
	if n == 0 {
		return t.err
	}
	t.rest = t.buf[:n]
	_, err := t.dst.WriteAt(t.rest, t.at)
	t.at += int64(n)
	if err != nil {
		t.rest, t.err = nil, err
	}
	return err
}
