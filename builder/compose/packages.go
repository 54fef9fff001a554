package compose

import (
	"fmt"

	"github.com/basal-project/basal/builder/debian"
	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/digest"
)

// Package is one .deb as it goes into a step.
type Package struct {
	Name, Version string
	SHA256        digest.Digest  // of the .deb
	Control       []byte         // its control file
	Replaces      []debian.Group // packages whose files it may take over
	Tree          rootfs.Tree
	MD5           map[string][16]byte // of its regular files, by path in Tree
	MTime         int64               // seconds since 1970
}

// originDeb begins the origin of what comes from a package.
const originDeb = "deb:"

// Origin is the origin of a package's entries.
func (p Package) Origin() string { return originDeb + p.Name }

// placedPackage is a package whose entries stand where they go in the image.
type placedPackage struct {
	Package
	entries   []rootfs.Entry
	was       map[string]string // paths in the .deb of the entries that moved
	takenOver []string          // paths of the parent that it may replace
}

// pathInDeb returns where the .deb has the entry at p.
func (p placedPackage) pathInDeb(path string) string {
	if was, ok := p.was[path]; ok {
		return was
	}
	return path
}

// kept returns what the spec's exclude leaves of each package.
func kept(parent rootfs.Tree, s Step) ([][]rootfs.Entry, error) {
	x := newExclusion(s.Exclude)
	if err := x.checkParent(parent, s.Packages); err != nil {
		return nil, err
	}
	out := make([][]rootfs.Entry, len(s.Packages))
	for i, p := range s.Packages {
		out[i] = x.left(p.Tree)
	}
	return out, x.unused()
}

// place moves the packages' entries through the image's links, leaves out what
// the spec replaces and what another package of the step Replaces, and adds the
// dpkg records of what is left.
func place(parent Image, s Step, entries [][]rootfs.Entry, l links, files []rootfs.Entry) ([]placedPackage, error) {
	replaced := map[string]bool{}
	for _, f := range files {
		replaced[f.Path] = true
	}
	if len(s.OSRelease) > 0 {
		replaced[osReleasePath] = true
	}
	placed := make([]placedPackage, len(s.Packages))
	for i, p := range s.Packages {
		var err error
		if placed[i], err = placeOne(p, entries[i], l, replaced); err != nil {
			return nil, err
		}
	}
	settleReplaces(placed)
	for i := range placed {
		p := &placed[i]
		p.entries = append(p.entries, dpkgRecord(*p)...)
		p.takeOver(parent)
	}
	return placed, nil
}

func placeOne(p Package, entries []rootfs.Entry, l links, replaced map[string]bool) (placedPackage, error) {
	out := placedPackage{Package: p, was: map[string]string{}, entries: make([]rootfs.Entry, 0, len(entries)+4)}
	for _, e := range entries {
		from := e.Path
		var err error
		if e.Kind == rootfs.Dir {
			e.Path, err = l.directory(e.Path)
		} else {
			e.Path, err = l.resolve(e.Path)
		}
		if err == nil && e.Kind == rootfs.Hardlink {
			e.Link, err = l.resolve(e.Link)
		}
		if err != nil {
			return placedPackage{}, fmt.Errorf("%s: %w", p.Origin(), err)
		}
		if replaced[e.Path] {
			continue
		}
		if e.Path != from {
			out.was[e.Path] = from
		}
		out.entries = append(out.entries, e)
	}
	return out, nil
}
