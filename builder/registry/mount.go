package registry

import (
	"context"
	"net/http"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/basal-project/basal/internal/digest"
)

// send stores a blob that is not there: taken over from another repository where
// one is known and the registry does that, else uploaded. A registry that says
// that it took a blob over, and then does not have it, is sent the blob.
func (r *Repository) send(ctx context.Context, s *session, u *upload) error {
	r.mu.Lock()
	from := r.mount
	r.mu.Unlock()
	if from == nil || u.began() { // a repeated upload was refused a mount before
		return r.upload(ctx, s, u)
	}
	has, err := r.hasBlob(ctx, s, u.blob.Digest)
	if err != nil || has {
		return err
	}
	err = r.upload(ctx, s, &remote.MountableLayer{Layer: u, Reference: from.Digest(u.blob.Digest.String())})
	if err != nil || u.began() {
		return err
	}
	if has, err = r.hasBlob(ctx, s, u.blob.Digest); err != nil || has {
		return err
	}
	return r.upload(ctx, s, u)
}

func (r *Repository) upload(ctx context.Context, s *session, l v1.Layer) error {
	p, err := s.pusher()
	if err != nil {
		return err
	}
	return p.Upload(ctx, r.name, l)
}

func (r *Repository) hasBlob(ctx context.Context, s *session, d digest.Digest) (bool, error) {
	resp, err := s.ask(ctx, http.MethodHead, r.url("blobs", d.String()), nil, http.StatusOK, http.StatusNotFound)
	if err != nil {
		return false, err
	}
	return resp.StatusCode == http.StatusOK, resp.Body.Close()
}

// began reports whether a byte of the blob was wanted.
func (u *upload) began() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.task != nil
}
