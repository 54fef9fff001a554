package baseimage

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/basal-project/basal/builder/rootfs"
)

// Stack is the file system that layers make, lowest first. The zero value has
// none.
type Stack struct {
	root  node
	layer int // number of the one that is being laid

	nodes int   // that were made
	bytes int64 // of their paths
	work  int64 // steps that were taken
}

// node is a file, a symlink or a directory. The names of a hard-linked file lead
// to one node.
type node struct {
	kind    rootfs.Kind
	mode    uint16
	uid     int
	gid     int
	link    string
	content rootfs.Content
	names   map[string]name // of a directory
	length  int             // of a directory's path, in bytes
}

// name is an entry of a directory, and the layer that put it there or said
// something of it.
type name struct {
	*node
	layer int
}

// Add lays a layer over those that are there. An end of ctx stops it.
func (s *Stack) Add(ctx context.Context, l *Layer) error {
	s.layer++
	for _, c := range l.changes {
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		switch c.action {
		case put:
			err = s.put(c)
		case remove:
			err = s.remove(c.path)
		case empty:
			err = s.empty(c.path)
		}
		if err == nil {
			err = s.tired()
		}
		if err != nil {
			return fmt.Errorf("/%s: %w", c.path, err)
		}
	}
	return nil
}

// tired returns an error when all steps that there are have been taken.
func (s *Stack) tired() error {
	if s.work <= maxWork {
		return nil
	}
	return fmt.Errorf("%w: it takes too many steps to lay the layers over each other", errTooBig)
}

func (s *Stack) put(c change) error {
	dir, err := s.dir(rootfs.Parent(c.path), true)
	if err != nil {
		return err
	}
	base := path.Base(c.path)
	made := &node{kind: c.kind, mode: c.mode, uid: c.uid, gid: c.gid, link: c.link, content: c.content}
	if c.kind == rootfs.Hardlink {
		if made, err = s.target(c.link, dir, base); err != nil {
			return err
		}
	}
	if old, ok := dir.names[base]; ok && old.kind == rootfs.Dir && made.kind == rootfs.Dir {
		made.names = old.names
	}
	return s.set(dir, base, made)
}

func (s *Stack) set(dir *node, base string, made *node) error {
	made.length = dir.length + 1 + len(base)
	s.nodes++
	s.bytes += int64(made.length)
	if made.length > maxPath || s.nodes > maxEntries || s.bytes > maxNames {
		return fmt.Errorf("%w: %d entries, paths of %d bytes, this one of %d", errTooBig, s.nodes, s.bytes, made.length)
	}
	if dir.names == nil {
		dir.names = map[string]name{}
	}
	dir.names[base] = name{made, s.layer}
	return nil
}

// target returns the file that a hard link in dir leads to.
func (s *Stack) target(link string, dir *node, base string) (*node, error) {
	from, err := s.dir(rootfs.Parent(link), false)
	if err != nil {
		return nil, err
	}
	if from != nil && !(from == dir && path.Base(link) == base) {
		if to, ok := from.names[path.Base(link)]; ok && to.kind != rootfs.Dir {
			return to.node, nil
		}
	}
	return nil, fmt.Errorf("a hard link to /%s, which is no file that is there before", link)
}

// remove hides what lower layers have at p.
func (s *Stack) remove(p string) error {
	dir, err := s.dir(rootfs.Parent(p), false)
	if dir == nil || err != nil {
		return err
	}
	base := path.Base(p)
	if n, ok := dir.names[base]; ok && !s.keep(&n) {
		delete(dir.names, base)
	} else if ok {
		dir.names[base] = n
	}
	return nil
}

// empty hides what lower layers have below p.
func (s *Stack) empty(p string) error {
	dir, err := s.dir(p, false)
	if dir == nil || err != nil {
		return err
	}
	s.prune(dir)
	return nil
}

// prune takes all that lower layers put into dir.
func (s *Stack) prune(dir *node) {
	s.work += int64(len(dir.names))
	for base, n := range dir.names {
		was := n.layer
		switch {
		case !s.keep(&n):
			delete(dir.names, base)
		case n.layer != was:
			dir.names[base] = n
		}
	}
}

// keep takes from n what lower layers put there, and reports whether anything is
// left. A directory of theirs that holds something of this layer becomes a plain
// one: nobody says what it is like.
func (s *Stack) keep(n *name) bool {
	if n.kind != rootfs.Dir {
		return n.layer == s.layer
	}
	s.prune(n.node)
	if n.layer < s.layer && len(n.names) > 0 {
		n.mode, n.uid, n.gid, n.layer = plainMode, 0, 0, s.layer
	}
	return n.layer == s.layer
}

// plainMode is that of directories that no entry describes.
const plainMode = 0o755

// dir returns the directory at p, symlinks followed, none of which leads out of
// the root. When it is not there the result is nil, unless missing directories
// are to be made.
func (s *Stack) dir(p string, make bool) (*node, error) {
	at := []*node{&s.root}
	todo := []string{p} // what is left of the path, and of each link on the way: the last comes first
	for links := 0; len(todo) > 0; {
		last := len(todo) - 1
		part, rest, more := strings.Cut(todo[last], "/")
		if todo = todo[:last]; more {
			todo = append(todo, rest)
		}
		if s.work++; s.work > maxWork {
			return nil, s.tired()
		}
		here := at[len(at)-1]
		switch part {
		case "", ".":
			continue
		case "..":
			at = at[:max(1, len(at)-1)]
			continue
		}
		next, ok := here.names[part]
		if !ok {
			if !make {
				return nil, nil
			}
			next = name{&node{kind: rootfs.Dir, mode: plainMode}, s.layer}
			if err := s.set(here, part, next.node); err != nil {
				return nil, err
			}
		}
		switch next.kind {
		case rootfs.Dir:
			if at = append(at, next.node); len(at) > maxDepth {
				return nil, fmt.Errorf("%w: more than %d directories within each other", errTooBig, maxDepth)
			}
		case rootfs.Symlink:
			if links++; links > maxLinks {
				return nil, errors.New("too many symlinks on the way")
			}
			if strings.HasPrefix(next.link, "/") {
				at = at[:1]
			}
			todo = append(todo, next.link)
		default:
			if !make {
				return nil, nil
			}
			return nil, errors.New("it is below a file")
		}
	}
	return at[len(at)-1], nil
}
