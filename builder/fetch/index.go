package fetch

import (
	"bytes"
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// Index is a file that an InRelease file lists: a Packages file.
type Index struct {
	Archive string
	Suite   string
	Path    string        // below the suite, e.g. main/binary-amd64/Packages.xz
	Size    int64         // bytes
	SHA256  digest.Digest // zero when the release lists SHA512 only
	SHA512  []byte        // 64 bytes; nil when the release does not list it
	Date    int64         // the release's, in seconds since 1970
}

// Artifact returns the index as something that Client.Open takes. d is its
// sha256, which Client.Index has found out.
func (ix Index) Artifact(d digest.Digest) specs.Artifact {
	return specs.Artifact{SHA256: d, Size: ix.Size, Archive: ix.Archive, Path: ix.file(), Date: ix.Date}
}

func (ix Index) file() string { return path.Join("dists", ix.Suite, ix.Path) }

// ErrMidUpdate says that a mirror's index is not the one that its release file
// lists, which is so for some minutes while the mirror is being updated.
var ErrMidUpdate = errors.New("the mirror is in the middle of an update")

// Index makes sure that ix is in the cache, or in the offline directory, and
// returns its sha256. It is looked for where rel came from first (rel may be
// nil), and by hash before by name. The error wraps ErrMidUpdate, with exit code
// 3, when a mirror has another file than the release promised.
func (c *Client) Index(ctx context.Context, ix Index, rel *Release) (digest.Digest, error) {
	name := ix.Archive + " " + ix.file()
	places := c.places(ix.Archive, ix.Date)
	if rel != nil {
		places = slices.DeleteFunc(places, func(p place) bool { return p == rel.place })
		places = slices.Insert(places, 0, rel.place)
	}
	w := want{sha256: ix.SHA256, sha512: ix.SHA512, size: ix.Size}
	d, err := c.identify(ctx, name, places, w, func(p place) (digest.Digest, error) {
		return c.getIndex(ctx, p, name, ix.file(), w)
	})
	return d, midUpdate(name, err)
}

// File is a file of an archive of which only the sha512 is known: a .deb of an
// archive that lists nothing else.
type File struct {
	Archive string
	Path    string // below the archive
	Size    int64  // bytes
	SHA512  []byte // 64 bytes
	Date    int64  // a time at which the archive has it, in seconds since 1970
}

// Find makes sure that f is in the cache, or in the offline directory, and
// returns its sha256, by which Open has it. Its errors are those of Open.
func (c *Client) Find(ctx context.Context, f File) (digest.Digest, error) {
	name := f.Archive + " " + f.Path
	w := want{sha512: f.SHA512, size: f.Size}
	return c.identify(ctx, name, c.places(f.Archive, f.Date), w, func(p place) (digest.Digest, error) {
		return c.getFile(ctx, p, name, f.Path, w)
	})
}

// identify returns the sha256 of what w names, which it gets from the first
// place that has it unless it is there already.
func (c *Client) identify(ctx context.Context, name string, places []place, w want, get func(place) (digest.Digest, error)) (d digest.Digest, err error) {
	if w.sha256.IsZero() && len(w.sha512) != sha512.Size {
		return d, fmt.Errorf("internal error: %s without a digest", name)
	}
	if d, ok := c.known(w); ok {
		return d, nil
	}
	if c.opt.Offline {
		return d, missingOffline(name)
	}
	err = c.try(ctx, name, places, func(p place) (err error) {
		d, err = get(p)
		return err
	})
	if err != nil {
		return digest.Digest{}, err
	}
	if w.sha256.IsZero() {
		c.remember512(w, d)
	}
	return d, nil
}

// stale is a mismatch that may pass.
type stale struct{ error }

func (s stale) Unwrap() error { return digest.ErrMismatch }

// getIndex asks again when the file is not yet, or no longer, the right one.
func (c *Client) getIndex(ctx context.Context, p place, name, file string, w want) (d digest.Digest, err error) {
	gaveUp := c.patience(p).retry(ctx, func() error {
		d, err = c.getFile(ctx, p, name, file, w)
		if errors.Is(err, digest.ErrMismatch) && !errors.Is(err, errHTML) {
			err = stale{err}
			return err
		}
		return nil // a success, or a failure that getFile has retried already
	})
	if gaveUp != nil {
		return digest.Digest{}, gaveUp
	}
	return d, err
}

func midUpdate(name string, err error) error {
	if !errors.Is(err, digest.ErrMismatch) || errors.Is(err, errHTML) {
		return err
	}
	return diag.Unavailablef("%w: %s", ErrMidUpdate, err).
		WithHint("try again in a few minutes, or name another mirror with --mirror")
}

// getFile brings what w names from one place into the cache. Indexes are asked
// for by hash first: a file of that name never changes, while the plain name
// stands for whatever the archive holds now.
func (c *Client) getFile(ctx context.Context, p place, name, file string, w want) (digest.Digest, error) {
	if hashed := byHash(file, w); hashed != "" {
		d, err := c.getOne(ctx, p, name, hashed, w)
		if !is[refused](err) {
			return d, err
		}
	}
	return c.getOne(ctx, p, name, file, w)
}

func (c *Client) getOne(ctx context.Context, p place, name, file string, w want) (digest.Digest, error) {
	url, err := p.url(file)
	if err != nil {
		return digest.Digest{}, err
	}
	return c.transfer(ctx, p, name, url, w)
}

// byHash returns the path that names an index by its digest, "" for other files
// (Debian's repository format, "Acquire-By-Hash").
func byHash(file string, w want) string {
	dir, base := path.Split(file)
	switch {
	case !strings.HasPrefix(file, "dists/") || base == "InRelease":
		return ""
	case w.sha256.IsZero():
		return dir + "by-hash/SHA512/" + hex.EncodeToString(w.sha512)
	}
	return dir + "by-hash/SHA256/" + w.sha256.Hex()
}

// sha512Record is the kind of record that relates a sha512 to a sha256.
const sha512Record = "sha512"

// known returns the sha256 of what w names if it can be opened without the
// network.
func (c *Client) known(w want) (digest.Digest, bool) {
	d := w.sha256
	if d.IsZero() {
		b, ok := c.opt.Cache.Record(sha512Record, digest.Of(w.sha512))
		if !ok || len(b) != len(d) {
			return d, false
		}
		d = digest.Digest(b)
	}
	r, _ := c.stored(d, w.size)
	if r == nil {
		return d, false
	}
	defer r.Close()
	if w.sha256.IsZero() {
		// The record is only a pointer; the release's word is the sha512.
		h := sha512.New()
		if _, err := io.Copy(h, r); err != nil || !bytes.Equal(h.Sum(nil), w.sha512) {
			return d, false
		}
	}
	return d, true
}

// remember512 saves a download the next time. Failing to is no fault.
func (c *Client) remember512(w want, d digest.Digest) {
	_ = c.opt.Cache.SetRecord(sha512Record, digest.Of(w.sha512), d[:])
}
