package layout

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/basal-project/basal/builder/layer"
	"github.com/basal-project/basal/builder/rootfs"
)

// Write writes images, which share a name, to path: an archive when path ends in
// .tar, a directory otherwise. Missing parents of path are created.
//
// A layout that is already at path is replaced in one step when the new one is
// complete; after an error path is as it was. Anything but a layout, an empty
// directory or, for an archive, a regular file is left alone, with an error of
// exit code 2. An error of blobs, and digest.ErrMismatch when a blob is not what
// its digest names, can be tested with errors.Is.
//
// Nothing is synced to the disk: what a power failure takes can be built again.
func Write(path, name string, images []Image, blobs Blobs) error {
	c, err := newContents(name, images, blobs)
	if err != nil {
		return err
	}
	return c.write(path)
}

// write puts the layout in its place, whole.
func (c *contents) write(path string) error {
	defer c.Close()
	archive := strings.HasSuffix(path, ".tar")
	tree, err := c.tree(archive)
	if err != nil {
		return err
	}
	t, err := newTarget(path, archive)
	if err != nil {
		return err
	}
	s, err := newStage(t)
	if err != nil {
		return err
	}
	defer s.discard()
	if archive {
		err = writeArchive(s.file, tree)
	} else {
		err = writeDir(s.path, tree)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return s.commit()
}

func writeArchive(f *os.File, tree rootfs.Tree) error {
	if err := layer.WriteTar(f, tree, layer.Epoch); err != nil {
		return err
	}
	return f.Chmod(fileMode)
}

// writers is how many files are written at once: making one is mostly waiting.
const writers = 4

// writeDir writes tree below root. Modes are set after creation, because the
// umask has its hand in creation.
func writeDir(root string, tree rootfs.Tree) error {
	var g errgroup.Group
	g.SetLimit(writers)
	for e := range tree.All() {
		path := filepath.Join(root, filepath.FromSlash(e.Path))
		if e.Kind == rootfs.File {
			g.Go(func() error { return writeFile(path, e.Content.Reader()) })
			continue
		}
		if err := errors.Join(os.Mkdir(path, dirMode), os.Chmod(path, dirMode)); err != nil {
			return errors.Join(err, g.Wait())
		}
	}
	return g.Wait()
}

func writeFile(path string, r io.Reader) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	if _, err := io.Copy(struct{ io.Writer }{f}, r); err != nil {
		return err
	}
	return f.Chmod(fileMode)
}
