package fetch

import (
	"context"
	"errors"
	"strings"

	"github.com/basal-project/basal/builder/cache"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// Pin makes sure that the file at a URL, whose digest is known, is in the cache or
// in the offline directory, and returns its size in bytes. A file of more than
// most bytes, or with another digest, is an error; it has exit code 2, for the
// digest is what somebody wrote.
func (c *Client) Pin(ctx context.Context, url string, d digest.Digest, most int64) (int64, error) {
	if n, ok := c.sizeOf(d, most); ok {
		return n, nil
	}
	if c.opt.Offline {
		return 0, missingOffline(url)
	}
	i := strings.LastIndexByte(url, '/')
	err := c.try(ctx, url, c.places(url[:i], 0), func(p place) error {
		_, err := c.getOne(ctx, p, url, url[i+1:], want{sha256: d, most: most})
		return err
	})
	if errors.Is(err, digest.ErrMismatch) && !errors.Is(err, errHTML) {
		return 0, diag.Usagef("%w", err).WithHint("write the digest of the file that is meant, once you know that it is the right one")
	}
	if err != nil {
		return 0, err
	}
	n, err := c.opt.Cache.Size(d)
	return n, err
}

// sizeOf returns the size of what d names if it can be opened without the network.
func (c *Client) sizeOf(d digest.Digest, most int64) (int64, bool) {
	for _, store := range []*cache.Cache{c.opt.Cache, c.opt.Directory} {
		if store == nil {
			continue
		}
		if n, err := store.Size(d); err == nil && n <= most && store.Check(d, n) == nil {
			return n, true
		}
	}
	return 0, false
}
