package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/basal-project/basal/builder/inspect"
	"github.com/basal-project/basal/builder/registry"
	"github.com/basal-project/basal/internal/diag"
)

// inspectFlags are the options of basal inspect.
type inspectFlags struct {
	sourceFlags
	platform string
	variant  string
	noBase   bool
	json     bool
}

func newInspect() *cobra.Command {
	var f inspectFlags
	cmd := &cobra.Command{
		Use:   "inspect REF|LAYOUT|IMAGE",
		Short: "Show what an image is: platforms, layers, config, bases",
		Long: `Inspect shows an image by its documents: platforms, the layers with their sizes
and what made them, the config, annotations, and the chain of bases that it says
it stands on. It reads indexes, manifests and configs, and no layer.

The argument is a reference (registry.example/team/app:tag, or @sha256:…), an
OCI layout or archive (./out/app, app.tar, oci:out/app:tag), or an IMAGE, which
is built through the layer cache.

A base is looked for where the image says it is, by its digest: with --no-base
no other repository is asked. A base counts only as far as its layers are the
first ones of the image. An image that names none may still have one. What the
registry lists as evidence is counted; nothing of it is verified.`,
		Example: `  basal inspect registry.example/team/app:latest
  basal inspect out/static --platform linux/arm64
  basal inspect static --variant debug --json`,
		Args: arguments(1, 1, "one REF, LAYOUT or IMAGE"),
		RunE: func(cmd *cobra.Command, args []string) error { return runInspect(cmd, args[0], f) },
	}
	f.sourceFlags.add(cmd)
	cmd.Flags().StringVar(&f.platform, "platform", "", "show only this `platform`, e.g. linux/arm64")
	cmd.Flags().StringVar(&f.variant, "variant", "", "show this `variant` of an IMAGE (default latest)")
	cmd.Flags().BoolVar(&f.noBase, "no-base", false, "do not ask for the bases that the image names")
	asJSON(cmd, &f.json)
	return cmd
}

func runInspect(cmd *cobra.Command, arg string, f inspectFlags) error {
	client := registryClient(f.insecure, nil)
	found, err := f.find(cmd, client, arg)
	if err != nil {
		return err
	}
	defer found.close()
	opt := inspect.Options{Name: found.name, Tag: found.tag, Platform: f.platform}
	if !f.noBase && !f.offline {
		opt.Base = func(_ context.Context, name string) (inspect.Place, error) {
			ref, err := client.Parse(name)
			if err != nil {
				return nil, err
			}
			return client.Repository(ref), nil
		}
	}
	report, err := inspect.Image(cmd.Context(), found.place, found.root, opt)
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(cmd, report)
	}
	return report.WriteText(cmd.OutOrStdout())
}

// find says what arg is, and opens it.
func (f *inspectFlags) find(cmd *cobra.Command, client *registry.Client, arg string) (*inspected, error) {
	if namesImage(arg) {
		return f.image(cmd, arg)
	}
	p, err := parsePlace(client, arg)
	switch {
	case err != nil:
		return nil, err
	case f.variant != "":
		return nil, diag.Usagef("--variant is for an IMAGE, and %s is a place where images are", arg).
			WithHint("a variant is named by its tag there: :%s", f.variant)
	case p.path != "":
		return inspectLayout(cmd, p)
	case f.offline:
		return nil, diag.Usagef("--offline: %s is in a registry", arg).WithHint("basal pull brings it into a layout")
	}
	return inspectRepository(cmd, client, p.ref)
}

// namesImage reports whether arg is an IMAGE rather than a layout or a reference,
// which has a registry before its first slash.
func namesImage(arg string) bool {
	if strings.HasPrefix(arg, layoutPrefix) {
		return false
	}
	if _, ok := openFolder(arg); ok {
		return true
	}
	host, _, ok := strings.Cut(arg, "/")
	return !isPath(arg) && !(ok && (host == "localhost" || strings.ContainsAny(host, ".:")))
}
