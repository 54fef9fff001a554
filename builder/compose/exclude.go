package compose

import (
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/diag"
)

// exclusion is a step's exclude patterns at work.
type exclusion struct {
	patterns []string
	used     []bool // by pattern: it has matched something
}

func newExclusion(patterns []string) *exclusion {
	return &exclusion{patterns, make([]bool, len(patterns))}
}

// left returns the entries of t that the patterns leave. A pattern that matches
// a directory takes all that is in it, too; the directory itself stays, with its
// mode, if something in it does.
func (x *exclusion) left(t rootfs.Tree) []rootfs.Entry {
	if len(x.patterns) == 0 {
		return slices.Collect(t.All())
	}
	out := make([]rootfs.Entry, 0, t.Len())
	var emptied []rootfs.Entry // directories that go unless something below them stays
	for e, gone := range x.all(t) {
		emptied = slices.DeleteFunc(emptied, func(d rootfs.Entry) bool { return !strings.HasPrefix(e.Path, d.Path+"/") })
		switch {
		case !gone:
			out = append(out, emptied...)
			out = append(out, e)
			emptied = emptied[:0]
		case e.Kind == rootfs.Dir:
			emptied = append(emptied, e)
		}
	}
	return out
}

// all yields the entries of t in order, and whether each is to go.
func (x *exclusion) all(t rootfs.Tree) func(yield func(e rootfs.Entry, gone bool) bool) {
	return func(yield func(rootfs.Entry, bool) bool) {
		cut := "" // the directory that goes as a whole; its content follows it
		for e := range t.All() {
			inside := cut != "" && strings.HasPrefix(e.Path, cut)
			gone := x.match(e.Path, inside)
			if gone && !inside && e.Kind == rootfs.Dir {
				cut = e.Path + "/"
			}
			if !yield(e, gone) {
				return
			}
		}
	}
}

// match reports whether the file at path goes; inside says that its directory
// does. A copyright file goes only when a pattern asks for copyright files by
// name: a licence may demand that it stays.
func (x *exclusion) match(path string, inside bool) bool {
	notice := strings.HasPrefix(path, "usr/share/doc/") && strings.HasSuffix(path, "/copyright")
	gone := inside && !notice
	for i, pattern := range x.patterns {
		if gone && x.used[i] || notice && !strings.HasSuffix(pattern, "/copyright") {
			continue
		}
		if doublestar.MatchUnvalidated(pattern, "/"+path) {
			gone, x.used[i] = true, true
		}
	}
	return gone
}

// unused returns an error for the first pattern that matched nothing: it is
// misspelt, or what it was for is gone.
func (x *exclusion) unused() error {
	if i := slices.Index(x.used, false); i >= 0 {
		return diag.Usagef("exclude: %s takes nothing away from the packages of this image", x.patterns[i]).
			WithHint("a copyright file goes only when the pattern ends in /copyright; where packages differ by platform, * and {a,b} match all of them")
	}
	return nil
}

// checkParent refuses a pattern that reaches into the parent, whose layers this
// step cannot change.
func (x *exclusion) checkParent(parent rootfs.Tree, packages []Package) error {
	if len(x.patterns) == 0 {
		return nil
	}
	for e, gone := range newExclusion(x.patterns).all(parent) {
		if gone && e.Kind != rootfs.Dir && !inPackages(packages, e.Path) {
			return diag.Usagef("exclude reaches /%s, which the parent has from %s: a step cannot take away what is below it", e.Path, rootfs.From(e.Origins))
		}
	}
	return nil
}

func inPackages(packages []Package, path string) bool {
	return slices.ContainsFunc(packages, func(p Package) bool { _, ok := p.Tree.Lookup(path); return ok })
}
