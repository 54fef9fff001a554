package layout

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

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
	archive := strings.HasSuffix(path, ".tar")
	c, err := newContents(name, images, blobs)
	if err != nil {
		return err
	}
	defer c.Close()
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

// writeDir writes tree below root. Modes are set after creation, because the
// umask has its hand in creation.
func writeDir(root string, tree rootfs.Tree) error {
	buf := make([]byte, 64<<10)
	for e := range tree.All() {
		path := filepath.Join(root, filepath.FromSlash(e.Path))
		if e.Kind == rootfs.File {
			if err := writeFile(path, e.Content.Reader(), buf); err != nil {
				return err
			}
			continue
		}
		if err := os.Mkdir(path, dirMode); err != nil {
			return err
		}
		if err := os.Chmod(path, dirMode); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(path string, r io.Reader, buf []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	if _, err := io.CopyBuffer(struct{ io.Writer }{f}, r, buf); err != nil {
		return err
	}
	return f.Chmod(fileMode)
}
