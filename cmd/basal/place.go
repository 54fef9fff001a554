package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/basal-project/basal/builder/fetch"
	"github.com/basal-project/basal/builder/layout"
	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/builder/registry"
	"github.com/basal-project/basal/builder/transfer"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// jobs is how many requests are made of a registry at once.
const jobs = 8

// insecureFlag adds --insecure to a command that talks to registries.
func insecureFlag(cmd *cobra.Command, on *bool) {
	cmd.Flags().BoolVar(on, "insecure", false, "plain HTTP to any registry; to this machine it is always allowed")
}

// registryClient returns a client of registries; p may be nil.
func registryClient(insecure bool, p fetch.Progress) *registry.Client {
	return registry.New(registry.Options{Insecure: insecure, UserAgent: "basal/" + version, Progress: p, Jobs: jobs})
}

// place is where an image is or shall be: a repository, or a layout on disk.
type place struct {
	path string // of a layout; "" for a repository
	tag  string // "" when none is said
	ref  registry.Reference
}

// parsePlace reads oci:PATH[:TAG], a path (it begins with . or /, ends in .tar, or
// a layout is there), or a reference to a registry.
func parsePlace(c *registry.Client, arg string) (place, error) {
	if rest, ok := strings.CutPrefix(arg, layoutPrefix); ok {
		p := place{path: rest}
		if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, '/') {
			p.path, p.tag = rest[:i], rest[i+1:]
		}
		if p.path == "" || p.path != rest && p.tag == "" {
			return place{}, diag.Usagef("%q is no place, want oci:PATH or oci:PATH:TAG", arg)
		}
		if p.tag != "" && !specs.IsTag(p.tag) {
			return place{}, diag.Usagef("%q cannot be a tag", p.tag).WithHint("a tag is at most 128 letters, digits, dots, dashes and underscores")
		}
		return p, nil
	}
	if isPath(arg) {
		return place{path: arg}, nil
	}
	ref, err := c.Parse(arg)
	return place{ref: ref, tag: ref.Tag()}, err
}

func isPath(arg string) bool {
	return strings.HasPrefix(arg, ".") || strings.HasPrefix(arg, "/") || strings.HasSuffix(arg, ".tar") || isLayout(arg)
}

// isLayout reports whether a layout is in the folder dir.
func isLayout(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "oci-layout"))
	return err == nil
}

// origin is a place that is read from, and what it was asked for.
type origin struct {
	transfer.Finder
	name  string // what engines are to call the images; "" when nobody knows
	roots []transfer.Root
	close func() error
}

// open finds the images that p names: in a layout, all of them when it names none.
// A tag is resolved here, once.
func (p place) open(ctx context.Context, c *registry.Client) (*origin, error) {
	if p.path != "" {
		return p.openLayout(ctx)
	}
	repository := c.Repository(p.ref)
	name := cmp.Or(p.tag, specs.Latest)
	if d := p.ref.Digest(); !d.IsZero() {
		name = d.String()
	}
	doc, err := repository.Resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	root := transfer.Root{Document: doc}
	if p.tag != "" || p.ref.Digest().IsZero() {
		root.Tags = []transfer.Tag{{Name: cmp.Or(p.tag, specs.Latest)}}
	}
	return &origin{repository, p.ref.Repository(), []transfer.Root{root}, func() error { return nil }}, nil
}

func (p place) openLayout(ctx context.Context) (*origin, error) {
	l, err := layout.Open(p.path)
	if err != nil {
		return nil, err
	}
	o := &origin{close: l.Close}
	if err := o.readLayout(ctx, l, p.tag); err != nil {
		l.Close()
		return nil, err
	}
	if len(o.roots) == 0 {
		l.Close()
		return nil, diag.Usagef("%s has no image", p.path)
	}
	return o, nil
}

func (o *origin) readLayout(ctx context.Context, l *layout.Layout, tag string) error {
	finder, err := l.Finder()
	if err != nil {
		return err
	}
	o.Finder, o.name = finder, finder.Name()
	if tag != "" {
		return o.add(ctx, tag)
	}
	tags, err := finder.Tags(ctx)
	if err != nil {
		return err
	}
	for _, tag := range tags {
		subject, isEvidence := transfer.EvidenceAbout(tag)
		if isEvidence && o.has(ctx, subject) {
			continue // it goes with its image
		}
		if isFallbackTag(tag) {
			if err := o.checkList(ctx, tag); err != nil {
				return err
			}
			continue // each place keeps its own lists
		}
		if err := o.add(ctx, tag); err != nil {
			return err
		}
	}
	untagged, err := finder.Untagged()
	for _, doc := range untagged {
		o.roots = append(o.roots, transfer.Root{Document: doc})
	}
	return err
}

func (o *origin) add(ctx context.Context, tag string) error {
	doc, err := o.Resolve(ctx, tag)
	if errors.Is(err, fs.ErrNotExist) {
		return diag.Usagef("%w", err)
	}
	o.roots = append(o.roots, transfer.Root{Document: doc, Tags: []transfer.Tag{{Name: tag}}})
	return err
}

func (o *origin) has(ctx context.Context, d digest.Digest) bool {
	_, err := o.Resolve(ctx, d.String())
	return !errors.Is(err, fs.ErrNotExist)
}

// isFallbackTag reports whether a tag names the list of a digest's referrers.
func isFallbackTag(tag string) bool {
	hexa, ok := strings.CutPrefix(tag, "sha256-")
	_, err := digest.ParseHex(hexa)
	return ok && err == nil
}

// checkList refuses an image under a tag where registries keep the list of what
// refers to a digest: it would be taken for one.
func (o *origin) checkList(ctx context.Context, tag string) error {
	doc, err := o.Resolve(ctx, tag)
	if err != nil {
		return err
	}
	isImage := func(d oci.Descriptor) bool { return d.Platform != nil }
	if doc.Descriptor.MediaType == oci.MediaTypeIndex && !slices.ContainsFunc(children(doc), isImage) {
		return nil
	}
	return diag.Usagef("tag %s names an image, and registries keep the list of what refers to a digest under such a tag", tag).
		WithHint("copy it alone, to a tag of another kind: basal copy oci:PATH:%s TARGET:TAG", tag)
}

// retag gives the image the tag that somebody asked for, instead of those that it
// has. There must be one image; its platforms may have tags of their own.
func (o *origin) retag(tag string) error {
	inside := map[digest.Digest]bool{}
	for _, r := range o.roots {
		for _, d := range children(r.Document) {
			inside[d.Digest] = true
		}
	}
	var tops []transfer.Root
	var tags []string
	for _, r := range o.roots {
		d := r.Document.Descriptor.Digest
		if inside[d] {
			continue
		}
		if !slices.ContainsFunc(tops, func(t transfer.Root) bool { return t.Document.Descriptor.Digest == d }) {
			tops = append(tops, r)
		}
		for _, t := range r.Tags {
			tags = append(tags, t.Name)
		}
	}
	if len(tops) != 1 {
		return diag.Usagef("%d images cannot all have the tag %s", len(tops), tag).
			WithHint("say which: oci:PATH:TAG; there are %s", strings.Join(tags, ", "))
	}
	tops[0].Tags = []transfer.Tag{{Name: tag}}
	o.roots = tops
	return nil
}

// children returns what an index names. Whether it is a sound index is found out
// when it is moved.
func children(doc oci.Document) []oci.Descriptor {
	var ix struct {
		Manifests []oci.Descriptor `json:"manifests"`
	}
	if json.Unmarshal(doc.Bytes, &ix) != nil {
		return nil
	}
	return ix.Manifests
}
