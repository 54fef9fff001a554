package compose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

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

// place moves the packages' entries through the image's links and leaves out
// what the spec excludes or replaces, what another package of the step Replaces,
// and adds the dpkg records of what is left.
func place(parent Image, s Step, l links, files []rootfs.Entry) ([]placedPackage, error) {
	if err := checkExcludes(parent.Tree, s); err != nil {
		return nil, err
	}
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
		if placed[i], err = placeOne(p, l, s.Exclude, replaced); err != nil {
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

func placeOne(p Package, l links, exclude []string, replaced map[string]bool) (placedPackage, error) {
	out := placedPackage{Package: p, was: map[string]string{}, entries: make([]rootfs.Entry, 0, p.Tree.Len()+4)}
	for e := range p.Tree.All() {
		if excluded(e.Path, exclude) {
			continue
		}
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

// excluded reports whether a package's file is to be left out. A copyright file
// goes only when a pattern asks for copyright files by name: a licence may
// demand that it stays.
func excluded(path string, patterns []string) bool {
	copyright := strings.HasPrefix(path, "usr/share/doc/") && strings.HasSuffix(path, "/copyright")
	for _, pattern := range patterns {
		if copyright && !strings.HasSuffix(pattern, "/copyright") {
			continue
		}
		if doublestar.MatchUnvalidated(pattern, "/"+path) {
			return true
		}
	}
	return false
}

// checkExcludes refuses a pattern that reaches into the parent, whose layers
// this step cannot change.
func checkExcludes(parent rootfs.Tree, s Step) error {
	for e := range parent.All() {
		if e.Kind == rootfs.Dir || !excluded(e.Path, s.Exclude) {
			continue
		}
		if !inPackages(s.Packages, e.Path) {
			return fmt.Errorf("exclude reaches /%s, which the parent has from %s: a step cannot take away what is below it", e.Path, rootfs.From(e.Origins))
		}
	}
	return nil
}

func inPackages(packages []Package, path string) bool {
	return slices.ContainsFunc(packages, func(p Package) bool { _, ok := p.Tree.Lookup(path); return ok })
}
