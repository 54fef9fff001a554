package baseimage

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// Scratch is where the bytes of a layer are kept: a temporary file, empty, for
// one layer alone. It must outlive what was read.
type Scratch interface {
	io.ReaderAt
	io.WriterAt
}

// Reader reads the layers of one base. Several layers may be read at once.
type Reader struct {
	unpacked, entries, names budget
}

// NewReader returns a reader. maxUnpacked bounds the layers together, in bytes; 0
// is DefaultMaxUnpacked.
func NewReader(maxUnpacked int64) *Reader {
	if maxUnpacked == 0 {
		maxUnpacked = DefaultMaxUnpacked
	}
	return &Reader{
		unpacked: budget{what: "bytes", most: maxUnpacked},
		entries:  budget{what: "entries", most: maxEntries},
		names:    budget{what: "bytes of names", most: maxNames},
	}
}

// Layer is what a layer does to those below it, in the order of its archive.
type Layer struct{ changes []change }

// change is an entry of a layer, or a deletion.
type change struct {
	action
	path    string // clean and relative; "" is the root, of an opaque deletion alone
	kind    rootfs.Kind
	mode    uint16
	uid     int
	gid     int
	link    string // target of a symlink, clean path of a hard link
	content rootfs.Content
}

type action uint8

const (
	put    action = iota
	remove        // .wh.NAME: what lower layers have at path
	empty         // .wh..wh..opq: what lower layers have below path
)

// ReadLayer reads the layer l from r, to its end, and checks that its content has
// the diffID. Whoever needs to know that r is the blob that l names passes a
// digest.NewReader. When r itself fails that error is returned rather than what
// became of the archive.
func (rd *Reader) ReadLayer(r io.Reader, l specs.LockedLayer, scratch Scratch) (*Layer, error) {
	out, err := rd.read(r, l, scratch)
	if _, rerr := io.Copy(io.Discard, r); rerr != nil {
		return nil, rerr
	}
	var full noScratch
	switch {
	case errors.As(err, &full):
		return nil, fmt.Errorf("layer %s: %w", l.Digest, err)
	case err != nil:
		return nil, faultIn("layer", l.Digest, err)
	}
	return out, nil
}

func (rd *Reader) read(r io.Reader, l specs.LockedLayer, scratch Scratch) (*Layer, error) {
	plain, closer, err := decompress(r, l.MediaType)
	if err != nil {
		return nil, err
	}
	defer closer()
	in := rd.newSpill(plain, scratch, l.Size)
	var out Layer
	for archive := tar.NewReader(in); ; {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, early(err)
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue // what git archive says of itself
		}
		c, err := read(h)
		if err != nil {
			return nil, fmt.Errorf("entry %.200q: %w", h.Name, err)
		}
		if err := errors.Join(rd.entries.take(1), rd.names.take(int64(len(c.path)+len(c.link)))); err != nil {
			return nil, err
		}
		if c.kind == rootfs.File && c.action == put {
			c.content = rootfs.Section(scratch, in.n, h.Size)
		}
		if c.path != "" || c.action == empty {
			out.changes = append(out.changes, c)
		}
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		return nil, err
	}
	if got := digest.Digest(in.hash.Sum(nil)); got != l.DiffID {
		return nil, fmt.Errorf("%w: its content is %s, and the config says %s", digest.ErrMismatch, got, l.DiffID)
	}
	return &out, nil
}

// early makes an archive that stops too soon an error of its own.
func early(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("the archive ends too early")
	}
	return err
}

// read returns what the header of an entry asks for.
func read(h *tar.Header) (change, error) {
	name, err := cleanPath(h.Name)
	if err != nil {
		return change{}, err
	}
	c := change{path: name, mode: uint16(h.Mode & 0o7777), uid: h.Uid, gid: h.Gid}
	if base := path.Base(name); strings.HasPrefix(base, whiteout) {
		return deletion(c, base, h.Typeflag)
	}
	if h.Uid < 0 || int64(h.Uid) > maxID || h.Gid < 0 || int64(h.Gid) > maxID {
		return change{}, fmt.Errorf("owner %d:%d is out of range", h.Uid, h.Gid)
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return change{}, errSparse
		}
	}
	switch h.Typeflag {
	case tar.TypeDir:
		c.kind = rootfs.Dir
	case tar.TypeReg:
		c.kind = rootfs.File
	case tar.TypeSymlink:
		c.kind, c.mode, c.link = rootfs.Symlink, 0o777, h.Linkname
		err = checkTarget(h.Linkname)
	case tar.TypeLink:
		c.kind = rootfs.Hardlink
		if c.link, err = cleanPath(h.Linkname); err != nil {
			err = fmt.Errorf("hard link: %w", err)
		}
	case tar.TypeChar, tar.TypeBlock:
		err = errors.New("devices are not supported")
	case tar.TypeFifo:
		err = errors.New("fifos are not supported")
	case tar.TypeGNUSparse:
		err = errSparse
	default:
		err = fmt.Errorf("kind %q is not supported", h.Typeflag)
	}
	if err == nil && name == "" && c.kind != rootfs.Dir {
		err = errors.New("the root is not a directory")
	}
	return c, err
}

var errSparse = errors.New("sparse files are not supported")

func checkTarget(target string) error {
	switch {
	case target == "" || strings.ContainsRune(target, 0):
		return fmt.Errorf("unusable symlink target %.200q", target)
	case len(target) > maxPath:
		return fmt.Errorf("%w: a target of %d bytes", errTooBig, len(target))
	}
	return nil
}

// The names by which a layer deletes (OCI image-spec, layer.md).
const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)

// deletion returns what a name that begins with .wh. means.
func deletion(c change, base string, kind byte) (change, error) {
	if kind == tar.TypeDir {
		return change{}, errors.New("a directory has a name that means a deletion")
	}
	dir := rootfs.Parent(c.path)
	name := strings.TrimPrefix(base, whiteout)
	switch {
	case base == opaque:
		return change{action: empty, path: dir}, nil
	case name == "" || name == "." || name == ".." || strings.HasPrefix(name, whiteout):
		return change{}, errors.New("it deletes nothing that can be named")
	}
	return change{action: remove, path: path.Join(dir, name)}, nil
}

// cleanPath returns the path that a tar name means, "" for the root. All engines
// take an absolute name for one below the root.
func cleanPath(name string) (string, error) {
	if name == "" {
		return "", errors.New("there is no name")
	}
	if len(name) > maxPath {
		return "", fmt.Errorf("%w: a name of %d bytes", errTooBig, len(name))
	}
	depth := 0
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", errors.New("the name has .. in it")
		}
		if depth++; depth > maxDepth {
			return "", fmt.Errorf("%w: more than %d directories within each other", errTooBig, maxDepth)
		}
	}
	clean := strings.TrimPrefix(path.Clean("/"+name), "/")
	if clean == "" {
		return "", nil
	}
	for part := range strings.SplitSeq(rootfs.Parent(clean), "/") {
		if strings.HasPrefix(part, whiteout) {
			return "", errors.New("a directory has a name that means a deletion")
		}
	}
	if strings.ContainsRune(clean, 0) {
		return "", errors.New("the name has a NUL byte in it")
	}
	return clean, nil
}
