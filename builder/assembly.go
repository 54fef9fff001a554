package builder

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/basal-project/basal/builder/baseimage"
	"github.com/basal-project/basal/builder/compose"
	"github.com/basal-project/basal/builder/deb"
	"github.com/basal-project/basal/builder/layer"
	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/internal/gz"
	"github.com/basal-project/basal/specs"
)

// assembly is one run: it compiles every program, reads every package, composes every chain of floors
// and writes every layer, in this order. What several platforms and variants
// share (a package for all architectures, a layer, a whole floor) is made once.
// In each phase the largest piece comes first, so that no processor waits for
// the last one.
type assembly struct {
	src Source
	opt Options

	mu       sync.Mutex
	scratch  []ScratchFile
	packages map[packageKey]*deb.Package
	inputs   map[specs.Input]rootfs.Content
	binaries binaries
	images   map[digest.Digest]compose.Image // by a chain's keys
	bases    map[foundationKey]baseimage.Config
	blobs    map[digest.Digest]layer.Layer // by compose.Layer.Key
}

func newAssembly(src Source, opt Options) *assembly {
	return &assembly{
		src:      src,
		opt:      opt,
		packages: map[packageKey]*deb.Package{},
		inputs:   map[specs.Input]rootfs.Content{},
		binaries: binaries{},
		images:   map[digest.Digest]compose.Image{},
		bases:    map[foundationKey]baseimage.Config{},
		blobs:    map[digest.Digest]layer.Layer{},
	}
}

func (a *assembly) close() {
	for _, f := range a.scratch {
		f.Close()
	}
}

func (a *assembly) newScratch() (ScratchFile, error) {
	f, err := a.opt.Scratch()
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.scratch = append(a.scratch, f)
	return f, nil
}

// each calls do for the numbers below n, in order, several at once. That bounds
// memory, too: each call has a decoder or an encoder of its own.
func (a *assembly) each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(a.opt.workers())
	for i := range n {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return do(ctx, i)
		})
	}
	return g.Wait()
}

// layers returns the layers of the chains: remembered ones if their blobs are
// still there, and the others made now.
func (a *assembly) layers(ctx context.Context, chains []chain) (map[digest.Digest][]oci.NamedLayer, error) {
	done := map[digest.Digest][]oci.NamedLayer{}
	var missing []chain
	for _, c := range chains {
		if list, ok := a.opt.Layers.Recall(c.key); ok {
			done[c.key] = list
			continue
		}
		missing = append(missing, c)
	}
	if len(missing) == 0 {
		return done, nil
	}
	var g errgroup.Group
	g.Go(gz.SelfCheck) // before the first layer is written
	g.Go(func() error { return a.compose(ctx, missing) })
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if err := a.write(ctx, missing); err != nil {
		return nil, err
	}
	for _, c := range missing {
		var list []oci.NamedLayer
		for _, l := range a.images[c.key].Layers {
			list = append(list, oci.NamedLayer{Layer: a.blobs[l.Key(Recipe, gz.Encoder)], Name: l.Name})
		}
		a.opt.Layers.Remember(c.key, list)
		done[c.key] = list
	}
	return done, nil
}

// compose makes the file systems of the chains.
func (a *assembly) compose(ctx context.Context, chains []chain) error {
	if err := a.readPackages(ctx, chains); err != nil {
		return err
	}
	if err := a.checkEpochs(chains); err != nil {
		return err
	}
	var platforms [][]chain // chains of one platform share their lower floors
	for _, c := range chains {
		i := slices.IndexFunc(platforms, func(p []chain) bool { return p[0].platform == c.platform })
		if i < 0 {
			i = len(platforms)
			platforms = append(platforms, nil)
		}
		platforms[i] = append(platforms[i], c)
	}
	return a.each(ctx, len(platforms), func(ctx context.Context, i int) error {
		for _, c := range platforms[i] {
			if err := a.composeOne(ctx, c); err != nil {
				return fmt.Errorf("%s: %w", c.platform, err)
			}
		}
		return nil
	})
}

func (a *assembly) composeOne(ctx context.Context, c chain) error {
	below, err := a.composeBase(ctx, c.base)
	if err != nil {
		return err
	}
	for i, f := range c.floors {
		a.mu.Lock()
		image, ok := a.images[c.keys[i]]
		a.mu.Unlock()
		if !ok {
			step, err := a.step(f, c.platform)
			if err != nil {
				return err
			}
			image, err = compose.Apply(below, step)
			if err != nil {
				return err
			}
			a.mu.Lock()
			a.images[c.keys[i]] = image
			a.mu.Unlock()
		}
		below = image
	}
	return nil
}

// step collects what a floor names; all of it has been read.
func (a *assembly) step(f floor, p specs.Platform) (compose.Step, error) {
	own, bundle, err := f.packages(p)
	if err != nil {
		return compose.Step{}, err
	}
	s := compose.Step{
		Name:      f.name(),
		Groups:    f.lock.Groups[f.group],
		Exclude:   f.Exclude,
		Accounts:  f.Accounts,
		OSRelease: f.osRelease,
		Files:     f.files(p),
		Input:     func(path string) (rootfs.Content, error) { return a.input(f.lock, path) },
	}
	for _, pkg := range own {
		s.Packages = append(s.Packages, a.composable(f, pkg))
	}
	if s.Programs, err = a.programs(f, p); err != nil {
		return compose.Step{}, err
	}
	if err := checkSetuid(f, s.Packages); err != nil {
		return compose.Step{}, err
	}
	if c := f.certificates; c != nil {
		s.Certificates = compose.Certificates{Clear: c.None(), Add: c.Add, Remove: c.Remove}
		if bundle != nil {
			p := a.composable(f, *bundle)
			s.Certificates.Bundle = &p
			s.Certificates.BundleOnly = !slices.Contains(f.Packages, bundle.Name)
		}
	}
	return s, nil
}

// checkSetuid refuses a path in setuid that no package has so: it is misspelt, or
// a privilege that has gone, and would be given to whatever comes there next.
func checkSetuid(f floor, packages []compose.Package) error {
	for _, path := range f.Setuid {
		if !slices.ContainsFunc(packages, func(p compose.Package) bool {
			e, ok := p.Tree.Lookup(strings.TrimPrefix(path, "/"))
			return ok && e.Mode&0o6000 != 0
		}) {
			return diag.Usagef("%s: setuid: no package has a setuid or setgid file at %s", f.name(), path).WithHint("remove it")
		}
	}
	return nil
}

func (a *assembly) composable(f floor, pkg specs.LockedPackage) compose.Package {
	d := a.packages[f.packageKey(pkg)]
	return compose.Package{
		Name: pkg.Name, Version: pkg.Version, SHA256: pkg.SHA256,
		Control: d.Control, Replaces: d.Replaces, Tree: d.Tree, MD5: d.MD5, MTime: d.MTime,
	}
}

// write makes the layers of the chains that are not remembered.
func (a *assembly) write(ctx context.Context, chains []chain) error {
	var keys []digest.Digest
	var list []compose.Layer
	for _, c := range chains {
		for _, l := range a.images[c.key].Layers {
			key := l.Key(Recipe, gz.Encoder)
			if _, ok := a.blobs[key]; ok {
				continue
			}
			known, _ := a.opt.Layers.Recall(key)
			if len(known) == 1 {
				a.blobs[key] = known[0].Layer
				continue
			}
			a.blobs[key] = layer.Layer{} // taken
			keys, list = append(keys, key), append(list, l)
		}
	}
	order := descending(len(list), func(i int) int64 { return list[i].Tree.Size() })
	return a.each(ctx, len(list), func(_ context.Context, n int) error {
		i := order[n]
		written, err := a.writeOne(list[i])
		if err != nil {
			return fmt.Errorf("layer %s: %w", list[i].Name, err)
		}
		a.opt.Layers.Remember(keys[i], []oci.NamedLayer{{Layer: written, Name: list[i].Name}})
		a.mu.Lock()
		defer a.mu.Unlock()
		a.blobs[keys[i]] = written
		return nil
	})
}

func (a *assembly) writeOne(l compose.Layer) (layer.Layer, error) {
	blob, err := a.opt.Layers.Create()
	if err != nil {
		return layer.Layer{}, err
	}
	defer blob.Discard()
	written, err := layer.Write(blob, l.Tree, l.MTime)
	if err != nil {
		return layer.Layer{}, err
	}
	return written, blob.Commit(written.Digest, written.Size)
}

// descending returns the numbers below n, those of the largest size first.
func descending(n int, size func(i int) int64) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(size(j), size(i)) })
	return order
}
