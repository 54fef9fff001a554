package deb

import (
	"archive/tar"
	"crypto/md5"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/diag"
)

// What the names of one package may cost in memory.
const (
	maxEntries = 1 << 19
	maxNames   = 64 << 20 // all paths and link targets together, in bytes
	maxName    = 4096     // one of them: PATH_MAX
)

// maxID is the largest user or group number; -1 has a meaning of its own.
const maxID = 1<<32 - 2

// readTree makes a tree of the tar archive that r yields and that lies in
// scratch from offset base.
func readTree(r io.Reader, scratch io.ReaderAt, base int64, opt Options) (rootfs.Tree, map[string][md5.Size]byte, error) {
	in := &counter{r: r}
	t := &treeReader{
		in: in, tar: tar.NewReader(in), scratch: scratch, base: base,
		allowSetID: opt.AllowSetID,
		origins:    []string{opt.Origin},
		at:         map[string]int{},
		sums:       map[string][md5.Size]byte{},
		hash:       md5.New(),
		buf:        make([]byte, 32<<10),
	}
	for {
		h, err := t.tar.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return rootfs.Tree{}, nil, early(err)
		}
		if err := t.add(h); err != nil {
			return rootfs.Tree{}, nil, fmt.Errorf("entry %.200q: %w", h.Name, err)
		}
	}
	if err := drain(in); err != nil {
		return rootfs.Tree{}, nil, err
	}
	if len(t.refused) > 0 {
		return rootfs.Tree{}, nil, refuseSetID(t.refused)
	}
	tree, err := rootfs.New(t.entries)
	return tree, t.sums, err
}

// counter knows where in the archive the next byte lies.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

type treeReader struct {
	in         *counter
	tar        *tar.Reader
	scratch    io.ReaderAt
	base       int64
	allowSetID func(string) bool
	origins    []string

	entries []rootfs.Entry
	at      map[string]int // index in entries, by path
	names   int            // bytes of all names
	refused []rootfs.Entry // setuid or setgid, and not allowed
	sums    map[string][md5.Size]byte
	hash    hash.Hash
	buf     []byte
}

// add appends the entry of one header.
func (t *treeReader) add(h *tar.Header) error {
	if err := checkRecords(h); err != nil {
		return err
	}
	path, err := cleanPath(h.Name, h.Typeflag == tar.TypeDir)
	if err != nil {
		return err
	}
	if path == "" {
		if h.Typeflag != tar.TypeDir {
			return errors.New("the root is not a directory")
		}
		return nil
	}
	t.names += len(path) + len(h.Linkname)
	switch _, twice := t.at[path]; {
	case twice:
		return errors.New("it is there twice")
	case len(t.entries) == maxEntries:
		return fmt.Errorf("%w: more than %d entries", errTooBig, maxEntries)
	case t.names > maxNames:
		return fmt.Errorf("%w: names of more than %d bytes", errTooBig, maxNames)
	case h.Uid < 0 || int64(h.Uid) > maxID || h.Gid < 0 || int64(h.Gid) > maxID:
		return fmt.Errorf("owner %d:%d is out of range", h.Uid, h.Gid)
	}
	e := rootfs.Entry{Path: path, Mode: uint16(h.Mode & 0o7777), UID: h.Uid, GID: h.Gid, Origins: t.origins}
	if err := t.fill(&e, h); err != nil {
		return err
	}
	const setID = 0o6000
	if e.Mode&setID != 0 && (t.allowSetID == nil || !t.allowSetID(path)) {
		t.refused = append(t.refused, e)
	}
	t.at[path] = len(t.entries)
	t.entries = append(t.entries, e)
	return nil
}

// refuseSetID names all of a package's setuid files at once, up to a number: who
// wants one of them mostly wants the others.
func refuseSetID(entries []rootfs.Entry) error {
	const most = 32
	var found, paths []string
	for _, e := range entries[:min(len(entries), most)] {
		found = append(found, fmt.Sprintf("/%s (mode %04o)", e.Path, e.Mode))
		paths = append(paths, "/"+e.Path)
	}
	return diag.Failedf("setuid or setgid files are refused unless the spec names them: %s", strings.Join(found, ", ")).
		WithHint("if the image needs them, add to the spec:\n  setuid: [%s]", strings.Join(paths, ", "))
}

// fill sets what depends on the kind.
func (t *treeReader) fill(e *rootfs.Entry, h *tar.Header) (err error) {
	switch h.Typeflag {
	case tar.TypeDir:
		e.Kind = rootfs.Dir
	case tar.TypeReg:
		e.Kind = rootfs.File
		e.Content = rootfs.Section(t.scratch, t.base+t.in.n, h.Size)
		t.sums[e.Path], err = t.sum()
	case tar.TypeSymlink:
		e.Kind, e.Mode, e.Link = rootfs.Symlink, 0o777, h.Linkname
		err = checkText(h.Linkname)
	case tar.TypeLink:
		err = t.link(e, h.Linkname)
	case tar.TypeChar, tar.TypeBlock:
		err = errors.New("devices are not allowed")
	case tar.TypeFifo:
		err = errors.New("fifos are not allowed")
	default:
		err = fmt.Errorf("kind %q is not allowed", h.Typeflag)
	}
	return err
}

// sum reads the current file.
func (t *treeReader) sum() (sum [md5.Size]byte, err error) {
	t.hash.Reset()
	for {
		n, err := t.tar.Read(t.buf)
		t.hash.Write(t.buf[:n])
		if err == io.EOF {
			t.hash.Sum(sum[:0])
			return sum, nil
		}
		if err != nil {
			return sum, early(err)
		}
	}
}

// link makes e one more name of an earlier file of this package.
func (t *treeReader) link(e *rootfs.Entry, name string) error {
	target, err := cleanPath(name, false)
	if err != nil {
		return fmt.Errorf("hard link: %w", err)
	}
	i, ok := t.at[target]
	for ok && t.entries[i].Kind == rootfs.Hardlink {
		i, ok = t.at[t.entries[i].Link]
	}
	if !ok || t.entries[i].Kind != rootfs.File {
		return fmt.Errorf("hard link to %q, which is no earlier file of the package", name)
	}
	f := t.entries[i]
	e.Kind, e.Link = rootfs.Hardlink, f.Path
	e.Mode, e.UID, e.GID, e.Content = f.Mode, f.UID, f.GID, f.Content
	t.sums[e.Path] = t.sums[f.Path]
	return nil
}

// cleanPath returns the path that a tar name means, "" for the root.
func cleanPath(name string, dir bool) (string, error) {
	if dir {
		name = strings.TrimSuffix(name, "/")
	}
	if name == "." {
		return "", nil
	}
	path := strings.TrimPrefix(name, "./")
	if err := rootfs.CheckPath(path); err != nil {
		return "", err
	}
	return path, checkText(path)
}

// checkText refuses names that md5sums files and SBOMs could not hold. Debian
// Policy 10.10 wants UTF-8.
func checkText(s string) error {
	switch {
	case len(s) > maxName:
		return fmt.Errorf("%w: a name of %d bytes", errTooBig, len(s))
	case !utf8.ValidString(s):
		return errors.New("a name that is not UTF-8")
	case strings.ContainsFunc(s, unicode.IsControl):
		return errors.New("a name with a control character")
	}
	return nil
}

// checkRecords refuses all PAX records but those that only write a field of the
// header in another way: extended attributes, capabilities, sparse files.
func checkRecords(h *tar.Header) error {
	for key := range h.PAXRecords {
		switch key {
		case "path", "linkpath", "size", "uid", "gid", "uname", "gname", "mtime", "atime", "ctime":
		default:
			return fmt.Errorf("PAX record %q is not allowed", key)
		}
	}
	return nil
}
