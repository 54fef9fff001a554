package builder

import (
	"context"
	"io"
	"runtime"
	"slices"
	"strings"

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
	Compiler  Compiler // makes Go programs; nil when the lock has none
	Workers   int      // how many things are done at once; 0 means one for each processor
}

// Build assembles what lock describes. The bytes of the layers are in
// opt.Layers afterwards. Errors about the lock have exit code 2.
func Build(ctx context.Context, lock *specs.Lock, src Source, opt Options) (*Result, error) {
	platforms, variants, err := selection(lock, opt)
	if err != nil {
		return nil, err
	}
	a := newAssembly(src, opt)
	defer a.close()
	if err := a.compile(ctx, lock, platforms, variants); err != nil {
		return nil, err
	}
	plans, chains, err := plan(lock, platforms, variants, a.binaries)
	if err != nil {
		return nil, err
	}
	if err := a.readInputs(ctx, chains); err != nil { // also when all layers are remembered: a file that was edited is an error
		return nil, err
	}
	if err := a.readBases(ctx, chains); err != nil {
		return nil, err
	}
	layers, err := a.layers(ctx, chains)
	if err != nil {
		return nil, err
	}
	result := &Result{Name: lock.Spec.Name}
	for _, p := range plans {
		v := Variant{Name: p.name}
		for _, c := range p.chains {
			section, _ := lock.Platform(c.platform) // selection took the platform from there
			image, err := oci.NewImageOn(a.under(c), c.platform, layers[c.key], p.config, section.Epoch)
			if err != nil {
				return nil, err
			}
			v.Images = append(v.Images, image)
			v.Programs = append(v.Programs, a.binaries.made(c))
		}
		if v.Index, err = oci.NewIndex(v.Images, p.config.Annotations); err != nil {
			return nil, err
		}
		result.Variants = append(result.Variants, v)
	}
	return result, nil
}

// variantPlan is what a variant will be made of.
type variantPlan struct {
	name   string
	config specs.Config
	chains []chain // one for each platform
}

// plan returns the variants, and the distinct chains among theirs.
func plan(lock *specs.Lock, platforms []specs.Platform, variants []string, made binaries) (plans []variantPlan, chains []chain, err error) {
	known := map[floorAt]digest.Digest{}
	for _, name := range variants {
		floors, config, err := floorsOf(lock, name)
		if err != nil {
			return nil, nil, err
		}
		v := variantPlan{name: name, config: withBase(lock, config)}
		for _, p := range platforms {
			c, err := newChain(p, floors, made, known)
			if err != nil {
				return nil, nil, err
			}
			v.chains = append(v.chains, c)
			if !slices.ContainsFunc(chains, func(o chain) bool { return o.key == c.key }) {
				chains = append(chains, c)
			}
		}
		plans = append(plans, v)
	}
	return plans, chains, nil
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
	if err := a.compile(ctx, lock, platforms[:1], variants[:1]); err != nil {
		return err
	}
	_, chains, err := plan(lock, platforms[:1], variants[:1], a.binaries)
	if err != nil {
		return err
	}
	if err := a.readInputs(ctx, chains); err != nil {
		return err
	}
	if err := a.readBases(ctx, chains); err != nil {
		return err
	}
	if err := a.compose(ctx, chains); err != nil {
		return err
	}
	return visit(a.images[chains[0].key].Tree)
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
			var names []string
			for _, section := range lock.Platforms {
				names = append(names, section.Platform.String())
			}
			return nil, nil, diag.Usagef("%s has no platform %s", lock.Spec.Name, p).WithHint("it has %s", strings.Join(names, ", "))
		}
	}
	variants := lock.Spec.VariantNames()
	for _, v := range opt.Variants {
		if !slices.Contains(variants, v) {
			return nil, nil, diag.Usagef("%s has no variant %q", lock.Spec.Name, v).WithHint("it has %s", strings.Join(variants, ", "))
		}
	}
	if len(opt.Variants) > 0 {
		variants = slices.DeleteFunc(variants, func(v string) bool { return !slices.Contains(opt.Variants, v) })
	}
	return platforms, variants, nil
}

func (o Options) workers() int {
	if o.Workers > 0 {
		return o.Workers
	}
	return runtime.GOMAXPROCS(0)
}
