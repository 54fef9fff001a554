package explain

import (
	"archive/tar"
	"cmp"
	"slices"

	"github.com/basal-project/basal/builder/rootfs"
)

// matched is an entry that differs, with its places in the two tars.
type matched struct {
	path    string
	n       int
	fields  []Field
	content bool
	a, b    int
}

type name struct {
	path string
	n    int
}

// match lists the entries that differ, sorted by path. What stands in one
// listing alone counts only when the other was read to its end.
func match(a, b listing) []matched {
	inB := map[name]entry{}
	for _, e := range b.entries {
		inB[name{e.path, e.n}] = e
	}
	var all []matched
	for _, ea := range a.entries {
		eb, ok := inB[name{ea.path, ea.n}]
		delete(inB, name{ea.path, ea.n})
		switch {
		case !ok && b.err == nil:
			all = append(all, matched{path: ea.path, n: ea.n, fields: []Field{{Path: "entry", A: describe(ea)}}})
		case ok && (ea.attrs != eb.attrs || ea.sum != eb.sum):
			content := ea.sum != eb.sum && ea.attrs.kind == tar.TypeReg && eb.attrs.kind == tar.TypeReg
			all = append(all, matched{ea.path, ea.n, fields(ea, eb), content, ea.number, eb.number})
		}
	}
	for _, eb := range inB {
		if a.err == nil {
			all = append(all, matched{path: eb.path, n: eb.n, fields: []Field{{Path: "entry", B: describe(eb)}}})
		}
	}
	slices.SortFunc(all, func(a, b matched) int {
		return cmp.Or(rootfs.Compare(a.path, b.path), cmp.Compare(a.n, b.n))
	})
	return all
}

// firstMoved returns the path of the first entry that stands elsewhere in b, ""
// when there is none.
func firstMoved(a, b listing) string {
	for i := range min(len(a.entries), len(b.entries)) {
		if a.entries[i].path != b.entries[i].path {
			return a.entries[i].path
		}
	}
	return ""
}
