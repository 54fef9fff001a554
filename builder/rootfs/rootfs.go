// Package rootfs is the file system of an image as a value: a sorted, immutable
// list of entries.
//
// An Entry has no time, no owner name, no extended attribute and no device
// number: what can vary does not exist, so it cannot leak into an image.
package rootfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Kind is what an entry is. The set is closed.
type Kind uint8

// The kinds. The zero value is invalid.
const (
	Dir Kind = iota + 1
	File
	Symlink
	Hardlink
)

// String returns the kind's name as it stands in messages and in tree texts.
func (k Kind) String() string {
	switch k {
	case Dir:
		return "dir"
	case File:
		return "file"
	case Symlink:
		return "symlink"
	case Hardlink:
		return "hardlink"
	}
	return "invalid"
}

// Content is the bytes of a file, which may lie anywhere. The zero value is the
// empty file.
type Content struct {
	r    io.ReaderAt
	off  int64
	size int64
}

// Section returns the content of n bytes of r from offset off. r must outlive it,
// and be a pointer: contents are compared.
func Section(r io.ReaderAt, off, n int64) Content { return Content{r, off, n} }

// Bytes returns b as content. b must not change afterwards.
func Bytes(b []byte) Content { return Content{bytes.NewReader(b), 0, int64(len(b))} }

// Size returns the number of bytes.
func (c Content) Size() int64 { return c.size }

// Reader returns a new reader of the bytes.
func (c Content) Reader() *io.SectionReader {
	if c.r == nil {
		return io.NewSectionReader(bytes.NewReader(nil), 0, 0)
	}
	return io.NewSectionReader(c.r, c.off, c.size)
}

// Entry is one name in the file system.
type Entry struct {
	Path    string   // clean, relative, no leading or trailing slash: etc/passwd
	Kind    Kind     //
	Mode    uint16   // permission bits with setuid, setgid and sticky: at most 07777; 0777 for symlinks
	UID     int      //
	GID     int      //
	Link    string   // target of a Symlink (any text) or of a Hardlink (a clean path of a File)
	Content Content  // of a File, and of a Hardlink the very same value
	Origins []string // the inputs that put it here, e.g. "deb:tzdata"; shared between entries, never changed
}

// ErrConflict says that two inputs want different things at one path.
var ErrConflict = errors.New("conflicting entries")

// Compare is the order of a Tree and of a layer: bytewise by path with '/'
// lowest, so that a directory's content follows it directly.
func Compare(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] == b[i] {
			continue
		}
		switch {
		case a[i] == '/':
			return -1
		case b[i] == '/':
			return 1
		case a[i] < b[i]:
			return -1
		}
		return 1
	}
	return len(a) - len(b)
}

// Tree is a set of entries with clean, distinct paths, in order. Parents of an
// entry are directories if they are present; WithParents adds those that are
// not. The zero value is the empty tree.
type Tree struct{ entries []Entry }

// New returns the tree of the given entries, whose order does not matter.
// Entries at one path that are equal in kind, mode, owner, link and content
// become one with the origins of all; others are errors that wrap ErrConflict
// and name both origins.
//
// Of the names of a hard-linked file, the first in order becomes the File and
// carries the bytes; the others lead to it.
func New(entries []Entry) (Tree, error) {
	sorted := slices.Clone(entries)
	settleHardlinks(sorted)
	byPath := func(a, b Entry) int { return Compare(a.Path, b.Path) }
	if !slices.IsSortedFunc(sorted, byPath) {
		slices.SortStableFunc(sorted, byPath)
	}
	out := sorted[:0]
	for _, e := range sorted {
		if err := Check(e); err != nil {
			return Tree{}, err
		}
		if n := len(out); n > 0 && out[n-1].Path == e.Path {
			same, err := Equal(out[n-1], e)
			if err != nil {
				return Tree{}, err
			}
			if !same {
				return Tree{}, conflict(out[n-1], e)
			}
			out[n-1].Origins = union(out[n-1].Origins, e.Origins)
			continue
		}
		out = append(out, e)
	}
	t := Tree{out}
	return t, t.checkShape()
}

// inode is what the names of one hard-linked file share. That the bytes are part
// of it keeps a name with the file it was made for, also when another input, or
// the spec, puts another file where the link leads.
type inode struct {
	path    string
	content Content
}

// settleHardlinks makes the first name of each hard-linked file the File, also
// when the name that used to carry the bytes is gone.
func settleHardlinks(entries []Entry) {
	groups := map[inode][]*Entry{}
	for i := range entries {
		if e := &entries[i]; e.Kind == Hardlink {
			id := inode{e.Link, e.Content}
			groups[id] = append(groups[id], e)
		}
	}
	if len(groups) == 0 {
		return
	}
	for i := range entries {
		e := &entries[i]
		if id := (inode{e.Path, e.Content}); e.Kind == File && groups[id] != nil {
			groups[id] = append(groups[id], e)
		}
	}
	for _, names := range groups {
		first := slices.MinFunc(names, func(a, b *Entry) int { return Compare(a.Path, b.Path) }).Path
		for _, e := range names {
			e.Kind, e.Link = Hardlink, first
			if e.Path == first {
				e.Kind, e.Link = File, ""
			}
		}
	}
}

// Check reports whether e alone is a valid entry.
func Check(e Entry) error {
	if err := CheckPath(e.Path); err != nil {
		return fmt.Errorf("%w (from %s)", err, From(e.Origins))
	}
	switch e.Kind {
	case Dir, File:
		if e.Link != "" {
			return fmt.Errorf("internal error: %s %s has a link target", e.Kind, e.Path)
		}
	case Symlink:
		if e.Link == "" || strings.ContainsRune(e.Link, 0) {
			return fmt.Errorf("symlink /%s has an unusable target %q (from %s)", e.Path, e.Link, From(e.Origins))
		}
	case Hardlink:
		if err := CheckPath(e.Link); err != nil {
			return fmt.Errorf("hard link /%s: %w (from %s)", e.Path, err, From(e.Origins))
		}
	default:
		return fmt.Errorf("internal error: entry %s has no kind", e.Path)
	}
	if e.Mode > 0o7777 || e.UID < 0 || e.GID < 0 {
		return fmt.Errorf("/%s has mode %o, owner %d:%d out of range (from %s)", e.Path, e.Mode, e.UID, e.GID, From(e.Origins))
	}
	return nil
}

// CheckPath reports whether p can name an entry: relative, clean, not the root,
// no "..", no NUL, and no ".wh." name, which a layer would read as a deletion.
func CheckPath(p string) error {
	if p == "" || p == "." {
		return errors.New("the root itself is not an entry")
	}
	for start := 0; start <= len(p); {
		end := len(p)
		if i := strings.IndexByte(p[start:], '/'); i >= 0 {
			end = start + i
		}
		switch name := p[start:end]; {
		case name == "" || name == "." || name == "..":
			return fmt.Errorf("path %q is not clean and relative", p)
		case strings.HasPrefix(name, ".wh."):
			return fmt.Errorf("path %q has a name that layers reserve for deletions (.wh.)", p)
		}
		start = end + 1
	}
	if strings.IndexByte(p, 0) >= 0 {
		return fmt.Errorf("path %q contains a NUL byte", p)
	}
	return nil
}

// checkShape refuses entries below anything but a directory, and hard links
// that do not lead to a file of the tree.
func (t Tree) checkShape() error {
	checked := "" // the directory of the entry before: neighbours share it
	for _, e := range t.entries {
		if dir := Parent(e.Path); dir != checked {
			if err := t.checkParents(e, dir); err != nil {
				return err
			}
			checked = dir
		}
		if e.Kind == Hardlink {
			if target, ok := t.Lookup(e.Link); !ok || target.Kind != File {
				return fmt.Errorf("hard link /%s from %s leads to /%s, which is no file of the same input", e.Path, From(e.Origins), e.Link)
			}
		}
	}
	return nil
}

// checkParents looks at the nearest parent of e that t has; that one was
// checked itself.
func (t Tree) checkParents(e Entry, dir string) error {
	for ; dir != ""; dir = Parent(dir) {
		if p, ok := t.Lookup(dir); ok {
			if p.Kind != Dir {
				return fmt.Errorf("%w: /%s from %s is below /%s, which %s makes a %s", ErrConflict, e.Path, From(e.Origins), dir, From(p.Origins), p.Kind)
			}
			return nil
		}
	}
	return nil
}

// Equal reports whether a and b, at one path, are the same thing.
func Equal(a, b Entry) (bool, error) {
	if a.Kind != b.Kind || a.Mode != b.Mode || a.UID != b.UID || a.GID != b.GID || a.Link != b.Link {
		return false, nil
	}
	return EqualContent(a.Content, b.Content)
}

// EqualContent reports whether a and b hold the same bytes.
func EqualContent(a, b Content) (bool, error) {
	if a.size != b.size {
		return false, nil
	}
	if a == b {
		return true, nil
	}
	ra, rb := a.Reader(), b.Reader()
	bufA, bufB := make([]byte, 32<<10), make([]byte, 32<<10)
	for {
		n, errA := io.ReadFull(ra, bufA)
		m, errB := io.ReadFull(rb, bufB)
		switch {
		case !atEnd(errA):
			return false, errA
		case !atEnd(errB):
			return false, errB
		case !bytes.Equal(bufA[:n], bufB[:m]):
			return false, nil
		case errA != nil: // sizes are equal, so b ends here, too
			return true, nil
		}
	}
}

func atEnd(err error) bool {
	return err == nil || err == io.EOF || err == io.ErrUnexpectedEOF
}

func conflict(a, b Entry) error {
	if x := describe(a); a.Kind == File && x == describe(b) {
		return fmt.Errorf("%w: /%s is %s in %s and in %s, with different content", ErrConflict, a.Path, x, From(a.Origins), From(b.Origins))
	}
	return fmt.Errorf("%w: /%s is %s in %s and %s in %s", ErrConflict, a.Path, describe(a), From(a.Origins), describe(b), From(b.Origins))
}

func describe(e Entry) string {
	switch e.Kind {
	case Symlink, Hardlink:
		return fmt.Sprintf("a %s to %s", e.Kind, e.Link)
	case File:
		return fmt.Sprintf("a file (mode %04o, %d:%d, %d bytes)", e.Mode, e.UID, e.GID, e.Content.Size())
	}
	return fmt.Sprintf("a %s (mode %04o, %d:%d)", e.Kind, e.Mode, e.UID, e.GID)
}

// From joins origins for a message.
func From(origins []string) string {
	if len(origins) == 0 {
		return "an unnamed input"
	}
	return strings.Join(origins, " and ")
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, o := range b {
		if !slices.Contains(out, o) {
			out = append(out, o)
		}
	}
	return out
}

// Parent returns the directory that holds p, "" for a top-level name.
func Parent(p string) string {
	if i := strings.LastIndexByte(p, '/'); i >= 0 {
		return p[:i]
	}
	return ""
}

// Len returns the number of entries.
func (t Tree) Len() int { return len(t.entries) }

// Size returns the number of bytes in all files.
func (t Tree) Size() int64 {
	var n int64
	for _, e := range t.entries {
		if e.Kind == File {
			n += e.Content.Size()
		}
	}
	return n
}

// All yields the entries in order.
func (t Tree) All() func(yield func(Entry) bool) { return slices.Values(t.entries) }

// Lookup returns the entry at path.
func (t Tree) Lookup(path string) (Entry, bool) {
	i, ok := slices.BinarySearchFunc(t.entries, path, func(e Entry, p string) int { return Compare(e.Path, p) })
	if !ok {
		return Entry{}, false
	}
	return t.entries[i], true
}

// Map returns the tree of f's results: f may change an entry, or drop it by
// returning false. Changed entries are checked like those of New.
func (t Tree) Map(f func(Entry) (Entry, bool)) (Tree, error) {
	out := make([]Entry, 0, len(t.entries))
	for _, e := range t.entries {
		if e, keep := f(e); keep {
			out = append(out, e)
		}
	}
	return New(out)
}

// Merge returns the union of the trees, as New does for their entries.
func Merge(trees ...Tree) (Tree, error) {
	var all []Entry
	for _, t := range trees {
		all = append(all, t.entries...)
	}
	return New(all)
}

// WithParents returns t with every missing parent directory, as dir makes it.
func (t Tree) WithParents(dir func(path string, child Entry) Entry) (Tree, error) {
	var missing []Entry
	seen := map[string]bool{}
	before := ""
	for _, e := range t.entries {
		p := Parent(e.Path)
		if p == before {
			continue
		}
		before = p
		for ; p != "" && !seen[p]; p = Parent(p) {
			seen[p] = true
			if _, ok := t.Lookup(p); !ok {
				missing = append(missing, dir(p, e))
			}
		}
	}
	if len(missing) == 0 {
		return t, nil
	}
	return New(append(missing, t.entries...))
}
