package main

import (
	"io"
	"os"
	"sync"

	"github.com/basal-project/basal/builder"
)

// A spool keeps its first spoolSize bytes in memory, in pieces of pieceSize. Most
// packages are smaller and cost no file at all.
const (
	spoolSize = 1 << 20
	pieceSize = 64 << 10
)

// spool is scratch space that is in memory while it is small and in a file
// without a name afterwards, which goes when it is closed, however this process
// ends.
type spool struct {
	mu     sync.RWMutex
	pieces []*[pieceSize]byte
	size   int64    // of what is in memory
	file   *os.File // holds everything once it is not nil
}

func scratch() (builder.ScratchFile, error) { return &spool{}, nil }

// WriteAt implements io.WriterAt.
func (s *spool) WriteAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	end := off + int64(len(p))
	if s.file == nil && end > spoolSize {
		if err := s.spill(); err != nil {
			return 0, err
		}
	}
	if s.file != nil {
		return s.file.WriteAt(p, off)
	}
	for int64(len(s.pieces))*pieceSize < end {
		s.pieces = append(s.pieces, new([pieceSize]byte))
	}
	s.size = max(s.size, end)
	n := 0
	for n < len(p) {
		at := off + int64(n)
		n += copy(s.pieces[at/pieceSize][at%pieceSize:], p[n:])
	}
	return n, nil
}

// spill moves what is in memory to a file.
func (s *spool) spill() error {
	f, err := unnamed()
	if err != nil {
		return err
	}
	for i, piece := range s.pieces {
		at := int64(i) * pieceSize
		if _, err := f.WriteAt(piece[:min(pieceSize, s.size-at)], at); err != nil {
			f.Close()
			return err
		}
	}
	s.file, s.pieces = f, nil
	return nil
}

// ReadAt implements io.ReaderAt.
func (s *spool) ReadAt(p []byte, off int64) (int, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.file != nil {
		return s.file.ReadAt(p, off)
	}
	n := 0
	for n < len(p) && off+int64(n) < s.size {
		at := off + int64(n)
		n += copy(p[n:], s.pieces[at/pieceSize][at%pieceSize:min(pieceSize, at%pieceSize+s.size-at)])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Close implements io.Closer.
func (s *spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pieces, s.size = nil, 0
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// named opens a file in the folder for temporary files and takes its name away
// at once.
func named() (*os.File, error) {
	f, err := os.CreateTemp("", "basal-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
