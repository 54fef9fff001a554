// Package cache keeps bytes under their sha256 in a directory, so that nothing
// is fetched or made twice.
//
//	DIR/sha256/<64 hex>          bytes, named by what they are
//	DIR/records/<kind>/<64 hex>  small memoised results, see Record
//	DIR/tmp/                     what is being written
//
// Nothing in the directory is trusted: bytes are hashed on every read, so a
// cache that was damaged, or tampered with, costs time and never a wrong image.
// Files come into being by rename, so any number of processes may share it.
//
// A directory that cannot be written is still read. What should have gone there
// goes to a private temporary directory instead, which Close removes; no caller
// needs a second way of doing things.
package cache

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/basal-project/basal/internal/digest"
)

const (
	blobs   = "sha256"
	records = "records"
	partial = "tmp"
)

// Cache is an open cache directory. It is safe for concurrent use.
type Cache struct {
	dir string

	mu     sync.Mutex
	main   *os.Root // nil until the directory exists
	spare  *os.Root // the private directory, nil until it is needed
	reason error    // why the private directory is in use
	swept  bool
}

// Open returns the cache in dir, which is made when something is first written.
// An empty dir means a private cache that lasts until Close.
func Open(dir string) (*Cache, error) {
	c := &Cache{dir: dir}
	if dir == "" {
		return c, nil
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	c.dir = abs
	return c, nil
}

// Close removes what is private to this process. The cache can be used again
// afterwards, empty of that.
func (c *Cache) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	if c.main != nil {
		errs = append(errs, c.main.Close())
		c.main = nil
	}
	if c.spare != nil {
		errs = append(errs, os.RemoveAll(c.spare.Name()), c.spare.Close())
		c.spare = nil
	}
	return errors.Join(errs...)
}

// Unwritable returns why the directory could not be written and a private one
// is used in its place, or nil. It is worth a note to the user, no more.
func (c *Cache) Unwritable() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason
}

// Get opens the bytes that d names. The reader ends with io.EOF only when they
// were right, and with digest.ErrMismatch otherwise; Get itself reports
// digest.ErrMismatch when the size alone is wrong and fs.ErrNotExist when there
// is no such file. size is in bytes.
func (c *Cache) Get(d digest.Digest, size int64) (io.ReadCloser, error) {
	f, err := c.openBlob(d, size)
	if err != nil {
		return nil, err
	}
	return &verified{digest.NewReader(f, d, size), f}, nil
}

// GetChecked is Get for callers that cannot take back what they have passed on:
// the bytes are read once before it returns, and digest.ErrMismatch is reported
// then. The reader verifies them again, for the file may change meanwhile.
func (c *Cache) GetChecked(d digest.Digest, size int64) (io.ReadCloser, error) {
	f, err := c.openBlob(d, size)
	if err != nil {
		return nil, err
	}
	// Discard alone would read in pieces of 8 KiB.
	discard := struct{ io.Writer }{io.Discard}
	buf := make([]byte, min(max(size, 512), 128<<10))
	if _, err = io.CopyBuffer(discard, digest.NewReader(f, d, size), buf); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s in the cache: %w", d, err)
	}
	return &verified{digest.NewReader(f, d, size), f}, nil
}

// Check returns nil when there are the right bytes under d, and the errors of
// GetChecked otherwise.
func (c *Cache) Check(d digest.Digest, size int64) error {
	r, err := c.GetChecked(d, size)
	if err != nil {
		return err
	}
	return r.Close()
}

func (c *Cache) openBlob(d digest.Digest, size int64) (*os.File, error) {
	f, err := c.open(blobs + "/" + d.Hex())
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s is not in the cache: %w", d, err)
		}
		return nil, fmt.Errorf("%s cannot be read from the cache: %w", d, err)
	}
	info, err := f.Stat()
	if err == nil && info.Size() != size {
		err = fmt.Errorf("%w: want %d bytes, found %d", digest.ErrMismatch, size, info.Size())
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s in the cache: %w", d, err)
	}
	return f, nil
}

type verified struct {
	io.Reader
	io.Closer
}

// Has reports whether there is a file of that name and size. Its bytes are not
// looked at; that is for Get's reader, or Check.
func (c *Cache) Has(d digest.Digest, size int64) bool {
	roots, _ := c.roots()
	for _, root := range roots {
		if info, err := root.Lstat(blobs + "/" + d.Hex()); err == nil && info.Mode().IsRegular() && info.Size() == size {
			return true
		}
	}
	return false
}

// Size returns the size in bytes of the file that d names, fs.ErrNotExist when
// there is none. Its bytes are not looked at.
func (c *Cache) Size(d digest.Digest) (int64, error) {
	f, err := c.open(blobs + "/" + d.Hex())
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Drop removes what d names, for a caller that found it damaged. It is no error
// when there is nothing, or when the directory is read-only.
func (c *Cache) Drop(d digest.Digest) {
	roots, _ := c.roots()
	for _, root := range roots {
		root.Remove(blobs + "/" + d.Hex())
	}
}

// open returns a regular file. Everything goes through os.Root, so a symbolic
// link cannot lead out of the cache; links at the end of a path are not
// followed at all, and a pipe cannot make a reader wait.
func (c *Cache) open(name string) (*os.File, error) {
	roots, fault := c.roots()
	for _, root := range roots {
		info, err := root.Lstat(name)
		if err == nil && !info.Mode().IsRegular() {
			continue
		}
		if err == nil {
			var f *os.File
			if f, err = root.Open(name); err == nil {
				return f, nil
			}
		}
		if !absent(err) {
			fault = err
		}
	}
	if fault != nil {
		return nil, fault
	}
	return nil, fs.ErrNotExist
}

// roots returns the directories to look in, opening the main one if by now it
// exists. The private one goes first: it is newer. The error says why the main
// one, which is there, cannot be opened.
func (c *Cache) roots() ([]*os.Root, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var fault error
	if c.main == nil && c.dir != "" {
		root, err := os.OpenRoot(c.dir)
		switch {
		case err == nil:
			c.main = root
		case !absent(err):
			fault = err
		}
	}
	var all []*os.Root
	for _, root := range []*os.Root{c.spare, c.main} {
		if root != nil {
			all = append(all, root)
		}
	}
	return all, fault
}

// absent reports whether err says that there is nothing of use, rather than that
// the system cannot open it: too many open files, no permission, a failing disk.
func absent(err error) bool {
	var errno syscall.Errno
	return !errors.As(err, &errno) || errno == syscall.ENOENT || errno == syscall.ENOTDIR || errno == syscall.ELOOP
}

// create makes a temporary file, in the private directory when the real one
// cannot be written for whatever reason.
func (c *Cache) create() (*temporary, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spare == nil && c.dir != "" {
		t, err := c.createMain()
		if err == nil {
			return t, nil
		}
		c.reason = err
	}
	if c.spare == nil {
		dir, err := os.MkdirTemp("", "basal-cache-")
		if err != nil {
			return nil, errors.Join(c.reason, err)
		}
		if c.spare, err = os.OpenRoot(dir); err != nil {
			return nil, errors.Join(c.reason, err)
		}
	}
	return newTemporary(c.spare)
}

// createMain makes a temporary file below c.dir. The caller holds the lock.
func (c *Cache) createMain() (*temporary, error) {
	if c.main == nil {
		if err := os.MkdirAll(c.dir, 0o755); err != nil {
			return nil, err
		}
		root, err := os.OpenRoot(c.dir)
		if err != nil {
			return nil, err
		}
		c.main = root
	}
	t, err := newTemporary(c.main)
	if err == nil && !c.swept {
		c.swept = true
		sweep(c.main, time.Now())
	}
	return t, err
}

// Tidy removes the folders that the cache has made and that are empty, the
// directory itself included.
func (c *Cache) Tidy() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.main == nil {
		return
	}
	for _, dir := range []string{partial, records, blobs} {
		c.main.Remove(dir) // fails when there is something in it
	}
	os.Remove(c.dir)
}

// Folder returns the path of a folder of the cache, for what only programs that
// want plain files can use; it is made if need be. When the cache cannot be
// written, it is a private one that Close removes. Nothing in it is checked.
func (c *Cache) Folder(name string) (string, error) {
	t, err := c.create() // decides where things are written
	if err != nil {
		return "", err
	}
	defer t.discard()
	if err := t.root.MkdirAll(name, 0o755); err != nil {
		return "", err
	}
	return filepath.Join(t.root.Name(), name), nil
}
