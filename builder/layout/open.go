package layout

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// Layout is a layout on disk, opened for reading. Nothing that is in it is
// trusted.
type Layout struct {
	path  string
	store store
}

// store gives the files of a layout by their slash-separated names. An error
// that wraps fs.ErrNotExist says that there is none.
type store interface {
	open(name string) (io.ReadCloser, error)
	io.Closer
}

// Open opens the layout at path, a directory or an uncompressed tar archive. It
// reads no document yet. What is there but is no layout is an error of exit
// code 2.
func Open(path string) (*Layout, error) {
	// A named pipe would wait for a writer.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, diag.Usagef("%w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	l := &Layout{path: path}
	switch {
	case info.IsDir():
		f.Close()
		l.store, err = openDir(path)
	case info.Mode().IsRegular():
		l.store, err = openArchive(f, info.Size())
	default:
		err = errors.New("neither a directory nor a regular file")
	}
	if err != nil {
		f.Close()
		return nil, diag.Usagef("%s: %w", path, err)
	}
	if _, err := l.File(layoutFile); err != nil {
		l.Close()
		return nil, diag.Usagef("%s is no OCI layout: %w", path, err)
	}
	return l, nil
}

// Close closes the layout.
func (l *Layout) Close() error { return l.store.Close() }

// File returns a file at the top of the layout, such as index.json, which no
// digest names: at most 4 MiB. An error that wraps fs.ErrNotExist says that
// there is none.
func (l *Layout) File(name string) ([]byte, error) {
	if !fs.ValidPath(name) || strings.Contains(name, "/") {
		return nil, fmt.Errorf("internal error: %q is no name at the top of a layout", name)
	}
	f, err := l.store.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(b) > maxDocument {
		return nil, fmt.Errorf("%s has more than %d bytes", name, maxDocument)
	}
	return b, nil
}

// Open opens the blob that d names. Reading ends with io.EOF only when the bytes
// were the right ones, and otherwise with an error that wraps
// digest.ErrMismatch.
func (l *Layout) Open(d oci.Descriptor) (io.ReadCloser, error) {
	if d.Size < 0 {
		return nil, fmt.Errorf("%s: blob %s has a size of %d bytes", l.path, d.Digest, d.Size)
	}
	f, err := l.OpenUnsafe(d.Digest)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{digest.NewReader(f, d.Digest, d.Size), f}, nil
}

// OpenUnsafe opens what lies under the name of the blob d, without a check
// whether it is that blob: for explaining how it differs.
func (l *Layout) OpenUnsafe(d digest.Digest) (io.ReadCloser, error) {
	f, err := l.store.open(blobPath(d))
	if err != nil {
		return nil, fmt.Errorf("%s: blob %s: %w", l.path, d, err)
	}
	return f, nil
}

// Document returns the document that d names, checked: at most 4 MiB.
func (l *Layout) Document(d oci.Descriptor) (oci.Document, error) {
	if d.Size > maxDocument {
		return oci.Document{}, fmt.Errorf("%s: document %s has %d bytes, more than %d", l.path, d.Digest, d.Size, maxDocument)
	}
	r, err := l.Open(d)
	if err != nil {
		return oci.Document{}, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return oci.Document{}, fmt.Errorf("%s: document %s: %w", l.path, d.Digest, err)
	}
	return oci.Document{Bytes: b, Descriptor: d}, nil
}

// dir is a layout in a directory. Its root keeps links from leading out of it.
type dir struct{ root *os.Root }

func openDir(path string) (store, error) {
	root, err := os.OpenRoot(path)
	return dir{root}, err
}

func (d dir) open(name string) (io.ReadCloser, error) {
	f, err := d.root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", name)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (d dir) Close() error { return d.root.Close() }
