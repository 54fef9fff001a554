package rootfs

import (
	"slices"
)

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
