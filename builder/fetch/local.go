package fetch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// LocalFiles returns the files below dir, a spec's folder. Neither ".." nor a
// symbolic link leads out of it.
func LocalFiles(dir string) (fs.FS, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return root.FS(), nil
}

// openLocal opens a file that lies beside a spec. The specs that an image
// extends have folders of their own, and the digest tells which one is meant.
// A file that is gone may still be in the offline directory or the cache; one
// that was edited is an error, or the build would quietly use the old one.
func (c *Client) openLocal(a specs.Artifact) (io.ReadCloser, error) {
	name := path.Clean(a.Path)
	if !fs.ValidPath(name) || name == "." {
		return nil, diag.Usagef("local file %q is not below the spec's folder", a.Path)
	}
	var edited error
	for _, dir := range c.opt.Local {
		b, err := readLocal(dir, name, a)
		switch {
		case err == nil:
			return io.NopCloser(digest.NewReader(bytes.NewReader(b), a.SHA256, a.Size)), nil
		case errors.Is(err, fs.ErrNotExist):
		case edited == nil:
			edited = err
		}
	}
	switch {
	case errors.Is(edited, digest.ErrMismatch):
		return nil, diag.Usagef("local file %q has changed since it was locked: %w", a.Path, edited).
			WithHint("run `basal lock` to accept the change")
	case edited != nil:
		return nil, diag.Usagef("local file %q: %w", a.Path, edited)
	}
	if r, ok := c.stored(a.SHA256, a.Size); ok {
		return r, nil
	}
	return nil, diag.Usagef("local file %q, which the lock names, is not there: %w", a.Path, fs.ErrNotExist)
}

// maxLocal bounds a local file, in bytes: it is held in memory.
const maxLocal = 64 << 20

// readLocal returns the bytes of a file after having compared them, so that
// what is passed on is what was compared.
func readLocal(dir fs.FS, name string, a specs.Artifact) ([]byte, error) {
	if a.Size > maxLocal {
		return nil, fmt.Errorf("want at most %s, the lock says %s", byteCount(maxLocal), byteCount(a.Size))
	}
	info, err := fs.Stat(dir, name) // before Open, which waits for the other end of a pipe
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(digest.NewReader(f, a.SHA256, a.Size))
}
