package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"

	"github.com/basal-project/basal/builder/baseimage"
	"github.com/basal-project/basal/builder/layout"
	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/builder/registry"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// bases finds and opens published images that specs stand on. It is a
// locking.Bases and a fetch.Registry.
type bases struct {
	client  *registry.Client
	offline bool

	mu    sync.Mutex
	known map[string]*registry.Repository // one for each, so that there is one handshake
}

func newBases(client *registry.Client, offline bool) *bases {
	return &bases{client: client, offline: offline, known: map[string]*registry.Repository{}}
}

func (b *bases) repository(name string) (*registry.Repository, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r, ok := b.known[name]; ok {
		return r, nil
	}
	ref, err := b.client.Parse(name)
	if err != nil {
		return nil, err
	}
	r := b.client.Repository(ref)
	b.known[name] = r
	return r, nil
}

// Resolve implements locking.Bases.
func (b *bases) Resolve(ctx context.Context, from specs.From) (oci.Document, error) {
	if b.offline {
		return oci.Document{}, diag.Unavailablef("%s can be resolved only with a network", from.Name()).
			WithHint("what is pinned by digest, and was locked before, needs none")
	}
	r, err := b.repository(from.Repository)
	if err != nil {
		return oci.Document{}, err
	}
	if !from.Digest.IsZero() {
		return r.Resolve(ctx, from.Digest.String())
	}
	return r.Resolve(ctx, from.Tag)
}

// Open implements fetch.Registry.
func (b *bases) Open(ctx context.Context, a specs.Artifact) (io.ReadCloser, error) {
	r, err := b.repository(a.Repository)
	if err != nil {
		return nil, err
	}
	d := oci.Descriptor{MediaType: a.MediaType, Digest: a.SHA256, Size: a.Size}
	if baseimage.CheckType(a.MediaType) != nil {
		return r.Open(ctx, d)
	}
	doc, err := r.Document(ctx, d)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(doc.Bytes)), nil
}

// rootOf returns the lock at the end of what lock extends: the one that can have
// a base.
func rootOf(lock *specs.Lock) *specs.Lock {
	for lock.Extends != nil {
		lock = lock.Extends
	}
	return lock
}

// baseArtifacts returns what a build reads of the base of lock: index, manifests,
// configs and layers.
func baseArtifacts(lock *specs.Lock) []specs.Artifact {
	base := rootOf(lock).Base
	if base == nil {
		return nil
	}
	all := []specs.Artifact{base.Artifact(base.Blob())}
	for _, p := range rootOf(lock).Platforms {
		if p.Base == nil {
			continue
		}
		all = append(all, base.Artifact(p.Base.Blob()), base.Artifact(p.Base.Config))
		for _, l := range p.Base.Layers {
			all = append(all, base.Artifact(l.LockedBlob))
		}
	}
	return all
}

// allLayers gives the layers of an image: those that a build made, and those of
// its base.
type allLayers struct {
	ctx  context.Context // of the build that they are for
	own  layout.Blobs
	in   *input
	base map[digest.Digest]specs.Artifact
}

// withBase adds the layers of the base of in to own, if it has one.
func (in *input) withBase(ctx context.Context, own layout.Blobs) layout.Blobs {
	list := baseArtifacts(in.lock)
	if len(list) == 0 {
		return own
	}
	all := allLayers{ctx, own, in, map[digest.Digest]specs.Artifact{}}
	for _, a := range list {
		all.base[a.SHA256] = a
	}
	return all
}

// Open implements layout.Blobs.
func (l allLayers) Open(d digest.Digest, size int64) (io.ReadCloser, error) {
	r, err := l.own.Open(d, size)
	if a, ok := l.base[d]; ok && errors.Is(err, fs.ErrNotExist) {
		return l.in.Open(l.ctx, a)
	}
	return r, err
}
