package rootfs

import (
	"errors"
	"fmt"
	"slices"
)

// ErrConflict says that two inputs want different things at one path.
var ErrConflict = errors.New("conflicting entries")

// ConflictError is an ErrConflict with the two entries.
type ConflictError struct {
	A, B Entry
	msg  string
}

// Error says who wants what.
func (e *ConflictError) Error() string { return ErrConflict.Error() + ": " + e.msg }

// Unwrap returns ErrConflict.
func (e *ConflictError) Unwrap() error { return ErrConflict }

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
				return &ConflictError{p, e, fmt.Sprintf("/%s from %s is below /%s, which %s makes a %s", e.Path, From(e.Origins), dir, From(p.Origins), p.Kind)}
			}
			return nil
		}
	}
	return nil
}

func conflict(a, b Entry) error {
	msg := fmt.Sprintf("/%s is %s in %s and %s in %s", a.Path, describe(a), From(a.Origins), describe(b), From(b.Origins))
	if x := describe(a); a.Kind == File && x == describe(b) {
		msg = fmt.Sprintf("/%s is %s in %s and in %s, with different content", a.Path, x, From(a.Origins), From(b.Origins))
	}
	return &ConflictError{a, b, msg}
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
