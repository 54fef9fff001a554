// Package deb reads Debian binary packages, deb(5), as values.
//
// A .deb is an ar archive of three members in this order:
//
//	debian-binary           "2.0\n"
//	control.tar[.gz|.xz|.zst]   control, maintainer scripts, triggers, conffiles
//	data.tar[.gz|.xz|.zst]      the files
//
// Members whose names begin with "_" are passed over. Everything else is
// refused, and so are trailing data, a compression that is not listed here, and
// all that an image must not hold: paths that leave the root, devices, extended
// attributes, setuid files that nobody named, archives that are bombs.
//
// Packages are streams that are read once, to the end. Whoever needs to know
// that the bytes are the right ones passes a digest.NewReader: what is parsed is
// then what is verified. Memory does not grow with the size of a package; its
// files lie in a scratch file.
package deb

import (
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/basal-project/basal/builder/debian"
	"github.com/basal-project/basal/builder/rootfs"
)

// Limits of what a package may hold.
const (
	// DefaultMaxUnpacked is the limit of Options.MaxUnpacked when it is zero. The
	// largest package of trixie on amd64 takes 2 GiB.
	DefaultMaxUnpacked = 4 << 30

	maxPackage = 4 << 30  // the .deb itself
	maxControl = 16 << 20 // control.tar, unpacked

	// A data.tar that is larger than bombFloor and over bombRatio times its
	// compressed size is refused. Of the 68,825 packages of trixie on amd64 that
	// hits eleven, all examples, test data and the like.
	bombRatio = 100
	bombFloor = 16 << 20
)

// Meta is what a package says of itself.
type Meta struct {
	Control      []byte         // the control file, unchanged
	Name         string         // its Package field
	Version      string         // its Version field
	Architecture string         // its Architecture field
	Replaces     []debian.Group // its Replaces field: the packages whose files it may take over
	Scripts      []string       // which of config, postinst, postrm, preinst and prerm are present, in this order
	Triggers     []byte         // the triggers file, nil when absent
	Conffiles    []string       // the lines of the conffiles file
	MTime        int64          // newest modification time of the ar members, in seconds since 1970
}

// Package is a package and its files. Scripts, Triggers and Conffiles of its Meta
// may be missing: they are for ReadControl to tell.
type Package struct {
	Meta
	Tree rootfs.Tree               // without the root itself; contents lie in the scratch file
	MD5  map[string][md5.Size]byte // of every file and hard link, by path, computed from the bytes
}

// Scratch is where the contents of files are kept: an unlinked temporary file,
// empty, for one package alone. It must outlive the Package.
type Scratch interface {
	io.ReaderAt
	io.WriterAt
}

// Options are the choices that a reader has.
type Options struct {
	Origin      string                 // of all entries, e.g. "deb:tzdata"
	AllowSetID  func(path string) bool // names the files that may be setuid or setgid; nil is none
	MaxUnpacked int64                  // of data.tar, in bytes; 0 is DefaultMaxUnpacked
}

// Read reads the package that r holds, and r to its end. When r itself fails, at
// whatever point, that error is returned rather than what the parser made of
// the bytes: a wrong digest explains a broken archive.
func Read(r io.Reader, scratch Scratch, opt Options) (*Package, error) {
	if opt.MaxUnpacked == 0 {
		opt.MaxUnpacked = DefaultMaxUnpacked
	}
	var p Package
	data := func(m member) error {
		var err error
		p.Tree, p.MD5, err = readData(m, blamed{scratch}, opt)
		return err
	}
	if err := read(r, &p.Meta, readControlFile, data); err != nil {
		return nil, err
	}
	return &p, nil
}

// ReadControl is Read without the files, which it neither unpacks nor checks.
func ReadControl(r io.Reader) (*Meta, error) {
	var m Meta
	if err := read(r, &m, readControl, func(m member) error { return m.skip() }); err != nil {
		return nil, err
	}
	return &m, nil
}

// read parses the archive, then drains r, whose error goes first.
func read(r io.Reader, meta *Meta, control func(member, *Meta) error, data func(member) error) error {
	limited := &io.LimitedReader{R: r, N: maxPackage}
	err := readMembers(limited, meta, control, data)
	if _, rerr := io.Copy(io.Discard, limited); rerr != nil {
		return rerr
	}
	if limited.N == 0 {
		err = fmt.Errorf("%w: %d bytes or more", errTooBig, int64(maxPackage))
	}
	var fault scratchError
	if errors.As(err, &fault) {
		return fault // the package is not to blame
	}
	if err != nil {
		return fmt.Errorf("not a usable .deb: %w", err)
	}
	return nil
}

// scratchError is a fault of the scratch file.
type scratchError struct{ error }

func (e scratchError) Unwrap() error { return e.error }

// blamed marks the errors of a scratch file as its own.
type blamed struct{ Scratch }

func (b blamed) WriteAt(p []byte, off int64) (int, error) {
	n, err := b.Scratch.WriteAt(p, off)
	if err != nil {
		err = scratchError{fmt.Errorf("temporary file: %w", err)}
	}
	return n, err
}

// readMembers walks through the archive in the one order that deb(5) allows.
func readMembers(r io.Reader, meta *Meta, control func(member, *Meta) error, data func(member) error) error {
	ar, err := newArchive(r)
	if err != nil {
		return err
	}
	steps := []struct {
		name string
		read func(member) error
	}{
		{"debian-binary", readFormat},
		{"control.tar", func(m member) error { return control(m, meta) }},
		{"data.tar", data},
	}
	for {
		m, err := ar.next()
		switch {
		case err == io.EOF && len(steps) > 0:
			return fmt.Errorf("member %s is missing", steps[0].name)
		case err == io.EOF:
			meta.MTime = ar.newest
			return nil
		case err != nil:
			return err
		case len(steps) < 3 && strings.HasPrefix(m.name, "_"):
			err = m.skip()
		case len(steps) == 0:
			return fmt.Errorf("member %q after data.tar", m.name)
		case !m.is(steps[0].name):
			return fmt.Errorf("want member %s, found %q", steps[0].name, m.name)
		default:
			err = steps[0].read(m)
			steps = steps[1:]
		}
		if err != nil {
			return fmt.Errorf("member %s: %w", m.name, err)
		}
	}
}

// readFormat accepts any minor version of format 2; lines after the first are
// for the future.
func readFormat(m member) error {
	if m.size > 1024 {
		return fmt.Errorf("%d bytes", m.size)
	}
	text, err := io.ReadAll(m.body)
	if err != nil {
		return err
	}
	version, _, ok := strings.Cut(string(text), "\n")
	minor, two := strings.CutPrefix(version, "2.")
	if !ok || !two || minor == "" || strings.Trim(minor, "0123456789") != "" {
		return fmt.Errorf("want format 2.0, found %q", version)
	}
	return nil
}

// errTooBig is the cause of every refusal of a size.
var errTooBig = errors.New("too large")
