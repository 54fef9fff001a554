package main

import (
	"cmp"
	"context"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/basal-project/basal/builder"
	"github.com/basal-project/basal/builder/inspect"
	"github.com/basal-project/basal/builder/layout"
	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/builder/registry"
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

// inspectRepository resolves a reference. A digest decides, whatever a tag beside
// it names by now.
func inspectRepository(cmd *cobra.Command, client *registry.Client, ref registry.Reference) (*inspected, error) {
	at := client.Repository(ref)
	found := &inspected{place: at, name: ref.Repository(), close: func() {}}
	name := ref.Digest().String()
	if ref.Digest().IsZero() {
		name = cmp.Or(ref.Tag(), specs.Latest)
		found.tag = name
	}
	var err error
	found.root, err = at.Resolve(cmd.Context(), name)
	return found, err
}

// inspectLayout opens a layout, and the tag that is named, else latest, else the
// only one that there is.
func inspectLayout(cmd *cobra.Command, p place) (*inspected, error) {
	l, err := layout.Open(p.path)
	if err != nil {
		return nil, err
	}
	found := &inspected{name: p.path, close: func() { l.Close() }}
	at, err := l.Finder()
	if err == nil {
		found.place = at
		err = found.choose(cmd.Context(), at, p.tag)
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
	in, err := openImage(cmd, arg, &f.sourceFlags)
	if err != nil {
		return nil, err
	}
	defer in.close(cmd)
	found := &inspected{close: func() {}}
	opt := builder.Options{Variants: []string{cmp.Or(f.variant, specs.Latest)}, Scratch: scratch}
	_, err = in.build(cmd.Context(), opt, false, func(r *builder.Result, blobs layout.Blobs) error {
		image := layoutImages(r)[0]
		found.place = unpublished{newBuilt([]layout.Image{image}, blobs)}
		found.root, found.name, found.tag = image.Index, r.Name, image.Tag
		return nil
	})
	return found, err
}

// unpublished is what a build made as an inspect.Place.
type unpublished struct{ *built }

// Resolve implements inspect.Place.
func (u unpublished) Resolve(ctx context.Context, name string) (oci.Document, error) {
	d, err := digest.Parse(name)
	if err != nil {
		return oci.Document{}, err
	}
	return u.Document(ctx, oci.Descriptor{Digest: d})
}

// Referrers implements inspect.Place: nothing refers to what is not published.
func (unpublished) Referrers(context.Context, digest.Digest) ([]oci.Descriptor, error) {
	return nil, nil
}
