package explain

import (
	"archive/tar"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/basal-project/basal/internal/digest"
)

// listing is what is in a layer, as far as it could be read.
type listing struct {
	entries []entry
	diffID  digest.Digest // zero when err is set
	err     error
}

// entry is a member of the tar, comparable but for its place.
type entry struct {
	path   string // clean, with a leading slash
	n      int    // how many members before it have this path
	attrs  attrs
	sum    digest.Digest // of the content, as far as it could be read
	cut    bool          // the content could not be read to its end
	number int           // of members before it
}

// attrs is all that a header says. It is comparable.
type attrs struct {
	kind       byte
	name, link string
	mode       int64
	uid, gid   int
	owner      string // names of user and group
	size       int64
	mtime      string
	device     string
	records    string // of a PAX header, beyond the fields above
	format     tar.Format
}

// scan reads a layer to its end.
func scan(r io.Reader, mediaType string) (l listing) {
	unpacked, err := unpack(r, mediaType)
	if err != nil {
		return listing{err: err}
	}
	h := sha256.New()
	in := io.TeeReader(unpacked, h)
	t := tar.NewReader(in)
	count := map[string]int{}
	for {
		header, err := t.Next()
		if err == io.EOF {
			break
		}
		if err == nil && len(l.entries) == maxEntries {
			err = fmt.Errorf("the layer has more than %d entries", maxEntries)
		}
		if err != nil {
			l.err = err
			return l
		}
		e := newEntry(header, len(l.entries))
		e.n = count[e.path]
		count[e.path]++
		e.sum, err = content(t)
		e.cut = err != nil
		l.entries = append(l.entries, e)
		if err != nil {
			l.err = err
			return l
		}
	}
	// What follows the tar counts for the diffID.
	if _, err := io.Copy(io.Discard, in); err != nil {
		l.err = err
		return l
	}
	l.diffID = digest.Digest(h.Sum(nil))
	return l
}

func content(t *tar.Reader) (digest.Digest, error) {
	h := sha256.New()
	_, err := io.Copy(h, t)
	return digest.Digest(h.Sum(nil)), err
}

func newEntry(h *tar.Header, number int) entry {
	a := attrs{
		kind: h.Typeflag, name: h.Name, link: h.Linkname,
		mode: h.Mode, uid: h.Uid, gid: h.Gid, owner: h.Uname + ":" + h.Gname,
		size: h.Size, mtime: h.ModTime.UTC().Format(time.RFC3339Nano),
		format: h.Format,
	}
	if h.Devmajor != 0 || h.Devminor != 0 {
		a.device = fmt.Sprintf("%d:%d", h.Devmajor, h.Devminor)
	}
	var records []string
	for _, key := range slices.Sorted(maps.Keys(h.PAXRecords)) {
		records = append(records, fmt.Sprintf("%s=%q", key, h.PAXRecords[key]))
	}
	a.records = strings.Join(records, " ")
	return entry{path: path.Clean("/" + h.Name), attrs: a, number: number}
}

// fields lists what differs between two entries at one path.
func fields(a, b entry) []Field {
	all := []Field{
		{"kind", kind(a.attrs.kind), kind(b.attrs.kind)},
		{"name", a.attrs.name, b.attrs.name},
		{"mode", fmt.Sprintf("%04o", a.attrs.mode), fmt.Sprintf("%04o", b.attrs.mode)},
		{"owner", fmt.Sprintf("%d:%d", a.attrs.uid, a.attrs.gid), fmt.Sprintf("%d:%d", b.attrs.uid, b.attrs.gid)},
		{"owner names", a.attrs.owner, b.attrs.owner},
		{"link", a.attrs.link, b.attrs.link},
		{"size", fmt.Sprint(a.attrs.size), fmt.Sprint(b.attrs.size)},
		{"mtime", a.attrs.mtime, b.attrs.mtime},
		{"device", a.attrs.device, b.attrs.device},
		{"pax records", a.attrs.records, b.attrs.records},
		{"header format", a.attrs.format.String(), b.attrs.format.String()},
	}
	if a.sum != b.sum {
		all = append(all, Field{"content", sumText(a), sumText(b)})
	}
	var out []Field
	for _, f := range all {
		if f.A != f.B {
			out = append(out, Field{f.Path, short(f.A), short(f.B)})
		}
	}
	return out
}

func sumText(e entry) string {
	if e.cut {
		return "cannot be read to its end"
	}
	return e.sum.String()
}

// describe says in one value what an entry is that one side alone has.
func describe(e entry) string {
	s := fmt.Sprintf("%s %04o %d:%d", kind(e.attrs.kind), e.attrs.mode, e.attrs.uid, e.attrs.gid)
	switch {
	case e.attrs.link != "":
		s += " to " + e.attrs.link
	case e.attrs.kind == tar.TypeReg:
		s += fmt.Sprintf(" %d bytes", e.attrs.size)
	}
	return short(s)
}

func kind(flag byte) string {
	switch flag {
	case tar.TypeReg:
		return "file"
	case tar.TypeDir:
		return "dir"
	case tar.TypeSymlink:
		return "symlink"
	case tar.TypeLink:
		return "hardlink"
	case tar.TypeChar, tar.TypeBlock:
		return "device"
	case tar.TypeFifo:
		return "fifo"
	}
	return fmt.Sprintf("tar type %q", flag)
}
