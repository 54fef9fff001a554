package fetch

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// maxRelease bounds an InRelease file, in bytes; Debian's largest has 150 kB.
const maxRelease = 16 << 20

// Release is an InRelease file that the caller has accepted. It is in the cache
// under its digest.
type Release struct {
	Bytes  []byte
	SHA256 digest.Digest
	place  place
}

// Base returns the URL of the archive that the file came from, for messages.
func (r *Release) Base() string { return redact(r.place.base) }

// Release fetches dists/SUITE/InRelease of an archive from the first place
// whose answer check accepts; the snapshot service is asked for the state of
// now. No digest is known beforehand, so it is check that decides: it verifies
// the signature and whatever else the caller knows. When every place fails, the
// exit code is that of check's error if it was called, and 3 otherwise.
func (c *Client) Release(ctx context.Context, archive, suite string, check func([]byte) error) (*Release, error) {
	file := "dists/" + suite + "/InRelease"
	name := archive + " " + file
	if c.opt.Offline {
		return nil, diag.Unavailablef("%s: locking asks the archive for its present state, and --offline forbids that", name)
	}
	places := c.places(archive, 0)
	if !isURL(archive) {
		places = append(places, c.snapshot(archive, c.now())...)
	}
	var rel *Release
	err := c.try(ctx, name, places, func(p place) error {
		b, err := c.getSmall(ctx, p, name, file)
		if err != nil {
			return err
		}
		if err := check(b); err != nil {
			return rejected{err}
		}
		rel = &Release{b, digest.Of(b), p}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return rel, c.keep(rel.Bytes, rel.SHA256)
}

// keep stores bytes in the cache.
func (c *Client) keep(b []byte, d digest.Digest) error {
	blob, err := c.opt.Cache.Create()
	if err != nil {
		return err
	}
	defer blob.Discard()
	if _, err := blob.Write(b); err != nil {
		return err
	}
	return blob.Commit(d, int64(len(b)))
}

// getSmall reads a whole file of unknown size and digest.
func (c *Client) getSmall(ctx context.Context, p place, name, file string) (b []byte, err error) {
	url, err := p.url(file)
	if err != nil {
		return nil, err
	}
	task := c.opt.Progress.Start(name, -1)
	defer func() { task.Done(err) }()
	policy := c.patience(p)
	err = policy.retry(ctx, func() error {
		a, err := c.web.get(ctx, query{url: url, fresh: true}, policy)
		if err != nil {
			return err
		}
		defer a.Close()
		b, err = io.ReadAll(io.LimitReader(a, maxRelease+1))
		switch {
		case err != nil:
			return fmt.Errorf("cut off after %s: %w", byteCount(int64(len(b))), err)
		case len(b) > maxRelease:
			return refusef("got more than %s", byteCount(maxRelease))
		case a.html() && bytes.HasPrefix(bytes.TrimSpace(b), []byte("<")):
			return refusef("got %w, %s, want a release file", errHTML, byteCount(int64(len(b))))
		}
		task.Set(int64(len(b)))
		return nil
	})
	return b, err
}
