package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/basal-project/basal/builder/cache"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

// OpenDirectory opens an offline directory: a folder with every input of a build,
// each at sha256/<64 hex>. It has the layout of a cache, and is only read.
func OpenDirectory(dir string) (*cache.Cache, error) {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = errors.New("not a directory")
	}
	if err != nil {
		return nil, diag.Usagef("offline directory %s: %w", dir, err).
			WithHint("`basal fetch IMAGE -o %s` makes one", dir)
	}
	return cache.Open(dir)
}

// Export writes every artifact to the offline directory dir, fetching what is
// missing first. What dir already has stays; after a failure nothing is left in
// it that was not there before.
func (c *Client) Export(ctx context.Context, artifacts []specs.Artifact, dir string, workers int) (err error) {
	if err := c.All(ctx, artifacts, workers); err != nil {
		return err
	}
	out, err := cache.Open(dir)
	if err != nil {
		return err
	}
	defer out.Close()
	var added []specs.Artifact
	defer func() {
		if err != nil {
			for _, a := range added {
				out.Drop(a.SHA256)
			}
		}
		out.Tidy()
	}()
	for _, a := range distinct(artifacts) {
		if out.Check(a.SHA256, a.Size) == nil {
			continue
		}
		if err := c.copyTo(ctx, out, a); err != nil {
			return fmt.Errorf("offline directory %s: %w", dir, err)
		}
		added = append(added, a)
	}
	return nil
}

func (c *Client) copyTo(ctx context.Context, out *cache.Cache, a specs.Artifact) error {
	r, err := c.Open(ctx, a)
	if err != nil {
		return err
	}
	defer r.Close()
	blob, err := out.Create()
	if err != nil {
		return err
	}
	defer blob.Discard()
	if err := out.Unwritable(); err != nil {
		return err // a cache would go on elsewhere; this is a destination
	}
	if _, err := io.Copy(blob, r); err != nil {
		return err
	}
	return blob.Commit(a.SHA256, a.Size)
}
