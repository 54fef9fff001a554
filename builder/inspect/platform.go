package inspect

import (
	"slices"
	"strings"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

// platformText writes a platform as specs does, which leaves arm64's only variant
// out; "" when nothing is known.
func platformText(os, arch, variant string) string {
	if os == "" && arch == "" {
		return ""
	}
	if arch == "arm64" && variant == "v8" {
		variant = ""
	}
	return specs.Platform{OS: os, Arch: arch, Variant: variant}.String()
}

func platformOf(d oci.Descriptor) string {
	if d.Platform == nil {
		return ""
	}
	return platformText(d.Platform.OS, d.Platform.Architecture, d.Platform.Variant)
}

// fits reports whether a platform is the one that is asked for: linux/arm stands
// for all its variants.
func fits(platform, asked string) bool {
	if asked == "linux/arm64/v8" {
		asked = "linux/arm64"
	}
	return asked == "" || platform == asked || strings.HasPrefix(platform, asked+"/")
}

// choose returns the images for the platform that is asked for. Only a manifest
// without an index need not say what it is for.
func choose(images []oci.Descriptor, asked string) ([]oci.Descriptor, error) {
	if asked == "" || len(images) == 1 && images[0].Platform == nil {
		return images, nil
	}
	var chosen []oci.Descriptor
	var all []string
	for _, d := range images {
		p := platformOf(d)
		if fits(p, asked) {
			chosen = append(chosen, d)
		}
		if p != "" && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	if len(chosen) == 0 {
		return nil, noPlatform(asked, all...)
	}
	return chosen, nil
}

// only holds an image without an index to the platform that is asked for.
func only(p Platform, asked string) error {
	if fits(p.Platform, asked) {
		return nil
	}
	return noPlatform(asked, p.Platform)
}

func noPlatform(asked string, all ...string) error {
	err := diag.Usagef("--platform: the image has no platform %s", asked)
	if len(all) == 0 {
		return err
	}
	return err.WithHint("it has %s", show(strings.Join(all, ", "), 400))
}
