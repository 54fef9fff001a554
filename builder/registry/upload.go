package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/basal-project/basal/builder/fetch"
	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// upload is a blob as go-containerregistry takes it, over as many attempts as it
// needs.
type upload struct {
	name     string
	blob     oci.Descriptor
	open     func(context.Context) (io.ReadCloser, error)
	progress fetch.Progress
	ctx      context.Context // of the attempt

	mu    sync.Mutex
	task  fetch.Task // nil before the first byte
	fault error      // in reading what is to be sent
}

var _ v1.Layer = (*upload)(nil)

// Digest implements v1.Layer.
func (u *upload) Digest() (v1.Hash, error) {
	return v1.Hash{Algorithm: "sha256", Hex: u.blob.Digest.Hex()}, nil
}

// Size implements v1.Layer.
func (u *upload) Size() (int64, error) { return u.blob.Size, nil }

// MediaType implements v1.Layer. Blobs have no type in a registry; this one
// keeps go-containerregistry from leaving the blob out.
func (u *upload) MediaType() (types.MediaType, error) { return types.OCILayer, nil }

// Compressed implements v1.Layer. Nothing is opened before it is read: bodies
// are made in reserve.
func (u *upload) Compressed() (io.ReadCloser, error) { return &sending{upload: u, ctx: u.ctx}, nil }

// DiffID implements v1.Layer.
func (u *upload) DiffID() (v1.Hash, error) { return v1.Hash{}, errUnpacked }

// Uncompressed implements v1.Layer.
func (u *upload) Uncompressed() (io.ReadCloser, error) { return nil, errUnpacked }

var errUnpacked = errors.New("internal error: a blob is sent as it is, never unpacked")

func (u *upload) sourceFault() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.fault
}

func (u *upload) end(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.task != nil {
		u.task.Done(err)
	}
}

// sending is the bytes of one attempt. The transport may still read when the
// attempt is over, and closes it at any time.
type sending struct {
	upload *upload
	ctx    context.Context

	mu     sync.Mutex
	body   io.ReadCloser
	bytes  io.Reader
	sent   int64
	closed bool
}

// Read implements io.Reader.
func (s *sending) Read(p []byte) (int, error) {
	bytes, err := s.begin()
	if err != nil {
		return 0, err
	}
	n, err := bytes.Read(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent += int64(n)
	if s.closed {
		// What a closed body says is nobody's fault.
		return n, err
	}
	s.upload.moved(s.sent)
	if err != nil && err != io.EOF {
		s.upload.blame(s.ctx, err)
	}
	return n, err
}

func (s *sending) begin() (io.Reader, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.New("closed")
	}
	if s.bytes != nil {
		return s.bytes, nil
	}
	body, err := s.upload.open(s.ctx)
	if err != nil {
		s.upload.blame(s.ctx, err)
		return nil, err
	}
	s.body, s.bytes = body, digest.NewReader(body, s.upload.blob.Digest, s.upload.blob.Size)
	return s.bytes, nil
}

// Close implements io.Closer.
func (s *sending) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.body == nil {
		return nil
	}
	return s.body.Close()
}

func (u *upload) moved(sent int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.task == nil {
		u.task = u.progress.Start(u.name, u.blob.Size)
	}
	u.task.Set(sent)
}

// blame keeps the first error of the source. A cancelled attempt is none.
func (u *upload) blame(ctx context.Context, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.fault != nil || ctx.Err() != nil {
		return
	}
	if errors.Is(err, digest.ErrMismatch) && !is[*diag.Error](err) {
		err = diag.Failedf("%w", fmt.Errorf("blob %s, which was to be sent: %w", u.blob.Digest, err))
	}
	u.fault = source{err}
}
