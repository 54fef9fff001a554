package main

import (
	"bytes"
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
	layers    layout.Blobs
}

func newBuilt(images []layout.Image, layers layout.Blobs) *built {
	b := &built{map[digest.Digest]oci.Document{}, layers}
	for _, image := range images {
		b.add(image.Index)
		for _, p := range image.Platforms {
			b.add(p.Manifest)
			b.add(p.Config)
		}
	}
	return b
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
