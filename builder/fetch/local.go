package fetch

import (
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
	gone := false
	for _, dir := range c.opt.Local {
		if dir == nil {
			gone = true
			continue
		}
		r, err := checkedLocal(dir, name, a)
		switch {
		case err == nil:
			return r, nil
		case errors.Is(err, fs.ErrNotExist):
		case edited == nil:
			edited = err
		}
	}
	if gone {
		// A file of that name may be another folder's.
		if r, _ := c.stored(a.SHA256, a.Size); r != nil {
			return r, nil
		}
	}
	switch {
	case errors.Is(edited, digest.ErrMismatch):
		return nil, diag.Usagef("local file %q has changed since it was locked: %w", a.Path, edited).
			WithHint("run `basal lock` to accept the change")
	case edited != nil:
		return nil, diag.Usagef("local file %q: %w", a.Path, edited)
	}
	if r, _ := c.stored(a.SHA256, a.Size); r != nil {
		return r, nil
	}
	return nil, diag.Usagef("local file %q, which the lock names, is not there: %w", a.Path, fs.ErrNotExist)
}

// MaxLocal bounds a local file, in bytes.
const MaxLocal = 1 << 30

// checkedLocal opens a file after having compared its bytes; they are verified
// again as they pass, for the file may change meanwhile.
func checkedLocal(dir fs.FS, name string, a specs.Artifact) (io.ReadCloser, error) {
	if a.Size > MaxLocal {
		return nil, fmt.Errorf("want at most %s, the lock says %s", byteCount(MaxLocal), byteCount(a.Size))
	}
	r, err := verifiedLocal(dir, name, a)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, r)
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	return verifiedLocal(dir, name, a)
}

// verifiedLocal opens a regular file; its reader checks size and digest.
func verifiedLocal(dir fs.FS, name string, a specs.Artifact) (io.ReadCloser, error) {
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
	return struct {
		io.Reader
		io.Closer
	}{digest.NewReader(f, a.SHA256, a.Size), f}, nil
}
