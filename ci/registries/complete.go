package registries

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Incomplete returns an error for each tag of the repository ("host/path") that
// does not lead to a whole image: every manifest below it is there with its
// digest, and every blob with its size. A repository that is not there has no
// tags. The bytes of layers are not read.
func Incomplete(ctx context.Context, repository string) error {
	repo, err := name.NewRepository(repository)
	if err != nil {
		return err
	}
	puller, err := remote.NewPuller()
	if err != nil {
		return err
	}
	c := checker{repo: repo, puller: puller, known: make(map[string]bool)}
	tags, err := c.tags(ctx)
	if err != nil {
		return fmt.Errorf("%s: tags: %w", repository, err)
	}
	var faults []error
	for _, tag := range tags {
		if err := c.manifest(ctx, repo.Tag(tag), v1.Descriptor{}); err != nil {
			faults = append(faults, fmt.Errorf("%s:%s: %w", repository, tag, err))
		}
	}
	return errors.Join(faults...)
}

// A checker looks at one repository. What it has seen there once is there.
type checker struct {
	repo   name.Repository
	puller *remote.Puller
	known  map[string]bool
}

func (c *checker) tags(ctx context.Context) ([]string, error) {
	tags, err := c.puller.List(ctx, c.repo)
	var fault *transport.Error
	if errors.As(err, &fault) && fault.StatusCode == http.StatusNotFound {
		return nil, nil
	}
	return tags, err
}

func (c *checker) manifest(ctx context.Context, ref name.Reference, want v1.Descriptor) error {
	if c.known[want.Digest.String()] {
		return nil
	}
	got, err := c.puller.Get(ctx, ref)
	if err != nil {
		return err
	}
	// The library has checked the digest if the reference has one.
	if want.Size != 0 && want.Size != got.Size {
		return fmt.Errorf("%s has %d bytes, want %d", got.Digest, got.Size, want.Size)
	}
	if got.MediaType.IsIndex() {
		var index v1.IndexManifest
		if err := json.Unmarshal(got.Manifest, &index); err != nil {
			return err
		}
		for _, d := range index.Manifests {
			if err := c.manifest(ctx, c.repo.Digest(d.Digest.String()), d); err != nil {
				return fmt.Errorf("manifest %s: %w", d.Digest, err)
			}
		}
	} else if err := c.image(ctx, got.MediaType, got.Manifest); err != nil {
		return err
	}
	c.known[got.Digest.String()] = true
	return nil
}

func (c *checker) image(ctx context.Context, mediaType types.MediaType, text []byte) error {
	if !mediaType.IsImage() {
		return fmt.Errorf("got media type %s, want an image", mediaType)
	}
	var m v1.Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return err
	}
	for _, d := range append(m.Layers, m.Config) {
		if c.known[d.Digest.String()] {
			continue
		}
		layer, err := c.puller.Layer(ctx, c.repo.Digest(d.Digest.String()))
		if err != nil {
			return err
		}
		size, err := layer.Size()
		if err != nil {
			return fmt.Errorf("blob %s: %w", d.Digest, err)
		}
		if size != d.Size {
			return fmt.Errorf("blob %s has %d bytes, want %d", d.Digest, size, d.Size)
		}
		c.known[d.Digest.String()] = true
	}
	return nil
}
