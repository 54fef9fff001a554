package registry

import (
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// keepsImage makes sure that no list of referrers is written over an image, or
// into its index, that somebody has tagged as such a list would be.
func (r *Repository) keepsImage(ctx context.Context, s *session, subject digest.Digest) error {
	tag := fallbackTag(subject)
	resp, err := s.ask(ctx, http.MethodGet, r.url("manifests", tag), accept(accepted), http.StatusOK, http.StatusNotFound)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return nil
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if t, err := mediaType(b, resp.Header); err == nil && t == oci.MediaTypeIndex && isList(b) {
		return nil
	}
	if resp, err := s.ask(ctx, http.MethodGet, r.url("referrers", subject.String()), accept(oci.MediaTypeIndex), http.StatusOK); err == nil {
		return resp.Body.Close() // the registry keeps lists itself, and the tag is anybody's
	}
	return diag.Failedf("tag %s names %s, which is an image and no list of referrers, and stays as it is", tag, digest.Of(b)).
		WithHint("this registry keeps the list of what refers to %s under that tag; give the image another one", subject)
}

// isList reports whether an index can be a list of referrers: what these are about
// has platforms, they themselves have none.
func isList(index []byte) bool {
	var list struct {
		Manifests []struct {
			Platform json.RawMessage `json:"platform"`
		} `json:"manifests"`
	}
	if json.Unmarshal(index, &list) != nil {
		return false
	}
	for _, m := range list.Manifests {
		if m.Platform != nil {
			return false
		}
	}
	return true
}
