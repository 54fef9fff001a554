package builder_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"

	"github.com/basal-project/basal/builder"
	"github.com/basal-project/basal/builder/debian/debtest"
	"github.com/basal-project/basal/builder/layers"
	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/internal/gz"
	"github.com/basal-project/basal/specs"
)

// memory is a source, and counts what was asked for.
type memory struct {
	mu    sync.Mutex
	files map[digest.Digest][]byte
	asked []specs.Artifact
}

func (m *memory) Open(_ context.Context, a specs.Artifact) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, a)
	b, ok := m.files[a.SHA256]
	if !ok {
		return nil, fmt.Errorf("no %s", a.Path)
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

// scratch is a scratch file in memory.
type scratch struct {
	mu sync.Mutex
	b  []byte
}

func newScratch() (builder.ScratchFile, error) { return &scratch{}, nil }

func (s *scratch) WriteAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if end := int(off) + len(p); end > len(s.b) {
		s.b = append(s.b, make([]byte, end-len(s.b))...)
	}
	return copy(s.b[off:], p), nil
}

func (s *scratch) ReadAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.NewReader(s.b).ReadAt(p, off)
}

func (s *scratch) Close() error { return nil }

// rig is a lock, and a source that has what it names.
type rig struct {
	t    testing.TB
	lock *specs.Lock
	src  *memory
}

// add puts bytes into the source.
func (r *rig) add(b []byte) digest.Digest {
	r.src.files[digest.Of(b)] = b
	return digest.Of(b)
}

// newRig locks a spec by hand, without an archive: debs are what it may name.
func newRig(t testing.TB, yaml string, debs []debtest.Deb, inputs map[string]string) *rig {
	t.Helper()
	spec, err := specs.Parse("image.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, src: &memory{files: map[digest.Digest][]byte{}}}
	r.lock = &specs.Lock{Version: specs.FormatVersion, Recipe: builder.Recipe, Encoder: gz.Encoder, Spec: *spec, Groups: map[string][][]string{}}
	for _, path := range spec.InputFiles() {
		b := []byte(inputs[path])
		r.lock.Inputs = append(r.lock.Inputs, specs.Input{Path: path, Size: int64(len(b)), SHA256: r.add(b)})
	}
	for _, name := range spec.Packages {
		r.lock.Groups[specs.Latest] = append(r.lock.Groups[specs.Latest], []string{name})
	}
	for variant, patch := range spec.Variants {
		for _, name := range patch.Packages {
			r.lock.Groups[variant] = append(r.lock.Groups[variant], []string{name})
		}
	}
	for _, p := range spec.Platforms {
		section := specs.LockedPlatform{Platform: p, Epoch: debtest.DefaultTime.Unix()}
		for _, name := range spec.LockedPackages() {
			i := slices.IndexFunc(debs, func(d debtest.Deb) bool { return d.Name == name && (d.Arch == "" || d.Arch == p.Debian()) })
			d := debs[i]
			b := d.Bytes(t)
			arch := d.Arch
			if arch == "" {
				arch = "all"
			}
			section.Packages = append(section.Packages, specs.LockedPackage{
				Name: name, Version: "1.0", Architecture: arch, Source: name, Archive: "debian", Suite: "trixie", Component: "main",
				Path: "pool/" + d.Filename(), Size: int64(len(b)), SHA256: r.add(b),
			})
		}
		r.lock.Platforms = append(r.lock.Platforms, section)
	}
	return r
}

// options keep layers in memory.
func options(t testing.TB) (builder.Options, *layers.Private) {
	store := layers.NewPrivate(newScratch)
	t.Cleanup(store.Close)
	return builder.Options{Layers: store, Scratch: newScratch}, store
}

func (r *rig) build(change func(*builder.Options)) (*builder.Result, error) {
	opt, store := options(r.t)
	if change != nil {
		change(&opt)
	}
	result, err := builder.Build(context.Background(), r.lock, r.src, opt)
	if err == nil && opt.Layers == builder.Layers(store) {
		r.checkBlobs(result, store)
	}
	return result, err
}

func (r *rig) mustBuild(change func(*builder.Options)) *builder.Result {
	r.t.Helper()
	result, err := r.build(change)
	if err != nil {
		r.t.Fatal(err)
	}
	return result
}

// checkBlobs reads every layer as its descriptor names it.
func (r *rig) checkBlobs(result *builder.Result, store *layers.Private) {
	r.t.Helper()
	for _, v := range result.Variants {
		for _, i := range v.Images {
			for _, l := range i.Layers {
				f, err := store.Open(l.Digest, l.Size)
				if err != nil {
					r.t.Fatal(err)
				}
				h := sha256.New()
				if _, err := io.Copy(h, f); err != nil || digest.Digest(h.Sum(nil)) != l.Digest {
					r.t.Errorf("layer %s: %v", l.Name, err)
				}
			}
		}
	}
}

// indexes returns the digests of all variants.
func indexes(r *builder.Result) map[string]string {
	out := map[string]string{}
	for _, v := range r.Variants {
		out[v.Name] = v.Index.Descriptor.Digest.String()
	}
	return out
}

// remembering is a cache of layers that can be read and damaged.
type remembering struct {
	*layers.Private
	mu     sync.Mutex
	known  map[digest.Digest][]oci.NamedLayer
	create int
}

func (m *remembering) Recall(key digest.Digest) ([]oci.NamedLayer, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	list, ok := m.known[key]
	return list, ok
}

func (m *remembering) Remember(key digest.Digest, list []oci.NamedLayer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known[key] = list
}

func (m *remembering) Create() (builder.Blob, error) {
	m.mu.Lock()
	m.create++
	m.mu.Unlock()
	return m.Private.Create()
}

var errFull = errors.New("disk full")
