package registry

import (
	"strings"
	"testing"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
)

// Somebody's image stays, whatever its tag looks like.
func TestImageUnderTheTagOfAList(t *testing.T) {
	for _, api := range []bool{true, false} {
		for _, kind := range []string{"index", "manifest"} {
			s := serve(t, plainRegistry(api), nil)
			r, ctx := s.repository(t), t.Context()
			subject, image := manifest(t, "subject", nil), manifest(t, "image", nil)
			listed := image.Descriptor
			listed.Platform = &oci.Platform{OS: "linux", Architecture: "amd64"}
			if kind == "index" {
				if err := r.PutDocument(ctx, image); err != nil {
					t.Fatal(err)
				}
				image = index(t, listed)
			}
			tag := fallbackTag(subject.Descriptor.Digest)
			if err := r.PutDocument(ctx, subject); err != nil {
				t.Fatal(err)
			}
			if err := r.Tag(ctx, tag, image); err != nil {
				t.Fatal(err)
			}
			err := r.PutDocument(ctx, manifest(t, "evidence", &subject.Descriptor))
			if api != (err == nil) || err != nil && (diag.CodeOf(err) != diag.Failed || !strings.Contains(err.Error(), "stays as it is")) {
				t.Errorf("%s, API %v: got %v", kind, api, err)
			}
			if d, err := r.Tagged(ctx, tag); err != nil || d != image.Descriptor.Digest {
				t.Errorf("%s, API %v: the tag names %s, %v", kind, api, d, err)
			}
		}
	}
}
