package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// MountFrom lets blobs be taken over from another repository of the same
// registry, "host/path", where the registry can do that. Of several the last one
// said counts; one of another registry changes nothing.
func (r *Repository) MountFrom(other string) {
	ref, err := r.client.Parse(other)
	if err != nil || ref.repository.RegistryStr() != r.name.RegistryStr() || ref.Repository() == r.String() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mount = &ref.repository
	r.sessions[writing] = nil // the next one asks for leave to read there, too
}

// HasDocument reports whether the manifest or index that d names is there.
func (r *Repository) HasDocument(ctx context.Context, d oci.Descriptor) (bool, error) {
	has := false
	err := r.do(ctx, writing, "look for manifest "+d.Digest.String(), func(ctx context.Context, s *session) error {
		resp, err := r.head(ctx, s, d.Digest.String())
		if err != nil {
			return err
		}
		if has = resp.StatusCode == http.StatusOK; !has {
			return nil
		}
		if n := resp.ContentLength; n > 0 && n != d.Size {
			return fmt.Errorf("%w: want %d bytes, the registry has %d", digest.ErrMismatch, d.Size, n)
		}
		return claim(d.Digest).check(d.Digest, resp.Header)
	})
	return has && err == nil, err
}

// Tagged returns the digest that a tag stands for, zero when there is no such
// tag.
func (r *Repository) Tagged(ctx context.Context, tag string) (digest.Digest, error) {
	var d digest.Digest
	if err := checkTag(tag); err != nil {
		return d, err
	}
	err := r.do(ctx, writing, "look for tag "+tag, func(ctx context.Context, s *session) error {
		d = digest.Digest{}
		resp, err := r.head(ctx, s, tag)
		if err != nil || resp.StatusCode != http.StatusOK {
			return err
		}
		if d, err = contentDigest(resp.Header); err != nil || !d.IsZero() {
			return err
		}
		doc, err := r.resolve(ctx, s, tag, claim{})
		d = doc.Descriptor.Digest
		return err
	})
	return d, err
}

// head asks whether a document is there: the status of the answer is 200 or 404.
func (r *Repository) head(ctx context.Context, s *session, name string) (*http.Response, error) {
	resp, err := s.ask(ctx, http.MethodHead, r.url("manifests", name), accept(accepted), http.StatusOK, http.StatusNotFound)
	if err != nil {
		return nil, err
	}
	return resp, resp.Body.Close()
}

// PutDocument stores a document under its digest. Where the registry has no
// referrers API, a document with a subject is also added to the index under the
// subject's fallback tag.
func (r *Repository) PutDocument(ctx context.Context, doc oci.Document) error {
	d := doc.Descriptor.Digest.String()
	return r.put(ctx, "write manifest "+d, r.name.Digest(d), doc)
}

// Tag lets a tag stand for a document. It stores the document if it is not there.
func (r *Repository) Tag(ctx context.Context, tag string, doc oci.Document) error {
	if err := checkTag(tag); err != nil {
		return err
	}
	return r.put(ctx, "write tag "+tag, r.name.Tag(tag), doc)
}

func checkTag(tag string) error {
	if !specs.IsTag(tag) {
		return diag.Usagef("%q cannot be a tag", tag)
	}
	return nil
}

func (r *Repository) put(ctx context.Context, what string, ref name.Reference, doc oci.Document) error {
	d := doc.Descriptor
	if digest.Of(doc.Bytes) != d.Digest || int64(len(doc.Bytes)) != d.Size || d.MediaType == "" {
		return fmt.Errorf("internal error: %s: the document is not the one that it is said to be", what)
	}
	if len(doc.Bytes) > maxAnswer {
		return r.explain(ctx, writing, what, diag.Failedf("it has %d bytes, at most %d are allowed", len(doc.Bytes), maxAnswer))
	}
	subject := subjectOf(doc.Bytes)
	if !subject.IsZero() {
		// The fallback tag is read, changed and written back.
		r.subjects.Lock()
		defer r.subjects.Unlock()
	}
	return r.do(ctx, writing, what, func(ctx context.Context, s *session) error {
		if !subject.IsZero() {
			if err := r.keepsImage(ctx, s, subject); err != nil {
				return err
			}
		}
		p, err := s.pusher()
		if err != nil {
			return err
		}
		return p.Put(ctx, ref, raw(doc))
	})
}

func subjectOf(b []byte) digest.Digest {
	var m struct {
		Subject struct {
			Digest digest.Digest `json:"digest"`
		} `json:"subject"`
	}
	if json.Unmarshal(b, &m) != nil {
		return digest.Digest{}
	}
	return m.Subject.Digest
}

// raw is a document as go-containerregistry takes it.
type raw oci.Document

func (r raw) RawManifest() ([]byte, error) { return r.Bytes, nil }

func (r raw) MediaType() (types.MediaType, error) {
	return types.MediaType(r.Descriptor.MediaType), nil
}

// pusher returns a writer that tries once: do repeats. Each is used for one
// operation, because it takes what it wrote before for being there for ever.
func (s *session) pusher() (*remote.Pusher, error) {
	return remote.NewPusher(remote.WithTransport(s.transport), remote.WithRetryBackoff(remote.Backoff{Steps: 1}))
}

// PutBlob stores the blob that d names, unless it is there. open returns its
// bytes; it is called again when an upload has to be repeated, and not at all
// when there is none. Its errors are returned as they are.
func (r *Repository) PutBlob(ctx context.Context, d oci.Descriptor, open func(context.Context) (io.ReadCloser, error)) error {
	what := "write blob " + d.Digest.String()
	u := &upload{name: r.String() + " " + d.Digest.Hex()[:12], blob: d, open: open, progress: r.client.opt.Progress}
	err := r.do(ctx, writing, what, func(ctx context.Context, s *session) error {
		u.ctx = ctx
		err := r.send(ctx, s, u)
		if fault := u.sourceFault(); fault != nil {
			return fault
		}
		return err
	})
	u.end(err)
	return err
}
