package builder

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/basal-project/basal/builder/compose"
	"github.com/basal-project/basal/builder/deb"
	"github.com/basal-project/basal/builder/layer"
	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/internal/gz"
	"github.com/basal-project/basal/specs"
)

// assembly is one run. Whatever several platforms and variants share (a package
// for all architectures, a layer, a whole floor) is made once.
type assembly struct {
	src   Source
	opt   Options
	slots chan struct{} // bounds what is decoded and compressed at once, and so memory

	debs   memo[digest.Digest, *deb.Package]
	inputs memo[specs.Input, rootfs.Content]
	images memo[digest.Digest, compose.Image]
	blobs  memo[digest.Digest, layer.Layer]

	mu      sync.Mutex
	scratch []ScratchFile
}

func newAssembly(src Source, opt Options) *assembly {
	return &assembly{src: src, opt: opt, slots: make(chan struct{}, opt.workers())}
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

// acquire waits for a slot; the caller returns it with the function it gets.
func (a *assembly) acquire(ctx context.Context) (release func(), err error) {
	select {
	case a.slots <- struct{}{}:
		return func() { <-a.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// layers returns the layers of a chain of floors: from memory if they were made
// before, and their blobs are still there.
func (a *assembly) layers(ctx context.Context, floors []floor, p specs.Platform) ([]oci.NamedLayer, error) {
	key, err := chainKey(floors, p)
	if err != nil {
		return nil, err
	}
	if layers, ok := a.opt.Layers.Recall(key); ok {
		return layers, nil
	}
	image, err := a.compose(ctx, floors, p)
	if err != nil {
		return nil, err
	}
	layers := make([]oci.NamedLayer, len(image.Layers))
	g, ctx := errgroup.WithContext(ctx)
	for i, l := range image.Layers {
		g.Go(func() error {
			written, err := a.write(ctx, l)
			layers[i] = oci.NamedLayer{Layer: written, Name: l.Name}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	a.opt.Layers.Remember(key, layers)
	return layers, nil
}

func chainKey(floors []floor, p specs.Platform) (key digest.Digest, err error) {
	for _, f := range floors {
		if key, err = f.key(key, p); err != nil {
			return key, err
		}
	}
	return key, nil
}

// compose returns the file system of a chain of floors.
func (a *assembly) compose(ctx context.Context, floors []floor, p specs.Platform) (compose.Image, error) {
	if len(floors) == 0 {
		return compose.Image{}, nil
	}
	key, err := chainKey(floors, p)
	if err != nil {
		return compose.Image{}, err
	}
	return a.images.get(key, func() (compose.Image, error) {
		top := len(floors) - 1
		step, err := a.step(ctx, floors[top], p)
		if err != nil {
			return compose.Image{}, err
		}
		parent, err := a.compose(ctx, floors[:top], p)
		if err != nil {
			return compose.Image{}, err
		}
		return compose.Apply(parent, step)
	})
}

// step reads all that a floor names.
func (a *assembly) step(ctx context.Context, f floor, p specs.Platform) (compose.Step, error) {
	own, bundle, err := f.packages(p)
	if err != nil {
		return compose.Step{}, err
	}
	section, _ := f.lock.Platform(p)
	all := slices.Clone(own)
	bundleOnly := bundle != nil && !slices.ContainsFunc(own, func(o specs.LockedPackage) bool { return o.Name == bundle.Name })
	if bundleOnly {
		all = append(all, *bundle)
	}
	packages, err := a.packages(ctx, section, all)
	if err != nil {
		return compose.Step{}, err
	}
	s := compose.Step{
		Name:      f.name(),
		Packages:  packages[:len(own)],
		Groups:    f.lock.Groups[f.group],
		Exclude:   f.Exclude,
		Accounts:  f.Accounts,
		OSRelease: f.osRelease,
		Files:     f.Files,
		Input:     func(path string) (rootfs.Content, error) { return a.input(ctx, f.lock, path) },
	}
	if c := f.certificates; c != nil {
		s.Certificates = compose.Certificates{BundleOnly: bundleOnly, Add: c.Add, Remove: c.Remove}
		if bundle != nil {
			i := slices.IndexFunc(packages, func(o compose.Package) bool { return o.Name == bundle.Name })
			s.Certificates.Bundle = &packages[i]
		}
	}
	return s, nil
}

// packages reads .debs, the largest first so that none is left for the end.
func (a *assembly) packages(ctx context.Context, section *specs.LockedPlatform, locked []specs.LockedPackage) ([]compose.Package, error) {
	order := make([]int, len(locked))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(locked[j].Size, locked[i].Size) })
	out := make([]compose.Package, len(locked))
	g, ctx := errgroup.WithContext(ctx)
	for _, i := range order {
		pkg := locked[i]
		g.Go(func() error {
			d, err := a.debs.get(pkg.SHA256, func() (*deb.Package, error) { return a.readDeb(ctx, section.Artifact(pkg), pkg) })
			if err != nil {
				return err
			}
			out[i] = compose.Package{
				Name: pkg.Name, Version: pkg.Version, SHA256: pkg.SHA256,
				Control: d.Control, Replaces: d.Replaces, Tree: d.Tree, MD5: d.MD5, MTime: d.MTime,
			}
			return nil
		})
	}
	return out, g.Wait()
}

func (a *assembly) readDeb(ctx context.Context, art specs.Artifact, pkg specs.LockedPackage) (*deb.Package, error) {
	release, err := a.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	scratch, err := a.newScratch()
	if err != nil {
		return nil, err
	}
	r, err := a.src.Open(ctx, art)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	d, err := deb.Read(digest.NewReader(r, art.SHA256, art.Size), scratch, deb.Options{Origin: "deb:" + pkg.Name})
	if err != nil {
		return nil, fmt.Errorf("package %s %s: %w", pkg.Name, pkg.Version, err)
	}
	if d.Name != pkg.Name || d.Version != pkg.Version || d.Architecture != pkg.Architecture {
		return nil, fmt.Errorf("package %s %s (%s) calls itself %s %s (%s)", pkg.Name, pkg.Version, pkg.Architecture, d.Name, d.Version, d.Architecture)
	}
	return d, nil
}

// input reads a local file of the spec.
func (a *assembly) input(ctx context.Context, lock *specs.Lock, path string) (rootfs.Content, error) {
	i := slices.IndexFunc(lock.Inputs, func(in specs.Input) bool { return in.Path == path })
	if i < 0 {
		return rootfs.Content{}, fmt.Errorf("the lock of %s does not pin %s", lock.Spec.Name, path)
	}
	in := lock.Inputs[i]
	return a.inputs.get(in, func() (rootfs.Content, error) {
		scratch, err := a.newScratch()
		if err != nil {
			return rootfs.Content{}, err
		}
		r, err := a.src.Open(ctx, in.Artifact())
		if err != nil {
			return rootfs.Content{}, err
		}
		defer r.Close()
		if _, err := io.Copy(io.NewOffsetWriter(scratch, 0), digest.NewReader(r, in.SHA256, in.Size)); err != nil {
			return rootfs.Content{}, fmt.Errorf("%s: %w", path, err)
		}
		return rootfs.Section(scratch, 0, in.Size), nil
	})
}

// write makes the blob of a layer and puts it into the layer cache.
func (a *assembly) write(ctx context.Context, l compose.Layer) (layer.Layer, error) {
	key, err := l.Key(Recipe, gz.Encoder)
	if err != nil {
		return layer.Layer{}, err
	}
	return a.blobs.get(key, func() (layer.Layer, error) {
		if known, ok := a.opt.Layers.Recall(key); ok && len(known) == 1 {
			return known[0].Layer, nil
		}
		release, err := a.acquire(ctx)
		if err != nil {
			return layer.Layer{}, err
		}
		defer release()
		blob, err := a.opt.Layers.Create()
		if err != nil {
			return layer.Layer{}, err
		}
		defer blob.Discard()
		written, err := layer.Write(blob, l.Tree, l.MTime)
		if err != nil {
			return layer.Layer{}, fmt.Errorf("layer %s: %w", l.Name, err)
		}
		if err := blob.Commit(written.Digest, written.Size); err != nil {
			return layer.Layer{}, err
		}
		a.opt.Layers.Remember(key, []oci.NamedLayer{{Layer: written, Name: l.Name}})
		return written, nil
	})
}

// memo remembers results by key within one run. Concurrent callers of one key
// wait for the first.
type memo[K comparable, V any] struct {
	mu sync.Mutex
	m  map[K]func() (V, error)
}

func (m *memo[K, V]) get(key K, make func() (V, error)) (V, error) {
	m.mu.Lock()
	once, ok := m.m[key]
	if !ok {
		once = sync.OnceValues(make)
		if m.m == nil {
			m.m = map[K]func() (V, error){}
		}
		m.m[key] = once
	}
	m.mu.Unlock()
	return once()
}
