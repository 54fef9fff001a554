package layers

import (
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/basal-project/basal/builder"
	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/digest"
)

// Private keeps layers in scratch files and remembers nothing. Close it when the
// layers have been used.
type Private struct {
	scratch func() (builder.ScratchFile, error)

	mu    sync.Mutex
	blobs map[digest.Digest]builder.ScratchFile
}

// NewPrivate returns an empty store on scratch files.
func NewPrivate(scratch func() (builder.ScratchFile, error)) *Private {
	return &Private{scratch: scratch, blobs: map[digest.Digest]builder.ScratchFile{}}
}

// Close frees the space of all blobs.
func (p *Private) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.blobs {
		f.Close()
	}
	clear(p.blobs)
}

// Recall remembers nothing.
func (p *Private) Recall(digest.Digest) ([]oci.NamedLayer, bool) { return nil, false }

// Remember does nothing.
func (p *Private) Remember(digest.Digest, []oci.NamedLayer) {}

// Create begins a blob.
func (p *Private) Create() (builder.Blob, error) {
	f, err := p.scratch()
	if err != nil {
		return nil, err
	}
	return &privateBlob{store: p, file: f}, nil
}

// Open opens a blob of that name.
func (p *Private) Open(d digest.Digest, size int64) (io.ReadCloser, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f, ok := p.blobs[d]
	if !ok {
		return nil, fmt.Errorf("layer %s: %w", d, fs.ErrNotExist)
	}
	return io.NopCloser(digest.NewReader(io.NewSectionReader(f, 0, size), d, size)), nil
}

// privateBlob is a blob that is being written.
type privateBlob struct {
	store *Private
	file  builder.ScratchFile // nil once committed or discarded
	size  int64
}

func (b *privateBlob) Write(p []byte) (int, error) {
	n, err := b.file.WriteAt(p, b.size)
	b.size += int64(n)
	return n, err
}

// Commit names the blob. That it is what it is called is checked when it is
// read.
func (b *privateBlob) Commit(d digest.Digest, size int64) error {
	if size != b.size {
		return fmt.Errorf("%w: want %d bytes, found %d", digest.ErrMismatch, size, b.size)
	}
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	if old, ok := b.store.blobs[d]; ok {
		old.Close()
	}
	b.store.blobs[d] = b.file
	b.file = nil
	return nil
}

func (b *privateBlob) Discard() {
	if b.file != nil {
		b.file.Close()
		b.file = nil
	}
}
