package baseimage

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// Source opens the bytes that an artifact names. What it returns is not trusted:
// every reader is checked against the artifact's digest and size.
type Source interface {
	Open(ctx context.Context, a specs.Artifact) (io.ReadCloser, error)
}

// Image is one platform of a base: what a lock says of it, and its config.
type Image struct {
	Locked specs.LockedImage
	Config Config
}

// Find returns the image that the base has for p: by way of its index if it has
// one, its manifest and its config. A base without an image for p, or that cannot
// be used, is an error with exit code 2.
func Find(ctx context.Context, src Source, base *specs.LockedBase, p specs.Platform) (Image, error) {
	image, err := find(ctx, src, base, p)
	if err == nil {
		return image, nil
	}
	var missing *MissingError
	if errors.As(err, &missing) {
		return Image{}, diag.Usagef("base %s: %w", base.Name, err).WithHint("choose another base, or take the platform out of the spec")
	}
	return Image{}, about(base.Name, err)
}

// about says which base err is about.
func about(name string, err error) error {
	var fault unusable
	if errors.As(err, &fault) {
		return Unusable(name, err)
	}
	return fmt.Errorf("base %s: %w", name, err)
}

// Unusable returns err as a fault of the base that is called name, which only
// another base can mend: an error with exit code 2.
func Unusable(name string, err error) error {
	return diag.Usagef("base %s: %w", name, err).WithHint("choose another base")
}

// unusable is a fault of a base's documents or layers.
type unusable struct{ error }

func (u unusable) Unwrap() error { return u.error }

// faultIn names the document that is not usable.
func faultIn(what string, d digest.Digest, err error) error {
	return unusable{fmt.Errorf("%s %s: %w", what, d, err)}
}

func find(ctx context.Context, src Source, base *specs.LockedBase, p specs.Platform) (Image, error) {
	at := base.Blob()
	if err := CheckType(at.MediaType); err != nil {
		return Image{}, faultIn("document", at.Digest, err)
	}
	if IsIndex(at.MediaType) {
		index, err := document(ctx, src, base, at)
		if err != nil {
			return Image{}, err
		}
		chosen, err := Choose(index, p)
		if err != nil {
			return Image{}, faultIn("index", at.Digest, err)
		}
		at = chosen
	}
	doc, err := document(ctx, src, base, at)
	if err != nil {
		return Image{}, err
	}
	manifest, err := ParseManifest(doc)
	if err != nil {
		return Image{}, faultIn("manifest", at.Digest, err)
	}
	doc, err = document(ctx, src, base, manifest.Config)
	if err != nil {
		return Image{}, err
	}
	config, err := ParseConfig(doc.Bytes)
	if err != nil {
		return Image{}, faultIn("config", manifest.Config.Digest, err)
	}
	locked, err := Lock(p, at, manifest, config)
	if err != nil {
		return Image{}, faultIn("manifest", at.Digest, err)
	}
	return Image{locked, config}, nil
}

// document reads a document and checks it against its digest.
func document(ctx context.Context, src Source, base *specs.LockedBase, d specs.LockedBlob) (oci.Document, error) {
	if d.Size > MaxDocument {
		return oci.Document{}, faultIn("document", d.Digest, fmt.Errorf("%d bytes are more than %d", d.Size, MaxDocument))
	}
	r, err := src.Open(ctx, base.Artifact(d))
	if err != nil {
		return oci.Document{}, err
	}
	defer r.Close()
	b, err := io.ReadAll(digest.NewReader(r, d.Digest, d.Size))
	if err != nil {
		return oci.Document{}, fmt.Errorf("document %s: %w", d.Digest, err)
	}
	return oci.Document{Bytes: b, Descriptor: oci.Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size}}, nil
}

// Each calls do for the numbers below n, several at once if it likes, and
// returns an error when one of the calls did.
type Each func(ctx context.Context, n int, do func(ctx context.Context, i int) error) error

// InTurn is an Each that makes one call at a time.
func InTurn(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	for i := range n {
		if err := errors.Join(ctx.Err(), do(ctx, i)); err != nil {
			return err
		}
	}
	return nil
}

// ReadTree returns the file system of a base's image. All entries have the given
// origin; contents of files lie in the scratch files. Every layer is checked:
// the blob against its digest, the archive in it against its diffID. Layers that
// cannot be used are an error with exit code 2.
func ReadTree(ctx context.Context, src Source, base *specs.LockedBase, image *specs.LockedImage, origin string, scratch func() (Scratch, error), each Each) (rootfs.Tree, error) {
	layers := make([]*Layer, len(image.Layers))
	rd := NewReader(0)
	err := each(ctx, len(layers), func(ctx context.Context, i int) error {
		l := image.Layers[i]
		file, err := scratch()
		if err != nil {
			return err
		}
		r, err := src.Open(ctx, base.Artifact(l.LockedBlob))
		if err != nil {
			return err
		}
		defer r.Close()
		layers[i], err = rd.ReadLayer(digest.NewReader(patient{ctx, r}, l.Digest, l.Size), l, file)
		return err
	})
	var stack Stack
	for i, l := range layers {
		if err != nil {
			break
		}
		if err = stack.Add(ctx, l); err != nil && ctx.Err() == nil {
			err = faultIn("layer", image.Layers[i].Digest, err)
		}
	}
	var tree rootfs.Tree
	if err == nil {
		if tree, err = stack.Tree(origin); err != nil {
			err = unusable{err}
		}
	}
	if err != nil {
		return rootfs.Tree{}, about(base.Name, err)
	}
	return tree, nil
}

// patient reads for as long as somebody waits for it: what is in a cache already
// is read without asking.
type patient struct {
	ctx context.Context
	r   io.Reader
}

func (p patient) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	return p.r.Read(b)
}
