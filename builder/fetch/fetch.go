// Package fetch brings the bytes that a lock names, from wherever they can be
// had: the cache, an offline directory, Debian mirrors, the snapshot service, and
// the registry of a base image.
//
// None of these places is trusted. Bytes are addressed by digest and size, a
// place that has other bytes is passed over, and the last word is an error that
// lists every place and what was wrong there. For locking, which comes before
// any digest is known, Release hands the bytes to the caller's own check.
package fetch

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"sync"
	"time"

	"github.com/basal-project/basal/builder/cache"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// SnapshotService is the public service that keeps every state of Debian's
// archives.
const SnapshotService = "https://snapshot.debian.org"

// Options says where a Client looks. Only Cache is required.
type Options struct {
	Cache     *cache.Cache // looked at first; what is downloaded goes there
	Directory *cache.Cache // an offline directory, see OpenDirectory; may be nil
	Local     []fs.FS      // the folders of the spec and of those it extends, see LocalFiles; nil for one that is gone
	Mirrors   Mirrors
	Registry  Registry          // where the blobs of base images are; nil for nowhere
	Snapshot  string            // base URL, usually SnapshotService; "" for none
	Offline   bool              // never open a socket
	Progress  Progress          // nil for silence
	Transport http.RoundTripper // nil for one that honours the usual proxy variables
	UserAgent string            // sent to servers when not empty
}

// Client is a source of artifacts. It is safe for concurrent use.
type Client struct {
	opt    Options
	web    *web
	policy policy
	now    func() time.Time

	mu   sync.Mutex
	down map[string]bool // base URLs that could not be reached
}

// New returns a client. It opens nothing.
func New(opt Options) *Client {
	if opt.Progress == nil {
		opt.Progress = silent{}
	}
	return &Client{
		opt:    opt,
		web:    newWeb(opt.Transport, opt.UserAgent),
		policy: defaultPolicy,
		now:    time.Now,
		down:   map[string]bool{},
	}
}

// Cache returns the cache that downloads go to.
func (c *Client) Cache() *cache.Cache { return c.opt.Cache }

// Open returns the bytes of a. They were checked before Open returned, so that
// a damaged copy is replaced rather than handed out, and the reader checks them
// again as they pass: it ends with digest.ErrMismatch if they changed since.
//
// The error names every place that was tried; its exit code is 3, and it wraps
// digest.ErrMismatch when one of the places had other bytes. A local file that
// is not what was locked is an error with exit code 2.
func (c *Client) Open(ctx context.Context, a specs.Artifact) (io.ReadCloser, error) {
	if isLocal(a) {
		return c.openLocal(a)
	}
	r, fault := c.stored(a.SHA256, a.Size)
	if r != nil {
		return r, nil
	}
	if err := c.get(ctx, a, fault); err != nil {
		return nil, err
	}
	return c.opt.Cache.Get(a.SHA256, a.Size)
}

// Fetch makes sure that a can be opened without the network. What is already
// there is read, so that a damaged copy is replaced.
func (c *Client) Fetch(ctx context.Context, a specs.Artifact) error {
	if isLocal(a) {
		r, err := c.openLocal(a)
		if err != nil {
			return err
		}
		return r.Close()
	}
	r, fault := c.stored(a.SHA256, a.Size)
	if r != nil {
		return r.Close()
	}
	return c.get(ctx, a, fault)
}

// isLocal reports whether a is a file beside a spec.
func isLocal(a specs.Artifact) bool { return a.Archive == "" && a.Repository == "" }

// get brings a into the cache.
func (c *Client) get(ctx context.Context, a specs.Artifact, fault error) error {
	if a.Repository != "" {
		return c.pull(ctx, a, fault)
	}
	return c.download(ctx, a, fault)
}

// stored opens a copy in the cache or in the offline directory. Without one the
// reader is nil, and the error says why a copy that may be there cannot be read.
// A damaged copy in the cache is dropped, and so replaced by the caller; the
// directory belongs to the user and is left alone.
func (c *Client) stored(d digest.Digest, size int64) (io.ReadCloser, error) {
	var fault error
	for _, store := range []*cache.Cache{c.opt.Cache, c.opt.Directory} {
		if store == nil {
			continue
		}
		r, err := store.GetChecked(d, size)
		if err == nil {
			return r, nil
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case !errors.Is(err, digest.ErrMismatch):
			fault = err
		case store == c.opt.Cache:
			store.Drop(d)
		}
	}
	return nil, fault
}

// download gets a from the first place that has it. fault is why no stored copy
// can be read, nil when there is none.
func (c *Client) download(ctx context.Context, a specs.Artifact, fault error) error {
	name := a.Archive + " " + a.Path
	if c.opt.Offline && fault != nil {
		return diag.Unavailablef("%s: %w", name, fault)
	}
	if c.opt.Offline {
		return missingOffline(name)
	}
	want := want{sha256: a.SHA256, size: a.Size}
	return c.try(ctx, name, c.places(a.Archive, a.Date), func(p place) error {
		_, err := c.getFile(ctx, p, name, a.Path, want)
		return err
	})
}

func missingOffline(name string) error {
	return diag.Unavailablef("%s is neither in the cache nor in an offline directory", name).
		WithHint("run `basal fetch` while there is a network")
}
