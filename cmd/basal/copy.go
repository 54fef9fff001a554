package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/basal-project/basal/builder/layout"
	"github.com/basal-project/basal/builder/registry"
	"github.com/basal-project/basal/builder/transfer"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// copyFlags are the options of basal copy and basal pull.
type copyFlags struct {
	insecure   bool
	noEvidence bool
	progress   string
	json       bool
}

func (f *copyFlags) add(cmd *cobra.Command) {
	insecureFlag(cmd, &f.insecure)
	cmd.Flags().BoolVar(&f.noEvidence, "no-evidence", false, "leave out signatures, SBOMs and whatever else refers to the image")
	cmd.Flags().StringVar(&f.progress, "progress", "auto", "`how` to show transfers: auto, bar, plain or none")
	asJSON(cmd, &f.json)
}

func newCopy() *cobra.Command {
	var f copyFlags
	cmd := &cobra.Command{
		Use:   "copy A B",
		Short: "Copy an image with all its evidence from A to B",
		Long: `Copy moves an image, bytes unchanged, between registries, OCI layouts and
archives, with all evidence about it: referrers, and the tags that stand for them
in registries that know none. What arrives is checked by digest at the target.

A and B are references to a registry, or paths: a path begins with . or /, ends in
.tar, or is written oci:PATH or oci:PATH:TAG. Without a tag, all images of a
layout are copied. A layout that is at B is replaced. When B has no tag, the tags
of A are kept; an image that has none gets the tag latest in a layout.`,
		Example: `  basal copy registry.example.org/static:latest mirror.example.org/static
  basal copy registry.example.org/static@sha256:… ./static
  basal copy oci:./static:nonroot 127.0.0.1:5000/static:nonroot`,
		Args: arguments(2, 2, "two places"),
		RunE: func(cmd *cobra.Command, args []string) error { return runCopy(cmd, args[0], args[1], f) },
	}
	f.add(cmd)
	return cmd
}

func runCopy(cmd *cobra.Command, a, b string, f copyFlags) error {
	from, err := parsePlace(registryClient(f.insecure, nil), a)
	if err != nil {
		return err
	}
	to, err := parsePlace(registryClient(f.insecure, nil), b)
	if err != nil {
		return err
	}
	if !to.ref.Digest().IsZero() {
		return diag.Usagef("%s: what is copied has a digest of its own", b).WithHint("leave out @%s", to.ref.Digest())
	}
	return f.copy(cmd, from, to)
}

// copy moves what is at from to the place to, and prints what is there then.
func (f copyFlags) copy(cmd *cobra.Command, from, to place) error {
	show, err := newProgress(f.progress, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer show.close()
	// A blob that goes from one registry to another shows once, as it is written.
	source, target := registryClient(f.insecure, show), (*registry.Client)(nil)
	if to.path == "" {
		source, target = registryClient(f.insecure, nil), registryClient(f.insecure, show.saying("pushed"))
	}
	o, err := from.open(cmd.Context(), source)
	if err != nil {
		return err
	}
	defer o.close()
	if to.tag != "" {
		if err := o.retag(to.tag); err != nil {
			return err
		}
	}
	opt := transfer.Options{Jobs: jobs}
	if !f.noEvidence {
		opt.Evidence = o.Finder
	}
	where := to.path
	var report transfer.Report
	if where == "" {
		where = to.ref.Repository()
		repository := target.Repository(to.ref)
		if from.path == "" {
			repository.MountFrom(from.ref.Repository()) // which another registry knows nothing of
		}
		report, err = transfer.Move(cmd.Context(), o, repository, o.roots, opt)
	} else {
		if from.path == "" {
			o.tagForLayout()
		}
		report, err = o.toLayout(cmd.Context(), to.path, opt)
	}
	if err != nil {
		return err
	}
	return printMoved(cmd, where, o.roots, report, f.json)
}

// toLayout writes everything to a layout, in place of the one that is there.
func (o *origin) toLayout(ctx context.Context, path string, opt transfer.Options) (transfer.Report, error) {
	w := layout.NewWriter(path, o.name)
	report, err := transfer.Move(ctx, o, w, o.roots, opt)
	if err != nil {
		return report, err
	}
	return report, w.Commit(ctx)
}

// tagForLayout gives images from a registry the tags that basal build gives them
// in a layout: each platform has its own, and what came by its digest alone is
// called latest, because tools hardly find what has no name.
func (o *origin) tagForLayout() {
	for i := range o.roots {
		r := &o.roots[i]
		if len(r.Tags) == 0 {
			r.Tags = []transfer.Tag{{Name: specs.Latest}}
		}
		own := r.Tags[0]
		var tags []transfer.Tag
		seen := map[string]bool{}
		for _, d := range children(r.Document) {
			if d.Platform == nil {
				continue
			}
			suffix := platformTag(specs.Platform{OS: d.Platform.OS, Arch: d.Platform.Architecture, Variant: d.Platform.Variant})
			if suffix != "" && !seen[suffix] {
				tags = append(tags, transfer.Tag{Name: own.Name + "-" + suffix, Digest: d.Digest})
			}
			seen[suffix] = true
		}
		r.Tags = append(tags, own)
	}
}

// platformTag returns the suffix of a platform's tag, "" when it has none. Others
// than Basal often leave out the variant of arm64, which has one only.
func platformTag(p specs.Platform) string {
	if p.Arch == "arm64" && p.Variant == "" {
		p.Variant = "v8"
	}
	return p.Tag()
}

// The JSON form of what was moved.
type (
	jsonMoved struct {
		Target    string           `json:"target"`
		Images    []jsonMovedImage `json:"images"`
		Documents int              `json:"documents"` // indexes and manifests, evidence included
		Evidence  int              `json:"evidence"`  // of the documents
		Blobs     int              `json:"blobs"`
		Written   int              `json:"written"` // documents and blobs that the target did not have
		Moved     []string         `json:"moved"`   // tags that are new or name something else now
	}
	jsonMovedImage struct {
		Digest digest.Digest `json:"digest"`
		Tags   []string      `json:"tags"` // the image's own tag stands last
	}
)

// printMoved prints a line for each root: its digest, and its own tag at where.
func printMoved(cmd *cobra.Command, where string, roots []transfer.Root, r transfer.Report, json bool) error {
	for _, s := range r.Strays {
		what := "tag " + s.Tag
		if s.Tag == "" {
			what = s.Listed.String()
		}
		note(cmd.ErrOrStderr(), "left out: %s is listed as evidence about %s, but %s", what, s.Subject, s.Why)
	}
	out := jsonMoved{Target: where, Documents: r.Documents, Evidence: r.Evidence, Blobs: r.Blobs, Written: r.Written, Moved: append([]string{}, r.Tags...)}
	for _, root := range roots {
		d := root.Document.Descriptor.Digest
		image := jsonMovedImage{Digest: d, Tags: []string{}}
		name := where + "@" + d.String()
		for _, t := range root.Tags {
			image.Tags = append(image.Tags, t.Name)
			name = where + ":" + t.Name
		}
		out.Images = append(out.Images, image)
		if json {
			continue
		}
		if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s  %s\n", d, diag.Printable(name)); err != nil {
			return err
		}
	}
	if json {
		return printJSON(cmd, out)
	}
	return nil
}
