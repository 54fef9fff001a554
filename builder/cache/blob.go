package cache

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"

	"github.com/basal-project/basal/internal/digest"
)

// Blob is a file of the cache that is being written and that nobody else sees
// before Commit or Finish. Discard it in a defer; that does nothing after
// either of them. It is not safe for concurrent use.
type Blob struct {
	t    *temporary
	h    hash.Hash
	size int64
}

// Create begins a new blob.
func (c *Cache) Create() (*Blob, error) {
	t, err := c.create()
	if err != nil {
		return nil, fmt.Errorf("cannot write to the cache: %w", err)
	}
	return &Blob{t: t, h: sha256.New()}, nil
}

// Write appends p.
func (b *Blob) Write(p []byte) (int, error) {
	n, err := b.t.f.Write(p)
	b.h.Write(p[:n])
	b.size += int64(n)
	return n, err
}

// Size returns the number of bytes written so far.
func (b *Blob) Size() int64 { return b.size }

// Digest returns the digest of what was written so far.
func (b *Blob) Digest() digest.Digest { return digest.Digest(b.h.Sum(nil)) }

// Reset throws away what was written so far.
func (b *Blob) Reset() error {
	if err := b.t.f.Truncate(0); err != nil {
		return err
	}
	if _, err := b.t.f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	b.h.Reset()
	b.size = 0
	return nil
}

// Commit puts the blob in place if it is what want and size say, and otherwise
// discards it with digest.ErrMismatch.
func (b *Blob) Commit(want digest.Digest, size int64) error {
	if got := b.Digest(); got != want || b.size != size {
		b.Discard()
		return fmt.Errorf("%w: want %s of %d bytes, found %s of %d", digest.ErrMismatch, want, size, got, b.size)
	}
	_, _, err := b.Finish()
	return err
}

// Finish puts the blob in place under the digest that it turned out to have.
// Nothing is synced to disk: what a power cut spoils, a read finds out.
func (b *Blob) Finish() (digest.Digest, int64, error) {
	d := b.Digest()
	if err := b.t.place(blobs + "/" + d.Hex()); err != nil {
		return digest.Digest{}, 0, fmt.Errorf("cannot write to the cache: %w", err)
	}
	return d, b.size, nil
}

// Discard removes an unfinished blob.
func (b *Blob) Discard() { b.t.discard() }
