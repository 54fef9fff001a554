package main

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/basal-project/basal/builder"
	"github.com/basal-project/basal/builder/layout"
	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/builder/registry"
	"github.com/basal-project/basal/builder/transfer"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

// pushFlags are the options of basal push.
type pushFlags struct {
	sourceFlags
	platforms []string
	variants  []string
	noCache   bool
	clean     bool
	json      bool
}

func newPush() *cobra.Command {
	var f pushFlags
	cmd := &cobra.Command{
		Use:   "push IMAGE REF",
		Short: "Build an image and push it to a registry",
		Long: `Push builds an image from its lock and brings it to the repository REF: content
first, by digest, and only what is not there; then the tags. In place of an IMAGE
it takes an OCI layout or archive that basal build made.

Each variant gets three kinds of tags, in this order: <variant>-<date>-<digest>,
which never moves, <variant>-<arch> for each platform, and <variant>. With a tag
in REF, that stands for "latest", and before the names of other variants.

Standard output has a line for each variant: the index digest and the tag.`,
		Example: `  basal push static registry.example.org/static
  basal push ./my-image 127.0.0.1:5000/mine:v1 --variant latest
  basal push out/static.tar registry.example.org/static`,
		Args: arguments(2, 2, "an IMAGE and a REF"),
		RunE: func(cmd *cobra.Command, args []string) error { return runPush(cmd, args[0], args[1], f) },
	}
	f.sourceFlags.add(cmd)
	cmd.Flags().StringSliceVar(&f.platforms, "platform", nil, "build only this `platform`, e.g. linux/arm64; may be repeated")
	cmd.Flags().StringSliceVar(&f.variants, "variant", nil, "build only this `variant`; may be repeated")
	cmd.Flags().BoolVar(&f.noCache, "no-cache", false, "make every layer anew and remember none; inputs still come from the cache")
	cleanSourceFlag(cmd, &f.clean)
	asJSON(cmd, &f.json)
	return cmd
}

func runPush(cmd *cobra.Command, arg, to string, f pushFlags) error {
	ref, err := registryClient(f.insecure, nil).Parse(to)
	if err != nil {
		return err
	}
	if !ref.Digest().IsZero() {
		return diag.Usagef("%s: what is pushed has a digest of its own", to).WithHint("leave out @%s", ref.Digest())
	}
	if !namesImage(arg) {
		return pushLayout(cmd, arg, ref, f)
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
	repository := registryClient(f.insecure, in.progress.saying("pushed")).Repository(ref)
	if base := rootOf(in.lock).Base; base != nil {
		repository.MountFrom(base.Repository)
	}
	var roots []transfer.Root
	var report transfer.Report
	opt := builder.Options{Platforms: platforms, Variants: f.variants, Scratch: scratch}
	_, err = in.build(cmd.Context(), opt, f.noCache, func(r *builder.Result, blobs layout.Blobs) (err error) {
		images := layoutImages(r)
		if roots, err = pushRoots(images, ref.Tag()); err != nil {
			return err
		}
		report, err = transfer.Move(cmd.Context(), newBuilt(images, blobs), repository, roots, transfer.Options{Jobs: jobs, AllTags: f.json})
		return err
	})
	if err != nil {
		return err
	}
	return printMoved(cmd, ref.Repository(), roots, report, f.json)
}

// pushLayout pushes what basal build wrote, and the evidence that is with it.
func pushLayout(cmd *cobra.Command, arg string, ref registry.Reference, f pushFlags) error {
	if len(f.platforms)+len(f.variants) > 0 || f.noCache || f.clean {
		return diag.Usagef("--platform, --variant, --no-cache and --clean-source are for building, and %s is built", arg).
			WithHint("oci:PATH:TAG is one image of a layout")
	}
	from, err := parsePlace(registryClient(f.insecure, nil), arg)
	if err != nil {
		return err
	}
	if from.path == "" {
		return diag.Usagef("%s is a reference to a registry, and basal push wants an image, a layout or an archive", arg).
			WithHint("basal copy copies from one registry to another")
	}
	show, err := newProgress(f.progress, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer show.close()
	l, err := layout.Open(from.path)
	if err != nil {
		return err
	}
	defer l.Close()
	images, err := l.Images()
	if err != nil {
		return err
	}
	images = slices.DeleteFunc(images, func(i layout.Image) bool { return from.tag != "" && i.Tag != from.tag })
	if len(images) == 0 {
		return diag.Usagef("%s has no such image index", arg).WithHint("basal copy moves any image, with the tags that it has")
	}
	roots, err := pushRoots(images, ref.Tag())
	if err != nil {
		return err
	}
	finder, err := l.Finder()
	if err != nil {
		return err
	}
	repository := registryClient(f.insecure, show.saying("pushed")).Repository(ref)
	report, err := transfer.Move(cmd.Context(), finder, repository, roots, transfer.Options{Jobs: jobs, Evidence: finder, AllTags: f.json})
	if err != nil {
		return err
	}
	return printMoved(cmd, ref.Repository(), roots, report, f.json)
}

// maxTag is the most characters that a tag may have.
const maxTag = 128

// pushRoots returns the images with the tags that they get in a registry. base
// stands for the variant latest, and before the name of each other one; "" leaves
// the names as they are.
func pushRoots(images []layout.Image, base string) ([]transfer.Root, error) {
	var roots []transfer.Root
	for _, image := range images {
		own := image.Tag
		switch {
		case base == "":
		case own == specs.Latest:
			own = base
		default:
			own = base + "-" + own
		}
		day, err := created(image)
		if err != nil {
			return nil, err
		}
		root := transfer.Root{Document: image.Index}
		dated := own + "-" + day.Format("20060102") + "-" + image.Index.Descriptor.Digest.Hex()[:8]
		root.Tags = append(root.Tags, transfer.Tag{Name: dated, Fixed: true})
		for _, p := range image.Platforms {
			if suffix := platformTag(p.Platform); suffix != "" {
				root.Tags = append(root.Tags, transfer.Tag{Name: own + "-" + suffix, Digest: p.Manifest.Descriptor.Digest})
			}
		}
		root.Tags = append(root.Tags, transfer.Tag{Name: own})
		for _, t := range root.Tags {
			if len(t.Name) > maxTag {
				return nil, diag.Usagef("the tag %s would have more than %d characters", t.Name, maxTag).WithHint("give a shorter tag")
			}
		}
		roots = append(roots, root)
	}
	return roots, nil
}

// created returns when an image was created, as its configs say: the newest of its
// platforms.
func created(image layout.Image) (time.Time, error) {
	var newest time.Time
	for _, p := range image.Platforms {
		var config oci.Config
		if err := json.Unmarshal(p.Config.Bytes, &config); err != nil {
			return newest, diag.Failedf("config of %s: %w", p.Platform, err)
		}
		if t := config.Created.UTC(); t.After(newest) {
			newest = t
		}
	}
	if newest.IsZero() || newest.Year() > 9999 {
		return newest, diag.Failedf("the image %s does not say when it was created", cmp.Or(image.Tag, image.Index.Descriptor.Digest.String()))
	}
	return newest, nil
}
