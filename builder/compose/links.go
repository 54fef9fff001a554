package compose

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

// mergedUsr lists the top-level names that Debian turned into links to /usr. A
// package that still has one of them as a directory means the directory behind
// the link; a directory over any other link is a conflict.
var mergedUsr = []string{"bin", "sbin", "lib", "lib32", "lib64", "libo32", "libx32"}

// links maps the path of each symlink of an image to its target.
type links map[string]string

// linksOf collects the symlinks of everything that a step will merge; kept is
// what it takes of its packages.
func linksOf(parent rootfs.Tree, s Step, kept [][]rootfs.Entry) links {
	l := links{}
	add := func(e rootfs.Entry) {
		if e.Kind == rootfs.Symlink {
			l[e.Path] = e.Link
		}
	}
	for e := range parent.All() {
		add(e)
	}
	for _, entries := range kept {
		for _, e := range entries {
			add(e)
		}
	}
	for _, f := range s.Files {
		p := strings.TrimPrefix(f.Path, "/")
		delete(l, p) // the spec decides what is here
		if f.Type == specs.TypeSymlink {
			l[p] = f.Target
		}
	}
	for _, p := range s.Programs {
		delete(l, strings.TrimPrefix(p.Path, "/"))
	}
	return l
}

// checkDirs refuses own directories of a step where the parent has a link: what
// leads through the link, in the layers below too, would lose its target.
func checkDirs(parent rootfs.Tree, own []rootfs.Entry) error {
	for _, e := range own {
		if below, ok := parent.Lookup(e.Path); ok && e.Kind == rootfs.Dir && below.Kind == rootfs.Symlink {
			return diag.Usagef("/%s is a symlink to %s in the parent, from %s: a directory cannot take its place", e.Path, below.Link, rootfs.From(below.Origins)).
				WithHint("write the directory that it leads to")
		}
	}
	return nil
}

// resolve returns where p leads when the links among its parents are followed.
// p itself is not followed. A target that climbs above the root stays there, as
// the kernel does it.
func (l links) resolve(p string) (string, error) {
	const most = 40 // the kernel's own limit
	for range most {
		next, moved := l.followOnce(p)
		if !moved {
			return p, nil
		}
		if next == "" {
			return "", fmt.Errorf("/%s leads to the root directory itself", p)
		}
		p = next
	}
	return "", fmt.Errorf("too many symlinks on the way to /%s", p)
}

// followOnce replaces the first parent of p that is a link.
func (l links) followOnce(p string) (string, bool) {
	for i := range len(p) {
		if p[i] != '/' {
			continue
		}
		if target, ok := l[p[:i]]; ok {
			return clean(rootfs.Parent(p[:i]), target+p[i:]), true
		}
	}
	return p, false
}

// clean returns target, as seen from the directory dir, without a leading slash.
func clean(dir, target string) string {
	if !strings.HasPrefix(target, "/") {
		target = "/" + dir + "/" + target
	}
	return path.Clean(target)[1:]
}

// directory returns where a package's directory p goes: through its parents'
// links, and through p itself when it is one of the merged names.
func (l links) directory(p string) (string, error) {
	if target, ok := l[p]; ok && slices.Contains(mergedUsr, p) {
		if behind := clean("", target); behind != "" {
			return l.resolve(behind)
		}
	}
	return l.resolve(p)
}
