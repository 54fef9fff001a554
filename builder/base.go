package builder

import (
	"context"
	"fmt"
	"maps"
	"reflect"

	"github.com/basal-project/basal/builder/baseimage"
	"github.com/basal-project/basal/builder/compose"
	"github.com/basal-project/basal/builder/layer"
	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// foundation is the image that a chain stands on: a published base's for the
// chain's platform.
type foundation struct {
	base     *specs.LockedBase
	image    *specs.LockedImage
	platform specs.Platform
}

// lockOfBase returns the lock that names the base of lock's images, nil when they
// stand on scratch. Whoever extends an image inherits its base.
func lockOfBase(lock *specs.Lock) *specs.Lock {
	for lock.Extends != nil {
		lock = lock.Extends
	}
	if lock.Base == nil {
		return nil
	}
	return lock
}

// foundationOf returns what the images of lock for p stand on, nil for scratch.
func foundationOf(lock *specs.Lock, p specs.Platform) (*foundation, error) {
	lock = lockOfBase(lock)
	if lock == nil {
		return nil, nil
	}
	section, ok := lock.Platform(p)
	if !ok || section.Base == nil {
		return nil, fmt.Errorf("the lock of %s has no base for %s", lock.Spec.Name, p)
	}
	return &foundation{lock.Base, section.Base, p}, nil
}

// key names the layers of the foundation; the zero digest is scratch.
func (f *foundation) key() digest.Digest {
	if f == nil {
		return digest.Digest{}
	}
	return f.image.Manifest
}

// foundationKey names a foundation: an index may give one manifest to several
// platforms.
type foundationKey struct {
	manifest digest.Digest
	platform specs.Platform
}

func (f *foundation) id() foundationKey { return foundationKey{f.image.Manifest, f.platform} }

// readBases reads the documents of the bases, which are small, and holds them
// against the lock: an image's layers begin with those of the manifest that the
// base's index names for the platform, and of no other.
func (a *assembly) readBases(ctx context.Context, chains []chain) error {
	for _, c := range chains {
		f := c.base
		if f == nil {
			continue
		}
		if _, ok := a.bases[f.id()]; ok {
			continue
		}
		found, err := baseimage.Find(ctx, a.src, f.base, f.platform)
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(found.Locked, *f.image) {
			return diag.Usagef("the lock says something else than the base %s, which it names, does for %s", f.base.Name, f.platform).
				WithHint("run basal lock to make it current")
		}
		a.bases[f.id()] = found.Config
	}
	return nil
}

// composeBase returns the file system that a chain's floors stand on.
func (a *assembly) composeBase(ctx context.Context, f *foundation) (compose.Image, error) {
	if f == nil {
		return compose.Image{}, nil
	}
	a.mu.Lock()
	image, ok := a.images[f.key()]
	a.mu.Unlock()
	if ok {
		return image, nil
	}
	scratch := func() (baseimage.Scratch, error) { return a.newScratch() }
	tree, err := baseimage.ReadTree(ctx, a.src, f.base, f.image, compose.BaseOrigin(f.base.Name), scratch, a.each)
	if err != nil {
		return compose.Image{}, err
	}
	image, err = compose.Base(tree)
	if err != nil {
		return compose.Image{}, fmt.Errorf("base %s: %w", f.base.Name, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.images[f.key()] = image
	return image, nil
}

// under returns what the image of a chain takes over from its base.
func (a *assembly) under(c chain) oci.Base {
	if c.base == nil {
		return oci.Base{}
	}
	config := a.bases[c.base.id()]
	under := oci.Base{Run: config.Run, History: config.History}
	for _, l := range c.base.image.Layers {
		named := oci.NamedLayer{Layer: layer.Layer{DiffID: l.DiffID, Digest: l.Digest, Size: l.Size}, Name: "layer of " + c.base.base.Name}
		if t := oci.LayerType(l.MediaType); t != oci.MediaTypeLayer {
			named.MediaType = t
		}
		under.Layers = append(under.Layers, named)
	}
	return under
}

// withBase adds to a config the annotations that name the base. They come from
// the lock, whatever else says so.
func withBase(lock *specs.Lock, config specs.Config) specs.Config {
	lock = lockOfBase(lock)
	if lock == nil {
		return config
	}
	annotations := map[string]string{}
	maps.Copy(annotations, config.Annotations)
	annotations[specs.BaseName] = lock.Base.Name
	annotations[specs.BaseDigest] = lock.Base.Digest.String()
	config.Annotations = annotations
	return config
}
