package fetch

import (
	"context"
	"errors"
	"io"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// Registry opens blobs, and manifests by their media type, in the repository that
// an artifact names. It is not trusted: what it gives is checked.
type Registry interface {
	Open(ctx context.Context, a specs.Artifact) (io.ReadCloser, error)
}

// pull gets a from its registry into the cache. fault is why no stored copy can
// be read, nil when there is none.
func (c *Client) pull(ctx context.Context, a specs.Artifact, fault error) (err error) {
	name := a.Repository + " " + a.SHA256.String()
	switch {
	case c.opt.Offline && fault != nil:
		return diag.Unavailablef("%s: %w", name, fault)
	case c.opt.Offline:
		return missingOffline(name)
	case c.opt.Registry == nil:
		return diag.Unavailablef("%s: there is no way to ask a registry here", name)
	}
	r, err := c.opt.Registry.Open(ctx, a)
	if err != nil {
		return err
	}
	defer r.Close()
	blob, err := c.opt.Cache.Create()
	if err != nil {
		return err
	}
	defer blob.Discard()
	if _, err := io.Copy(blob, digest.NewReader(r, a.SHA256, a.Size)); err != nil {
		if errors.Is(err, digest.ErrMismatch) {
			return diag.Failedf("%s: %w", name, err)
		}
		return err
	}
	return blob.Commit(a.SHA256, a.Size)
}
