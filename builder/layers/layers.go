// Package layers keeps finished layers between their making and their use:
// remembered in a cache, or forgotten with the process.
package layers

import (
	"io"

	"github.com/basal-project/basal/builder"
	"github.com/basal-project/basal/builder/cache"
	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/canonjson"
	"github.com/basal-project/basal/internal/digest"
)

// recordKind is where the cache remembers layers; it rises with their form.
const recordKind = "layers-1"

// Cached keeps layers in a cache and remembers what made them. Blobs are checked
// by digest whenever they are read; what a record says of them is believed, so
// nothing that will be signed may come from here.
type Cached struct{ Cache *cache.Cache }

// Recall returns the layers that were remembered under key, if all their blobs
// are there.
func (c Cached) Recall(key digest.Digest) ([]oci.NamedLayer, bool) {
	b, ok := c.Cache.Record(recordKind, key)
	if !ok {
		return nil, false
	}
	var list []oci.NamedLayer
	if err := canonjson.Unmarshal(b, &list); err != nil {
		return nil, false
	}
	for _, l := range list {
		if !c.Cache.Has(l.Digest, l.Size) {
			return nil, false
		}
	}
	return list, true
}

// Remember keeps layers for the next run. Failing to is no fault of this one:
// the cache is only there to save time.
func (c Cached) Remember(key digest.Digest, list []oci.NamedLayer) {
	if b, err := canonjson.Marshal(list); err == nil {
		_ = c.Cache.SetRecord(recordKind, key, b)
	}
}

// Create begins a blob.
func (c Cached) Create() (builder.Blob, error) { return c.Cache.Create() }

// Open opens a blob; reading it ends with digest.ErrMismatch if it is damaged.
func (c Cached) Open(d digest.Digest, size int64) (io.ReadCloser, error) { return c.Cache.Get(d, size) }

// Drop takes damaged blobs out of the cache.
func (c Cached) Drop(list []oci.NamedLayer) {
	for _, l := range list {
		if c.Cache.Check(l.Digest, l.Size) != nil {
			c.Cache.Drop(l.Digest)
		}
	}
}
