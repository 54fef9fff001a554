package rootfs

import (
	"errors"
	"fmt"
	"slices"
)

// ErrConflict says that two inputs want different things at one path.
var ErrConflict = errors.New("conflicting entries")

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

func conflict(a, b Entry) error {
	if x := describe(a); a.Kind == File && x == describe(b) {
		return fmt.Errorf("%w: /%s is %s in %s and in %s, with different content", ErrConflict, a.Path, x, From(a.Origins), From(b.Origins))
	}
	return fmt.Errorf("%w: /%s is %s in %s and %s in %s", ErrConflict, a.Path, describe(a), From(a.Origins), describe(b), From(b.Origins))
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
