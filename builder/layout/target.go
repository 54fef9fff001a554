package layout

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/basal-project/basal/internal/diag"
)

// target is the place where a layout shall appear.
type target struct {
	said    string // as the user wrote it, for messages
	path    string // absolute; no link itself
	archive bool
}

// newTarget finds the place and creates its parents. A link is followed, so that
// what it leads to is replaced and not the link.
func newTarget(said string, archive bool) (target, error) {
	t := target{said: said, archive: archive}
	for _, ending := range []string{".tgz", ".tar.gz", ".tar.zst", ".tar.xz"} {
		if strings.HasSuffix(said, ending) {
			return t, diag.Usagef("%s looks like a compressed archive, and archives are written as they are", said).
				WithHint("name it %s: layers are compressed already", strings.TrimSuffix(said, ending)+".tar")
		}
	}
	path, err := filepath.Abs(said)
	if err != nil {
		return t, err
	}
	t.path = path
	if real, err := filepath.EvalSymlinks(path); err == nil {
		t.path = real
	} else if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSymlink {
		return t, diag.Usagef("%s is a link that leads nowhere", said)
	}
	if _, err := t.occupied(); err != nil {
		return t, err
	}
	if err := os.MkdirAll(filepath.Dir(t.path), 0o777); err != nil {
		return t, unusable(said, err)
	}
	return t, nil
}

// unusable marks an error that another name would mend.
func unusable(said string, err error) error {
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ENAMETOOLONG) || errors.Is(err, unix.ELOOP) {
		return diag.Usagef("%s cannot be the output: %w", said, err).WithHint("name another file or directory")
	}
	return err
}

// occupied reports whether something is there that may be replaced; what may not
// be replaced is an error.
func (t target) occupied() (bool, error) {
	for range attempts {
		occupied, err := t.look()
		if !errors.Is(err, fs.ErrNotExist) {
			return occupied, err
		}
	}
	return false, fmt.Errorf("%s: other runs keep replacing it", t.said)
}

// look returns an error that wraps fs.ErrNotExist when another run replaces what
// is being looked at.
func (t target) look() (bool, error) {
	info, err := os.Lstat(t.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, unusable(t.said, err)
	case t.archive && !info.Mode().IsRegular():
		return false, diag.Usagef("%s is no regular file and is not replaced by an archive", t.said).
			WithHint("remove it, or name another file")
	case t.archive:
		return true, t.checkArchive(info.Size())
	case !info.IsDir():
		return false, diag.Usagef("%s is no directory and is not replaced by an OCI layout", t.said).
			WithHint("for an archive give a name that ends in .tar")
	}
	err = t.checkDir(info)
	if now, gone := os.Lstat(t.path); err != nil && (gone != nil || !os.SameFile(now, info)) {
		return false, fs.ErrNotExist // what was looked at was being removed
	}
	return true, err
}

// checkArchive lets only tar archives and empty files pass: a slip of the pen
// must not cost somebody a file.
func (t target) checkArchive(size int64) error {
	if size == 0 {
		return nil
	}
	f, err := os.Open(t.path)
	if err != nil {
		return err
	}
	defer f.Close()
	magic := make([]byte, len("ustar"))
	if _, err := f.ReadAt(magic, 257); err != nil && err != io.EOF {
		return err
	}
	if string(magic) != "ustar" {
		return diag.Usagef("%s is a file that is no tar archive, and is not replaced by one", t.said).
			WithHint("remove it, or name another file")
	}
	return nil
}

// layoutNames are the names that tools put at the top of a layout.
var layoutNames = []string{"blobs", indexFile, "ingest", dockerFile, layoutFile, "repositories"}

// checkDir lets only layouts and empty directories pass: the whole directory will
// be removed, so whatever else is in it is somebody's.
func (t target) checkDir(info fs.FileInfo) error {
	if here, err := os.Stat("."); err == nil && os.SameFile(here, info) {
		return diag.Usagef("%s is the working directory, which cannot be replaced", t.said).
			WithHint("name a directory below it")
	}
	entries, err := os.ReadDir(t.path)
	if err != nil {
		return err
	}
	isLayout := false
	foreign := ""
	for _, e := range entries {
		switch {
		case e.Name() == layoutFile && e.Type().IsRegular():
			isLayout = true
		case foreign == "" && !slices.Contains(layoutNames, e.Name()):
			foreign = e.Name()
		}
	}
	switch {
	case len(entries) > 0 && !isLayout:
		return diag.Usagef("%s is a directory that is neither empty nor an OCI layout", t.said).
			WithHint("remove it, or name another directory")
	case foreign != "":
		return diag.Usagef("%s is an OCI layout that also holds %q, which would be lost", t.said, foreign).
			WithHint("move it away, or name another directory")
	}
	return nil
}
