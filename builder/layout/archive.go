package layout

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// maxMembers bounds the members of an archive.
const maxMembers = 100_000

// archive is a layout in a tar file: where each of its files lies. Nothing is
// unpacked.
type archive struct {
	file    *os.File
	members map[string]section
}

type section struct{ off, size int64 }

func openArchive(f *os.File, size int64) (store, error) {
	members, err := index(f, size)
	return &archive{f, members}, err
}

// index finds the regular files of the tar archive in the first size bytes of r.
func index(r io.ReaderAt, size int64) (map[string]section, error) {
	in := io.NewSectionReader(r, 0, size)
	t := tar.NewReader(in)
	members := map[string]section{}
	for n := 0; ; n++ {
		h, err := t.Next()
		switch {
		case err == io.EOF && n == 0:
			return nil, errors.New("an empty file is no archive")
		case err == io.EOF:
			return members, nil
		case err != nil && n == 0:
			return nil, fmt.Errorf("no tar archive: %w", err)
		case err != nil:
			return nil, fmt.Errorf("tar archive after member %d: %w", n, err)
		case n == maxMembers:
			return nil, fmt.Errorf("tar archive has more than %d members", maxMembers)
		}
		name := path.Clean(h.Name)
		if !fs.ValidPath(name) {
			return nil, fmt.Errorf("tar archive has a member %q, which leads out of it", h.Name)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		off, err := in.Seek(0, io.SeekCurrent) // the reader stands at the member's bytes
		if err != nil {
			return nil, err
		}
		if _, twice := members[name]; twice {
			return nil, fmt.Errorf("tar archive has two members %q", name)
		}
		if sparse(h) || h.Size > size-off {
			return nil, fmt.Errorf("tar archive: member %q is sparse or cut off", name)
		}
		members[name] = section{off, h.Size}
	}
}

// sparse reports whether h's size is not the number of its bytes in the archive.
func sparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

func (a *archive) open(name string) (io.ReadCloser, error) {
	m, ok := a.members[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return io.NopCloser(io.NewSectionReader(a.file, m.off, m.size)), nil
}

func (a *archive) Close() error { return a.file.Close() }
