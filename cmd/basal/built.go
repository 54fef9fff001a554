package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"

	"github.com/basal-project/basal/builder/layout"
	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/digest"
)

// built is what a build made, as a transfer.Reader: documents that are in memory,
// and layers in the store that they were made in, or that has those of the base.
type built struct {
	documents map[digest.Digest]oci.Document // indexes, manifests and configs
	named     map[digest.Digest]names        // of indexes and manifests
	layers    layout.Blobs
}

// names is what an index, or a manifest, names.
type names struct{ documents, blobs []oci.Descriptor }

func newBuilt(images []layout.Image, layers layout.Blobs) *built {
	b := &built{map[digest.Digest]oci.Document{}, map[digest.Digest]names{}, layers}
	for _, image := range images {
		b.add(image.Index)
		var manifests []oci.Descriptor
		for _, p := range image.Platforms {
			b.add(p.Manifest)
			b.add(p.Config)
			manifests = append(manifests, p.Manifest.Descriptor)
			blobs := []oci.Descriptor{p.Config.Descriptor}
			for _, l := range p.Layers {
				blobs = append(blobs, oci.Descriptor{MediaType: cmp.Or(l.MediaType, oci.MediaTypeLayer), Digest: l.Digest, Size: l.Size})
			}
			b.named[p.Manifest.Descriptor.Digest] = names{blobs: blobs}
		}
		b.named[image.Index.Descriptor.Digest] = names{documents: manifests}
	}
	return b
}

// Named implements transfer.Maker.
func (b *built) Named(d digest.Digest) (documents, blobs []oci.Descriptor, ok bool) {
	n, ok := b.named[d]
	return n.documents, n.blobs, ok
}

func (b *built) add(doc oci.Document) { b.documents[doc.Descriptor.Digest] = doc }

// Document implements transfer.Reader.
func (b *built) Document(_ context.Context, d oci.Descriptor) (oci.Document, error) {
	doc, ok := b.documents[d.Digest]
	if !ok {
		return oci.Document{}, fmt.Errorf("document %s: %w", d.Digest, fs.ErrNotExist)
	}
	return oci.Document{Bytes: doc.Bytes, Descriptor: d}, nil
}

// Open implements transfer.Reader.
func (b *built) Open(_ context.Context, d oci.Descriptor) (io.ReadCloser, error) {
	if doc, ok := b.documents[d.Digest]; ok {
		return io.NopCloser(digest.NewReader(bytes.NewReader(doc.Bytes), d.Digest, d.Size)), nil
	}
	return b.layers.Open(d.Digest, d.Size)
}
