package unxz

import (
	"bufio"
	"io"
	"sync"
	"sync/atomic"
)

// File is an xz stream at rest, whose index is known. Its blocks can be decoded
// side by side.
type File struct {
	ra     io.ReaderAt
	kind   checkKind
	blocks []placed
	size   int64 // of the content
	widest int64 // the content of the largest block
}

// placed is a block with its place in the file and in the content.
type placed struct {
	record
	at  int64
	out int64
}

// Open reads header, index and footer of the xz stream that fills the first
// size bytes of ra.
func Open(ra io.ReaderAt, size int64) (*File, error) {
	if size < streamHeaderSize+footerSize || size%4 != 0 {
		return nil, corrupt("%d bytes cannot be an xz stream", size)
	}
	kind, err := readStreamHeader(io.NewSectionReader(ra, 0, size))
	if err != nil {
		return nil, err
	}
	end := size - footerSize
	footKind, indexSize, err := readFooter(io.NewSectionReader(ra, end, footerSize))
	switch {
	case err != nil:
		return nil, err
	case kind != footKind:
		return nil, corrupt("header and footer name different checks")
	case indexSize > end-streamHeaderSize:
		return nil, corrupt("an index of %d bytes in a file of %d", indexSize, size)
	}
	index := io.NewSectionReader(ra, end-indexSize, indexSize)
	records, n, err := readIndex(bufio.NewReader(index))
	if err != nil {
		return nil, err
	}
	if n != indexSize {
		return nil, corrupt("the footer says that the index has %d bytes, found %d", indexSize, n)
	}
	f := &File{ra: ra, kind: kind}
	return f, f.place(records, end-indexSize)
}

// place finds where each block is; together they must fill the file up to the index.
func (f *File) place(records []record, end int64) error {
	at := int64(streamHeaderSize)
	for i, r := range records {
		if r.total() > end-at || r.uncompressed > maxVLI-f.size {
			return corrupt("the index gives block %d a place outside of the file", i+1)
		}
		f.blocks = append(f.blocks, placed{r, at, f.size})
		at += r.total()
		f.size += r.uncompressed
		f.widest = max(f.widest, r.uncompressed)
	}
	if at != end {
		return unsupported("%d bytes that the index does not list; only single xz streams are read", end-at)
	}
	return nil
}

// Size returns the size of the content in bytes, as the index has it; Decode
// holds the blocks to it.
func (f *File) Size() int64 { return f.size }

// Decode writes the content to dst from offset off, up to the given number of
// blocks at a time, and verifies all of it. Each worker costs one dictionary. The error is that of the first block
// that is wrong, whatever the number of workers.
func (f *File) Decode(dst io.WriterAt, off int64, workers int) error {
	var (
		next   atomic.Int64
		failed atomic.Bool
		wg     sync.WaitGroup
		errs   = make([]error, len(f.blocks))
	)
	for range max(1, min(workers, len(f.blocks))) {
		wg.Go(func() {
			w := worker{f: f, buf: make([]byte, bufferSize)}
			for !failed.Load() {
				i := int(next.Add(1)) - 1
				if i >= len(f.blocks) {
					return
				}
				if errs[i] = w.decode(f.blocks[i], dst, off); errs[i] != nil {
					failed.Store(true)
				}
			}
		})
	}
	wg.Wait()
	// Blocks are begun in order and finished once begun, so the first
	// error here is the first of the file.
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// worker decodes blocks, one at a time.
type worker struct {
	f     *File
	block block
	buf   []byte
}

func (w *worker) decode(p placed, dst io.WriterAt, off int64) error {
	in := inputs.Get().(*bufio.Reader)
	in.Reset(io.NewSectionReader(w.f.ra, p.at, p.total()))
	defer func() { in.Reset(nil); inputs.Put(in) }()
	h, err := readBlockHeader(in)
	if err != nil {
		return err
	}
	if err := w.block.start(in, h, w.f.kind, h.dict(w.f.widest)); err != nil {
		return err
	}
	at := off + p.out
	for {
		n, err := io.ReadFull(&w.block, w.buf)
		if w.block.out > p.uncompressed {
			return corrupt("more content than the %d bytes of the index", p.uncompressed)
		}
		if n > 0 {
			if _, err := dst.WriteAt(w.buf[:n], at); err != nil {
				return err
			}
			at += int64(n)
		}
		switch err {
		case nil:
			continue
		case io.EOF, io.ErrUnexpectedEOF:
			if w.block.record() != p.record {
				return corrupt("the index does not fit a block")
			}
			return nil
		}
		return err
	}
}
