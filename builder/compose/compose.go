// Package compose lays packages, hand-written files and generated files over
// each other and says which layer each of them stands in. It is pure: trees in,
// trees out.
//
// An image is a chain of steps: a parent's own content, the patches of its
// variant, the image's content, the patches of its variant. Apply puts one step
// on top of what is there. What a step cannot do is change a byte of the layers
// below it, so they are shared.
//
// A step becomes one layer for each group of its packages, in order, then one of
// hand-written and generated files, then one for each program, so that a program
// that changes changes nothing else. Within a step:
//
//   - A path that the spec declares in files, or where it puts a program, replaces
//     what packages have there: it is absent from the package's layer and from its
//     md5sums.
//   - Paths resolve through the symlinks below them, as in a merged /usr.
//   - Two packages may share a path only if they agree on it, or if one Replaces
//     the other.
//   - Every layer names the parents of its entries, with the mode and owner that
//     they have in the whole image, so that unpacking a later layer resets none.
package compose

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/basal-project/basal/builder/layer"
	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// Step is what one spec, or one variant's patch, adds to an image.
type Step struct {
	Name         string // for messages and history: static, static:debug
	Packages     []Package
	Groups       [][]string // names of Packages, a layer each
	Exclude      []string   // globs of package files to leave out
	Certificates Certificates
	Accounts     specs.Accounts
	OSRelease    map[string]string
	Files        []specs.File
	Programs     []Program
	Input        func(path string) (rootfs.Content, error) // the bytes of a local file of the spec
}

// Image is a file system and the layers that make it. The zero value is
// scratch.
type Image struct {
	Tree   rootfs.Tree // all layers merged
	Layers []Layer     // lowest first

	packages []Package
	users    []specs.User
	groups   []specs.Group
	certs    []certificate
	base     baseAccounts
}

// Layer is one layer before it is written.
type Layer struct {
	Name  string // what history says of it
	Tree  rootfs.Tree
	MTime int64 // seconds since 1970

	content digest.Digest // of all of this but how it is written, see Key
}

// Apply returns parent with step on top. parent's layers are unchanged.
func Apply(parent Image, s Step) (Image, error) {
	img, err := apply(parent, s)
	var c *rootfs.ConflictError
	if errors.As(err, &c) {
		err = judge(c, s)
	}
	if err != nil {
		return Image{}, fmt.Errorf("%s: %w", s.Name, err)
	}
	return img, nil
}

// judge says what a person can do about a conflict. One that the spec's own
// entries have a part in is a fault of the spec.
func judge(c *rootfs.ConflictError, s Step) error {
	both := slices.Concat(c.A.Origins, c.B.Origins)
	if slices.Contains(both, s.origin()) || isProgram(c.A) || isProgram(c.B) {
		return diag.Usagef("%w", c).WithHint("files says what is at a path, not what is above or below it: choose another path, or exclude what packages have there")
	}
	const hint = "write the path in files to say what is there, or in exclude to have neither"
	if isGenerated(c.A) || isGenerated(c.B) {
		return diag.Usagef("%w", c).WithHint(hint)
	}
	return diag.Failedf("%w", c).WithHint(hint)
}

// origin is the origin of the entries that the spec itself describes.
func (s Step) origin() string { return "spec:" + s.Name }

func apply(parent Image, s Step) (Image, error) {
	img := Image{
		Layers:   slices.Clone(parent.Layers),
		packages: slices.Concat(parent.packages, s.Packages),
		users:    slices.Clone(parent.users),
		groups:   slices.Clone(parent.groups),
		certs:    slices.Clone(parent.certs),
		base:     parent.base,
	}
	entries, err := kept(parent.Tree, s)
	if err != nil {
		return Image{}, err
	}
	links := linksOf(parent.Tree, s, entries)
	files, err := spelledOut(s, links)
	if err != nil {
		return Image{}, err
	}
	programs, err := programEntries(s, links)
	if err != nil {
		return Image{}, err
	}
	files = append(files, programs...)
	placed, err := place(parent, s, entries, links, files)
	if err != nil {
		return Image{}, err
	}
	own, err := img.generate(parent, s, files, placed)
	if err != nil {
		return Image{}, err
	}
	if err := checkDirs(parent.Tree, own); err != nil {
		return Image{}, err
	}
	corrected, err := correctSums(parent.Tree, own, placed)
	if err != nil {
		return Image{}, err
	}
	own = append(own, corrected...)
	if img.Tree, err = merge(parent.Tree, placed, own); err != nil {
		return Image{}, err
	}
	for _, group := range s.Groups {
		l, err := groupLayer(img.Tree, placed, group)
		if err != nil {
			return Image{}, err
		}
		img.Layers = append(img.Layers, l)
	}
	own = slices.DeleteFunc(own, isProgram)
	last, err := ownLayer("files of "+s.Name, img.Tree, parent.Tree, own)
	if err != nil {
		return Image{}, err
	}
	img.add(last)
	for i, p := range s.Programs {
		l, err := ownLayer("go "+p.Import, img.Tree, parent.Tree, programs[i:i+1])
		if err != nil {
			return Image{}, err
		}
		img.add(l)
	}
	return img, nil
}

// add puts a layer on top, unless there is nothing in it.
func (img *Image) add(l Layer) {
	if l.Tree.Len() > 0 {
		img.Layers = append(img.Layers, l)
	}
}

// decided returns the paths at which the step replaces what the parent has.
func decided(own []rootfs.Entry, placed []placedPackage) map[string]bool {
	paths := map[string]bool{}
	for _, e := range own {
		paths[e.Path] = true
	}
	for _, p := range placed {
		for _, path := range p.takenOver {
			paths[path] = true
		}
	}
	return paths
}

// merge returns the whole file system: the step's own entries over what its
// packages bring over the parent's.
func merge(parent rootfs.Tree, placed []placedPackage, own []rootfs.Entry) (rootfs.Tree, error) {
	replaced := decided(own, placed)
	all := slices.Clone(own)
	for e := range parent.All() {
		if !replaced[e.Path] {
			all = append(all, e)
		}
	}
	for _, p := range placed {
		all = append(all, p.entries...)
	}
	tree, err := rootfs.New(all)
	if err != nil {
		return rootfs.Tree{}, err
	}
	return tree.WithParents(plainDir)
}

// plainDir is a parent directory that nobody declared.
func plainDir(path string, child rootfs.Entry) rootfs.Entry {
	return rootfs.Entry{Path: path, Kind: rootfs.Dir, Mode: 0o755, Origins: child.Origins}
}

// layerTree returns entries and their parents, directories as they are in the
// whole image.
func layerTree(image rootfs.Tree, entries []rootfs.Entry) (rootfs.Tree, error) {
	settled := slices.Clone(entries)
	for i, e := range settled {
		if e.Kind == rootfs.Dir {
			settled[i], _ = image.Lookup(e.Path)
		}
	}
	tree, err := rootfs.New(settled)
	if err != nil {
		return rootfs.Tree{}, err
	}
	return tree.WithParents(func(path string, _ rootfs.Entry) rootfs.Entry {
		dir, _ := image.Lookup(path)
		return dir
	})
}

func groupLayer(image rootfs.Tree, placed []placedPackage, group []string) (Layer, error) {
	var l Layer
	sources := identities{}
	var entries []rootfs.Entry
	var names []string
	for _, name := range group {
		i := slices.IndexFunc(placed, func(p placedPackage) bool { return p.Name == name })
		if i < 0 {
			return Layer{}, fmt.Errorf("internal error: layer group names %s, which is not in this step", name)
		}
		p := placed[i]
		entries = append(entries, p.entries...)
		names = append(names, p.Name+" "+p.Version)
		l.MTime = max(l.MTime, p.MTime)
		sources.add(p)
	}
	l.Name = strings.Join(names, ", ")
	return finish(l, image, entries, sources)
}

func finish(l Layer, image rootfs.Tree, entries []rootfs.Entry, sources identities) (Layer, error) {
	var err error
	if l.Tree, err = layerTree(image, entries); err != nil {
		return Layer{}, err
	}
	l.content, err = contentOf(l, sources)
	return l, err
}

// ownLayer holds what the step put there itself, as far as the parent does not
// already have it.
func ownLayer(name string, image, parent rootfs.Tree, own []rootfs.Entry) (Layer, error) {
	var entries []rootfs.Entry
	for _, e := range own {
		if below, ok := parent.Lookup(e.Path); ok {
			same, err := rootfs.Equal(below, e)
			if err != nil {
				return Layer{}, err
			}
			if same {
				continue
			}
		}
		entries = append(entries, e)
	}
	return finish(Layer{Name: name, MTime: layer.Epoch}, image, entries, nil)
}
