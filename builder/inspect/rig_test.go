package inspect

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"testing"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/canonjson"
	"github.com/basal-project/basal/internal/digest"
)

// store is a place in memory. A digest may name bytes that do not have it: what
// a hostile place would do.
type store struct {
	blobs     map[digest.Digest][]byte
	types     map[digest.Digest]string
	referrers map[digest.Digest][]oci.Descriptor
	asked     map[digest.Digest]int
	fault     error // of Referrers

	mu sync.Mutex // of asked
}

func newStore() *store {
	return &store{
		blobs: map[digest.Digest][]byte{}, types: map[digest.Digest]string{},
		referrers: map[digest.Digest][]oci.Descriptor{}, asked: map[digest.Digest]int{},
	}
}

func (s *store) Resolve(_ context.Context, name string) (oci.Document, error) {
	d, err := digest.Parse(name)
	if err != nil {
		return oci.Document{}, err
	}
	return s.get(oci.Descriptor{MediaType: s.types[d], Digest: d, Size: int64(len(s.blobs[d]))})
}

func (s *store) Document(_ context.Context, d oci.Descriptor) (oci.Document, error) { return s.get(d) }

func (s *store) get(d oci.Descriptor) (oci.Document, error) {
	b, ok := s.blobs[d.Digest]
	if !ok {
		return oci.Document{}, fmt.Errorf("%s: %w", d.Digest, fs.ErrNotExist)
	}
	s.mu.Lock()
	s.asked[d.Digest]++
	s.mu.Unlock()
	return oci.Document{Bytes: b, Descriptor: d}, nil
}

func (s *store) Open(_ context.Context, d oci.Descriptor) (io.ReadCloser, error) {
	b, ok := s.blobs[d.Digest]
	if !ok {
		return nil, fmt.Errorf("%s: %w", d.Digest, fs.ErrNotExist)
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

func (s *store) Referrers(_ context.Context, d digest.Digest) ([]oci.Descriptor, error) {
	return s.referrers[d], s.fault
}

// put stores text as it is.
func (s *store) put(mediaType, text string) oci.Descriptor {
	b := []byte(text)
	d := oci.Descriptor{MediaType: mediaType, Digest: digest.Of(b), Size: int64(len(b))}
	s.blobs[d.Digest], s.types[d.Digest] = b, mediaType
	return d
}

func (s *store) marshal(t testing.TB, mediaType string, v any) oci.Descriptor {
	t.Helper()
	b, err := canonjson.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return s.put(mediaType, string(b))
}

func (s *store) document(t testing.TB, d oci.Descriptor) oci.Document {
	t.Helper()
	doc, err := s.Document(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// layerOf is a descriptor of a layer that nobody reads.
func layerOf(name string) oci.Descriptor {
	return oci.Descriptor{MediaType: oci.MediaTypeLayer, Digest: digest.Of([]byte(name)), Size: int64(1000 * len(name))}
}

// image stores config and manifest of an image whose layers are made by names.
func (s *store) image(t testing.TB, arch string, annotations map[string]string, names ...string) oci.Descriptor {
	t.Helper()
	var ids, history []any
	layers := []oci.Descriptor{}
	for _, n := range names {
		layers = append(layers, layerOf(n))
		ids = append(ids, digest.Of([]byte("tar of "+n)))
		history = append(history, map[string]any{"created_by": "basal: " + n})
	}
	config := s.marshal(t, oci.MediaTypeConfig, map[string]any{
		"architecture": arch, "os": "linux", "created": "2026-11-21T03:10:46+01:00",
		"config":  map[string]any{"User": "65532", "Entrypoint": []string{"/a", "b c"}, "Env": []string{"A=1", "B=2"}, "ExposedPorts": map[string]any{"80/tcp": map[string]any{}}},
		"rootfs":  map[string]any{"type": "layers", "diff_ids": ids},
		"history": history,
	})
	d := s.marshal(t, oci.MediaTypeManifest, oci.Manifest{SchemaVersion: 2, MediaType: oci.MediaTypeManifest, Config: config, Layers: layers, Annotations: annotations})
	d.Platform = &oci.Platform{OS: "linux", Architecture: arch}
	return d
}

func (s *store) index(t testing.TB, annotations map[string]string, manifests ...oci.Descriptor) oci.Descriptor {
	t.Helper()
	return s.marshal(t, oci.MediaTypeIndex, oci.Index{SchemaVersion: 2, MediaType: oci.MediaTypeIndex, Manifests: manifests, Annotations: annotations})
}
