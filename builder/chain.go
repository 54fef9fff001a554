package builder

import (
	"fmt"

	"github.com/basal-project/basal/builder/compose"
	"github.com/basal-project/basal/internal/canonjson"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/internal/gz"
	"github.com/basal-project/basal/specs"
)

// floor is one step of an image as the lock describes it: the content of a
// spec, or of one of its variants' patches.
type floor struct {
	lock  *specs.Lock
	group string // under which the lock groups its packages: a variant's name
	specs.Patch
	certificates *specs.Certificates
	osRelease    map[string]string
	up           int // how many levels up the lock is: 0 for the image's own
}

// name says which floor this is: "static", or "static:debug" for a patch.
func (f floor) name() string {
	if f.group == specs.Latest {
		return f.lock.Spec.Name
	}
	return f.lock.Spec.Name + ":" + f.group
}

// chain is the floors of a variant on one platform, lowest first.
type chain struct {
	platform specs.Platform
	base     *foundation // nil for scratch
	floors   []floor
	keys     []digest.Digest // for each floor, the name of the layers up to it
	key      digest.Digest   // the last of them: names the layers that come of it
}

// floorAt is a floor where it stands: variants share most of theirs, and so their
// keys.
type floorAt struct {
	lock     *specs.Lock
	group    string
	below    digest.Digest
	platform specs.Platform
}

// newChain returns a chain. known has the keys of floors that other chains have,
// and takes in those of this one.
func newChain(p specs.Platform, floors []floor, made binaries, known map[floorAt]digest.Digest) (c chain, err error) {
	c = chain{platform: p, floors: floors}
	if c.base, err = foundationOf(floors[0].lock, p); err != nil {
		return c, err
	}
	c.key = c.base.key()
	for _, f := range floors {
		at := floorAt{f.lock, f.group, c.key, p}
		if key, ok := known[at]; ok {
			c.key = key
		} else if c.key, err = f.key(c.key, p, made); err != nil {
			return c, err
		}
		known[at] = c.key
		c.keys = append(c.keys, c.key)
	}
	return c, nil
}

// floorsOf returns the floors of a variant and its config. A parent takes part
// with its variant of that name if it has one, and else as it is.
func floorsOf(lock *specs.Lock, variant string) (floors []floor, config specs.Config, err error) {
	if parent := lock.Extends; parent != nil {
		below := variant
		if _, ok := parent.Spec.Variants[variant]; !ok {
			below = specs.Latest
		}
		if floors, config, err = floorsOf(parent, below); err != nil {
			return nil, specs.Config{}, err
		}
		for i := range floors {
			floors[i].up++
		}
	}
	s := lock.Spec
	floors = append(floors, floor{
		lock:         lock,
		group:        specs.Latest,
		Patch:        specs.Patch{Packages: s.Packages, Exclude: s.Exclude, Setuid: s.Setuid, Accounts: s.Accounts, Files: s.Files, Go: s.Go},
		certificates: s.Certificates,
		osRelease:    s.OSRelease,
	})
	config = config.Merge(s.Config)
	patches, err := s.PatchOrder(variant)
	if err != nil {
		return nil, specs.Config{}, err
	}
	for _, name := range patches {
		patch := s.Variants[name]
		if len(patch.Packages)+len(patch.Files)+len(patch.Go)+len(patch.Exclude) > 0 || !patch.Accounts.IsZero() {
			floors = append(floors, floor{lock: lock, group: name, Patch: patch})
		}
		config = config.Merge(patch.Config)
	}
	return floors, config, nil
}

// files returns the entries that f writes on platform p.
func (f floor) files(p specs.Platform) []specs.File {
	var list []specs.File
	for _, file := range f.Files {
		if file.On(p) {
			list = append(list, file)
		}
	}
	return list
}

// packages returns what f adds on platform p: its own packages in order, and
// ca-certificates when only its bundle is used.
func (f floor) packages(p specs.Platform) (own []specs.LockedPackage, bundle *specs.LockedPackage, err error) {
	section, ok := f.lock.Platform(p)
	if !ok {
		return nil, nil, fmt.Errorf("the lock of %s has no section for %s", f.lock.Spec.Name, p)
	}
	find := func(name string) (specs.LockedPackage, error) {
		for _, pkg := range section.Packages {
			if pkg.Name == name {
				return pkg, nil
			}
		}
		return specs.LockedPackage{}, fmt.Errorf("the lock of %s has no package %s for %s", f.lock.Spec.Name, name, p)
	}
	for _, name := range f.Packages {
		pkg, err := find(name)
		if err != nil {
			return nil, nil, err
		}
		own = append(own, pkg)
	}
	if f.certificates.FromDebian() {
		pkg, err := find(compose.BundlePackage)
		if err != nil {
			return nil, nil, err
		}
		bundle = &pkg
	}
	return own, bundle, nil
}

// key names the layers of the floor on top of those that below names. It covers
// all that they depend on, as far as the lock tells it, and the digests of
// programs, whose source it does not pin.
func (f floor) key(below digest.Digest, p specs.Platform, made binaries) (digest.Digest, error) {
	own, bundle, err := f.packages(p)
	if err != nil {
		return digest.Digest{}, err
	}
	content := f.Patch
	content.With, content.Waive, content.Config, content.Go = nil, nil, specs.Config{}, nil
	content.Files = f.files(p)
	inputs := struct {
		Below, Name, Encoder string
		Recipe               int
		Content              specs.Patch
		Certificates         *specs.Certificates
		OSRelease            map[string]string
		Groups               [][]string
		Inputs               []specs.Input
		Packages             []specs.LockedPackage
		Bundle               *specs.LockedPackage
		Programs             []keyedProgram
	}{below.Hex(), f.name(), gz.Encoder, Recipe, content, f.certificates, f.osRelease, f.lock.Groups[f.group], f.lock.Inputs, own, bundle, f.keyed(p, made)}
	b, err := canonjson.Marshal(inputs)
	return digest.Of(b), err
}
