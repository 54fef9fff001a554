package builder

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/internal/gz"
	"github.com/basal-project/basal/specs"
)

// Recipe numbers the rules of assembly. It rises whenever a change to this
// program changes a byte of any image; a lock names the recipe it was made for.
const Recipe = 1

// Source opens the bytes that an artifact names. What it returns is not
// trusted: every reader is checked against the artifact's digest and size.
type Source interface {
	Open(ctx context.Context, a specs.Artifact) (io.ReadCloser, error)
}

// ScratchFile is a private temporary file. It vanishes when it is closed.
type ScratchFile interface {
	io.WriterAt
	io.ReaderAt
	io.Closer
}

// Layers keeps finished layers, and may remember them from run to run.
type Layers interface {
	Recall(key digest.Digest) ([]oci.NamedLayer, bool)
	Remember(key digest.Digest, layers []oci.NamedLayer)
	Create() (Blob, error)
}

// Blob is a layer that is being written. Commit names it; Discard, in a defer,
// does nothing after that.
type Blob interface {
	io.Writer
	Commit(d digest.Digest, size int64) error
	Discard()
}

// Options says how to build. They cannot change a byte of what is built.
type Options struct {
	Platforms []specs.Platform // all of the lock's when empty
	Variants  []string         // all of the spec's when empty
	Layers    Layers           // where finished layers go
	Scratch   func() (ScratchFile, error)
	Workers   int // how many things are done at once; 0 means one for each processor
}

// Build assembles what lock describes. The bytes of the layers are in
// opt.Layers afterwards. Errors about the lock have exit code 2.
func Build(ctx context.Context, lock *specs.Lock, src Source, opt Options) (*Result, error) {
	platforms, variants, err := selection(lock, opt)
	if err != nil {
		return nil, err
	}
	if err := gz.SelfCheck(); err != nil {
		return nil, err
	}
	a := newAssembly(src, opt)
	defer a.close()

	result := &Result{Name: lock.Spec.Name, Variants: make([]Variant, len(variants))}
	g, ctx := errgroup.WithContext(ctx)
	for i, variant := range variants {
		v := &result.Variants[i]
		v.Name = variant
		v.Images = make([]oci.Image, len(platforms))
		for j, p := range platforms {
			g.Go(func() (err error) {
				v.Images[j], err = a.image(ctx, lock, variant, p)
				return err
			})
		}
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i := range result.Variants {
		v := &result.Variants[i]
		_, config, err := chain(lock, v.Name)
		if err != nil {
			return nil, err
		}
		if v.Index, err = oci.NewIndex(v.Images, config.Annotations); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// Visit calls visit with the merged file system of one platform of a variant.
// Contents can be read only during the call.
func Visit(ctx context.Context, lock *specs.Lock, src Source, opt Options, visit func(rootfs.Tree) error) error {
	platforms, variants, err := selection(lock, opt)
	if err != nil {
		return err
	}
	a := newAssembly(src, opt)
	defer a.close()
	floors, _, err := chain(lock, variants[0])
	if err != nil {
		return err
	}
	image, err := a.compose(ctx, floors, platforms[0])
	if err != nil {
		return err
	}
	return visit(image.Tree)
}

// image makes the config and manifest of one platform of a variant.
func (a *assembly) image(ctx context.Context, lock *specs.Lock, variant string, p specs.Platform) (oci.Image, error) {
	floors, config, err := chain(lock, variant)
	if err != nil {
		return oci.Image{}, err
	}
	layers, err := a.layers(ctx, floors, p)
	if err != nil {
		return oci.Image{}, fmt.Errorf("%s for %s: %w", variant, p, err)
	}
	section, ok := lock.Platform(p)
	if !ok {
		return oci.Image{}, fmt.Errorf("internal error: %s was selected but is not in the lock", p)
	}
	return oci.NewImage(p, layers, config, section.Epoch)
}

// selection checks that this program can build lock, and narrows what it lists
// to what opt asks for.
func selection(lock *specs.Lock, opt Options) ([]specs.Platform, []string, error) {
	for l := lock; l != nil; l = l.Extends {
		if l.Recipe != Recipe {
			return nil, nil, diag.Usagef("the lock of %s is for assembly recipe %d, and this basal knows recipe %d", l.Spec.Name, l.Recipe, Recipe).
				WithHint("use the basal release that made the lock, or run basal lock to make a new one")
		}
		if l.Encoder != gz.Encoder {
			return nil, nil, diag.Usagef("the lock of %s is for the encoder %s, and this basal has %s", l.Spec.Name, l.Encoder, gz.Encoder).
				WithHint("use the basal release that made the lock, or run basal lock to make a new one")
		}
	}
	var platforms []specs.Platform
	for _, section := range lock.Platforms {
		if len(opt.Platforms) == 0 || slices.Contains(opt.Platforms, section.Platform) {
			platforms = append(platforms, section.Platform)
		}
	}
	for _, p := range opt.Platforms {
		if !slices.Contains(platforms, p) {
			return nil, nil, diag.Usagef("%s has no locked platform %s", lock.Spec.Name, p)
		}
	}
	variants := lock.Spec.VariantNames()
	for _, v := range opt.Variants {
		if !slices.Contains(variants, v) {
			return nil, nil, diag.Usagef("%s has no variant %q", lock.Spec.Name, v)
		}
	}
	if len(opt.Variants) > 0 {
		variants = opt.Variants
	}
	return platforms, variants, nil
}

func (o Options) workers() int {
	if o.Workers > 0 {
		return o.Workers
	}
	return runtime.GOMAXPROCS(0)
}
