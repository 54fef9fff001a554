package baseimage

import (
	"maps"
	"slices"

	"github.com/basal-project/basal/builder/rootfs"
)

// Tree returns the file system, all directories in it, with the given origin.
func (s *Stack) Tree(origin string) (rootfs.Tree, error) {
	w := walk{origins: []string{origin}, first: map[*node]string{}}
	w.dir(&s.root, "")
	return rootfs.New(w.entries)
}

type walk struct {
	origins []string
	first   map[*node]string // the first name of each file
	entries []rootfs.Entry
}

func (w *walk) dir(dir *node, prefix string) {
	for _, base := range slices.Sorted(maps.Keys(dir.names)) {
		n := dir.names[base].node
		e := rootfs.Entry{Path: prefix + base, Kind: n.kind, Mode: n.mode, UID: n.uid, GID: n.gid, Link: n.link, Content: n.content, Origins: w.origins}
		if first, again := w.first[n]; again {
			e.Kind, e.Link = rootfs.Hardlink, first
		} else if n.kind == rootfs.File {
			w.first[n] = e.Path
		}
		w.entries = append(w.entries, e)
		if n.kind == rootfs.Dir {
			w.dir(n, e.Path+"/")
		}
	}
}
