package main

import (
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/basal-project/basal/builder"
)

// spoolSize is how much of a scratch file stays in memory, in bytes. Most
// packages are smaller and cost no file at all.
const spoolSize = 1 << 20

// spool is scratch space that is in memory while it is small and in a file
// without a name afterwards, which goes when it is closed, however this process
// ends.
type spool struct {
	mu   sync.Mutex
	head []byte
	file *os.File // holds everything once it is not nil
}

func scratch() (builder.ScratchFile, error) { return &spool{}, nil }

// WriteAt implements io.WriterAt.
func (s *spool) WriteAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil && off+int64(len(p)) > spoolSize {
		f, err := unnamed()
		if err != nil {
			return 0, err
		}
		if _, err := f.WriteAt(s.head, 0); err != nil {
			f.Close()
			return 0, err
		}
		s.file, s.head = f, nil
	}
	if s.file != nil {
		return s.file.WriteAt(p, off)
	}
	if end := int(off) + len(p); end > len(s.head) {
		s.head = append(s.head, make([]byte, end-len(s.head))...)
	}
	return copy(s.head[off:], p), nil
}

// ReadAt implements io.ReaderAt.
func (s *spool) ReadAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	file, head := s.file, s.head
	s.mu.Unlock()
	if file != nil {
		return file.ReadAt(p, off)
	}
	if off >= int64(len(head)) {
		return 0, io.EOF
	}
	n := copy(p, head[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Close implements io.Closer.
func (s *spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.head = nil
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// unnamed opens a file in the folder for temporary files that never has a name,
// or, where that is not possible, loses it at once.
func unnamed() (*os.File, error) {
	fd, err := unix.Open(os.TempDir(), unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err == nil {
		return os.NewFile(uintptr(fd), "scratch"), nil
	}
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
