package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/basal-project/basal/builder"
	"github.com/basal-project/basal/builder/inspect"
	"github.com/basal-project/basal/builder/layers"
	"github.com/basal-project/basal/builder/layout"
	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// inspected is what an argument of basal inspect was found to be.
type inspected struct {
	place inspect.Place
	root  oci.Document
	name  string
	tag   string // "" when there is none
	close func()
}

const layoutPrefix = "oci:" // oci:PATH or oci:PATH:TAG

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// inspectLayout opens a layout, and the tag that is named, else latest, else the
// only one that there is.
func inspectLayout(cmd *cobra.Command, arg string) (*inspected, error) {
	path, explicit := strings.CutPrefix(arg, layoutPrefix)
	tag := ""
	if i := strings.LastIndexByte(path, ':'); explicit && i > strings.LastIndexByte(path, '/') {
		path, tag = path[:i], path[i+1:]
	}
	l, err := layout.Open(path)
	if err != nil {
		return nil, err
	}
	found := &inspected{name: path, close: func() { l.Close() }}
	at, err := l.Finder()
	if err == nil {
		found.place = at
		err = found.choose(cmd.Context(), at, tag)
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return found, nil
}

func (i *inspected) choose(ctx context.Context, at *layout.Finder, tag string) error {
	tags, err := at.Tags(ctx)
	if err != nil {
		return err
	}
	if tag == "" && slices.Contains(tags, specs.Latest) {
		tag = specs.Latest
	}
	if tag == "" && len(tags) == 1 {
		tag = tags[0]
	}
	if tag == "" && len(tags) == 0 {
		docs, err := at.Untagged()
		if err != nil {
			return err
		}
		if len(docs) != 1 {
			return diag.Usagef("%s: want one image, found %d without tags", i.name, len(docs))
		}
		i.root = docs[0]
		return nil
	}
	if !slices.Contains(tags, tag) {
		fault := diag.Usagef("%s: no tag %q", i.name, tag)
		if tag == "" {
			fault = diag.Usagef("%s has several tags, and none of them is %s", i.name, specs.Latest)
		}
		return fault.WithHint("name one as oci:%s:TAG; there are %s", i.name, strings.Join(tags[:min(len(tags), 20)], ", "))
	}
	i.tag = tag
	i.root, err = at.Resolve(ctx, tag)
	return err
}

// image builds an image as basal build does, without writing it anywhere. All its
// platforms are built, since the index digest depends on them.
func (f *inspectFlags) image(cmd *cobra.Command, arg string) (*inspected, error) {
	variant := f.variant
	if variant == "" {
		variant = specs.Latest
	}
	in, err := openImage(cmd, arg, &f.sourceFlags)
	if err != nil {
		return nil, err
	}
	defer in.close(cmd)
	result, err := builder.Build(cmd.Context(), in.lock, in, builder.Options{
		Variants: []string{variant}, Scratch: scratch, Layers: layers.Cached{Cache: in.cache},
	})
	if err != nil {
		return nil, err
	}
	v := result.Variants[0]
	at := unpublished{}
	for _, i := range v.Images {
		at[i.Manifest.Descriptor.Digest] = i.Manifest
		at[i.Config.Descriptor.Digest] = i.Config
	}
	return &inspected{place: at, root: v.Index, name: result.Name, tag: v.Name, close: func() {}}, nil
}

// unpublished has the manifests and configs of a build.
type unpublished map[digest.Digest]oci.Document

// Resolve implements inspect.Place.
func (b unpublished) Resolve(ctx context.Context, name string) (oci.Document, error) {
	d, err := digest.Parse(name)
	if err != nil {
		return oci.Document{}, err
	}
	return b.Document(ctx, oci.Descriptor{Digest: d})
}

// Document implements inspect.Place.
func (b unpublished) Document(_ context.Context, d oci.Descriptor) (oci.Document, error) {
	doc, ok := b[d.Digest]
	if !ok {
		return oci.Document{}, fmt.Errorf("document %s: %w", d.Digest, fs.ErrNotExist)
	}
	return doc, nil
}

// Open implements inspect.Place.
func (b unpublished) Open(ctx context.Context, d oci.Descriptor) (io.ReadCloser, error) {
	doc, err := b.Document(ctx, d)
	return io.NopCloser(bytes.NewReader(doc.Bytes)), err
}

// Referrers implements inspect.Place: nothing refers to what is not published.
func (b unpublished) Referrers(context.Context, digest.Digest) ([]oci.Descriptor, error) {
	return nil, nil
}
