package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/basal-project/basal/builder"
	"github.com/basal-project/basal/builder/layers"
	"github.com/basal-project/basal/builder/layout"
	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// buildFlags are the options of basal build.
type buildFlags struct {
	sourceFlags
	output    string
	platforms []string
	variants  []string
	noCache   bool
	locked    bool
	clean     bool
	json      bool
}

func newBuild() *cobra.Command {
	var f buildFlags
	cmd := &cobra.Command{
		Use:   "build IMAGE -o DIR",
		Short: "Build an image from its lock into an OCI layout or archive",
		Long: `Build turns a lock, and the bytes that it names by digest, into an OCI image
layout: a folder, or an archive when the name ends in .tar. The archive is an
OCI layout and a Docker archive at once.

All platforms and variants are built unless --platform or --variant narrows
it. Nothing is resolved: a version that has left every mirror is an error.

Standard output has a line for each variant: the index digest and the tag.`,
		Example: `  basal build static -o out/static
  basal build static -o static.tar && docker load -i static.tar
  basal build ./my-image -o out/mine --platform linux/amd64 --variant nonroot`,
		Args: arguments(1, 1, "one IMAGE"),
		RunE: func(cmd *cobra.Command, args []string) error { return runBuild(cmd, args[0], f) },
	}
	f.sourceFlags.add(cmd)
	cmd.Flags().StringVarP(&f.output, "output", "o", "", "a folder, or an archive if `PATH` ends in .tar")
	cmd.Flags().StringSliceVar(&f.platforms, "platform", nil, "build only this `platform`, e.g. linux/arm64; may be repeated")
	cmd.Flags().StringSliceVar(&f.variants, "variant", nil, "build only this `variant`; may be repeated")
	cmd.Flags().BoolVar(&f.noCache, "no-cache", false, "make every layer anew and remember none; inputs still come from the cache")
	cmd.Flags().BoolVar(&f.locked, "locked", true, "fail when the lock is not current; there is no other way to build")
	cleanSourceFlag(cmd, &f.clean)
	asJSON(cmd, &f.json)
	return cmd
}

func runBuild(cmd *cobra.Command, arg string, f buildFlags) error {
	if f.output == "" {
		return diag.Usagef("basal build wants an output").WithHint("for example: basal build %s -o out/%s", arg, arg)
	}
	if !f.locked {
		return diag.Usagef("basal build has no --locked=false: it builds what the lock says").WithHint("basal lock %s makes the lock current", arg)
	}
	platforms, err := parsePlatforms(f.platforms)
	if err != nil {
		return err
	}
	in, err := openImage(cmd, arg, &f.sourceFlags)
	if err != nil {
		return err
	}
	defer in.close(cmd)
	in.programs.CleanSource = f.clean
	opt := builder.Options{Platforms: platforms, Variants: f.variants, Scratch: scratch}
	result, err := in.build(cmd.Context(), opt, f.noCache, func(r *builder.Result, blobs layout.Blobs) error {
		return writeLayout(f.output, r, blobs)
	})
	if err != nil {
		return err
	}
	return printResult(cmd, result, f.json)
}

// build builds an image and gives it, with the store that its layers are in, to
// use. A remembered layer that turns out to be damaged while it is used is dropped
// from the cache, and use gets the image a second time, made anew.
func (in *input) build(ctx context.Context, opt builder.Options, noCache bool, use func(*builder.Result, layout.Blobs) error) (*builder.Result, error) {
	if !noCache {
		result, err := in.buildCached(ctx, opt, use)
		if !errors.Is(err, errDamaged) {
			return result, err
		}
	}
	private := layers.NewPrivate(opt.Scratch)
	defer private.Close()
	tool := in.compiler(false)
	defer tool.Close()
	opt.Layers, opt.Compiler = private, tool
	result, err := builder.Build(ctx, in.lock, in, opt)
	if err != nil {
		return nil, err
	}
	return result, use(result, in.withBase(ctx, private))
}

// errDamaged says that a remembered layer is not what it was.
var errDamaged = errors.New("a layer in the cache is damaged")

func (in *input) buildCached(ctx context.Context, opt builder.Options, use func(*builder.Result, layout.Blobs) error) (*builder.Result, error) {
	cached := layers.Cached{Cache: in.cache}
	tool := in.compiler(true)
	defer tool.Close()
	opt.Layers, opt.Compiler = cached, tool
	result, err := builder.Build(ctx, in.lock, in, opt)
	if err != nil {
		return nil, err
	}
	watched := &watchedBlobs{Blobs: in.withBase(ctx, cached)}
	if err = use(result, watched); err != nil && watched.damaged.Load() {
		for _, v := range result.Variants {
			for _, image := range v.Images {
				cached.Drop(image.Layers)
			}
		}
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return result, err
}

// watchedBlobs takes note when a blob is missing or damaged: the same error may
// come from the place that the blobs go to.
type watchedBlobs struct {
	layout.Blobs
	damaged atomic.Bool
}

func (w *watchedBlobs) Open(d digest.Digest, size int64) (io.ReadCloser, error) {
	r, err := w.Blobs.Open(d, size)
	if err != nil {
		w.note(err)
		return nil, err
	}
	return &watchedReader{r, w, size}, nil
}

func (w *watchedBlobs) note(err error) {
	if errors.Is(err, digest.ErrMismatch) || errors.Is(err, fs.ErrNotExist) {
		w.damaged.Store(true)
	}
}

type watchedReader struct {
	io.ReadCloser
	blobs *watchedBlobs
	left  int64
}

// Read asks for the end of the blob together with its last bytes. Whoever reads
// may find the damage by those, and would then never ask.
func (r *watchedReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if r.left -= int64(n); n > 0 && r.left == 0 && err == nil {
		var none [1]byte
		_, err = r.ReadCloser.Read(none[:])
	}
	r.blobs.note(err)
	return n, err
}

func writeLayout(output string, r *builder.Result, blobs layout.Blobs) error {
	return layout.Write(output, r.Name, layoutImages(r), blobs)
}

func layoutImages(r *builder.Result) []layout.Image {
	var images []layout.Image
	for _, v := range r.Variants {
		images = append(images, layout.Image{Tag: v.Name, Index: v.Index, Platforms: v.Images})
	}
	return images
}

// input is an image's lock and the source of what it names.
type input struct {
	*source
	folder imageFolder
	lock   *specs.Lock
}

func openImage(cmd *cobra.Command, arg string, f *sourceFlags) (*input, error) {
	folder, err := findImage(arg)
	if err != nil {
		return nil, err
	}
	lock, err := folder.current()
	if err != nil {
		return nil, err
	}
	src, err := f.open(cmd, folder.folders(&lock.Spec))
	if err != nil {
		return nil, err
	}
	return &input{src, folder, lock}, nil
}

func parsePlatforms(names []string) ([]specs.Platform, error) {
	var out []specs.Platform
	for _, name := range names {
		p, err := specs.ParsePlatform(name)
		if err != nil {
			return nil, diag.Usagef("--platform: %w", err)
		}
		out = append(out, p)
	}
	return out, nil
}

// The JSON form of a result.
type (
	jsonResult struct {
		Name     string        `json:"name"`
		Variants []jsonVariant `json:"variants"`
	}
	jsonVariant struct {
		Name      string         `json:"name"`
		Digest    digest.Digest  `json:"digest"` // of the index
		Platforms []jsonPlatform `json:"platforms"`
	}
	jsonPlatform struct {
		Platform specs.Platform   `json:"platform"`
		Digest   digest.Digest    `json:"digest"` // of the manifest
		Config   digest.Digest    `json:"config"`
		Layers   []oci.NamedLayer `json:"layers"`
		Programs []jsonProgram    `json:"programs,omitempty"`
	}
	jsonProgram struct {
		Path    string        `json:"path"`
		Package string        `json:"package"` // as the spec writes it
		Import  string        `json:"import"`
		SHA256  digest.Digest `json:"sha256"`
		Size    int64         `json:"size"`   // bytes
		Source  string        `json:"source"` // h1:…, of a local program's files or of the published module
	}
)

func printResult(cmd *cobra.Command, r *builder.Result, json bool) error {
	if !json {
		for _, v := range r.Variants {
			if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s  %s:%s\n", v.Index.Descriptor.Digest, r.Name, v.Name); err != nil {
				return err
			}
		}
		return nil
	}
	out := jsonResult{Name: r.Name}
	for _, v := range r.Variants {
		jv := jsonVariant{Name: v.Name, Digest: v.Index.Descriptor.Digest}
		for i, image := range v.Images {
			jp := jsonPlatform{Platform: image.Platform, Digest: image.Manifest.Descriptor.Digest, Config: image.Config.Descriptor.Digest, Layers: image.Layers}
			for _, p := range v.Programs[i] {
				jp.Programs = append(jp.Programs, jsonProgram{p.Path, p.Package, p.Import, p.SHA256, p.Size, p.Module.Sum})
			}
			jv.Platforms = append(jv.Platforms, jp)
		}
		out.Variants = append(out.Variants, jv)
	}
	return printJSON(cmd, out)
}
