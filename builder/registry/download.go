package registry

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/basal-project/basal/builder/fetch"
	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/digest"
)

// maxBreaks is how often one download is taken up again, however much of it
// came each time.
const maxBreaks = 100

// Open returns the bytes of the blob that d names. When the connection breaks,
// the reader goes on where it was. It ends with io.EOF only when the bytes were
// those that d names.
func (r *Repository) Open(ctx context.Context, d oci.Descriptor) (io.ReadCloser, error) {
	b := &download{ctx: ctx, repository: r, blob: d, what: "read blob " + d.Digest.String()}
	if err := b.connect(); err != nil {
		return nil, err
	}
	b.task = r.client.opt.Progress.Start(r.String()+" "+d.Digest.Hex()[:12], d.Size)
	return &checked{digest.NewReader(b, d.Digest, d.Size), b}, nil
}

// checked is a download whose bytes are compared with their digest.
type checked struct {
	io.Reader
	download *download
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if errors.Is(err, digest.ErrMismatch) {
		b := c.download
		err = b.repository.explain(b.ctx, reading, b.what, err)
	}
	if err != nil {
		c.download.fault = err
	}
	return n, err
}

func (c *checked) Close() error {
	b := c.download
	if b.fault == nil {
		b.fault = errors.New("closed before its end")
	}
	b.end()
	return nil
}

// download is a blob on its way, over as many requests as it takes.
type download struct {
	ctx        context.Context
	repository *Repository
	blob       oci.Descriptor
	what       string
	task       fetch.Task

	body   io.Closer
	buf    *bufio.Reader
	ends   bool  // whether the end of the body can be told from a break
	whole  bool  // the server knows no ranges
	off    int64 // bytes given out
	breaks int
	fault  error
	done   bool
}

// Read implements io.Reader.
func (b *download) Read(p []byte) (int, error) {
	for {
		n, err := b.buf.Read(p)
		b.off += int64(n)
		switch {
		case n > 0:
			b.task.Set(b.off)
			return n, nil // an error comes again
		case err == nil:
			continue
		case b.over(err):
			return 0, io.EOF
		case b.ctx.Err() != nil:
			return 0, b.repository.explain(b.ctx, reading, b.what, err)
		}
		if err := b.resume(err); err != nil {
			return 0, err
		}
	}
}

// over reports whether err is the end of the blob rather than a break.
func (b *download) over(err error) bool {
	return b.off >= b.blob.Size || err == io.EOF && b.ends
}

// resume takes the download up again after it broke with cause.
func (b *download) resume(cause error) error {
	if b.breaks++; b.breaks > maxBreaks {
		err := fmt.Errorf("the connection broke %d times, last after %d of %d bytes: %w", b.breaks, b.off, b.blob.Size, plain(cause))
		return b.repository.explain(b.ctx, reading, b.what, err)
	}
	b.body.Close()
	return b.connect()
}

// connect asks for the rest of the blob.
func (b *download) connect() error {
	return b.repository.do(context.WithValue(b.ctx, bulk{}, true), reading, b.what, b.attempt)
}

var errRange = errors.New("got another range than was asked for")

// attempt succeeds when bytes arrive, so that a server that answers and sends
// nothing is not asked for ever.
func (b *download) attempt(ctx context.Context, s *session) error {
	resp, err := b.request(ctx, s)
	if err != nil {
		return err
	}
	buf := bufio.NewReaderSize(resp.Body, 512)
	if err := b.begin(resp, buf); err != nil {
		resp.Body.Close()
		return err
	}
	b.body, b.buf = resp.Body, buf
	return nil
}

func (b *download) request(ctx context.Context, s *session) (*http.Response, error) {
	url := b.repository.url("blobs", b.blob.Digest.String())
	if b.off == 0 || b.whole {
		return s.ask(ctx, http.MethodGet, url, nil, http.StatusOK)
	}
	// With both ends: some servers know no range without the second one.
	header := http.Header{"Range": {fmt.Sprintf("bytes=%d-%d", b.off, b.blob.Size-1)}}
	resp, err := s.ask(ctx, http.MethodGet, url, header, http.StatusOK, http.StatusPartialContent)
	var refused *transport.Error
	if errors.As(err, &refused) && refused.StatusCode == http.StatusRequestedRangeNotSatisfiable {
		b.whole = true
		return b.request(ctx, s)
	}
	return resp, err
}

// begin sees to it that the next byte of buf is the one that is wanted.
func (b *download) begin(resp *http.Response, buf *bufio.Reader) error {
	from := int64(0)
	if resp.StatusCode == http.StatusPartialContent {
		from = b.off
		if !strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", from)) {
			b.whole = true
			return errRange
		}
	}
	if n := resp.ContentLength; n >= 0 && n != b.blob.Size-from {
		return fmt.Errorf("%w: want %d bytes, the registry has %d", digest.ErrMismatch, b.blob.Size, n+from)
	}
	// A body that lasts until the connection closes looks complete when it broke.
	b.ends = resp.ContentLength >= 0 || len(resp.TransferEncoding) > 0 || resp.ProtoMajor > 1
	if _, err := io.CopyN(io.Discard, buf, b.off-from); err != nil {
		return noEOF(err)
	}
	if _, err := buf.Peek(1); err != nil && !b.over(err) {
		return noEOF(err)
	}
	return nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// end lets the connection go and tells how it went, once.
func (b *download) end() {
	if b.done {
		return
	}
	b.done = true
	b.body.Close()
	err := b.fault
	if err == io.EOF {
		err = nil
	}
	b.task.Done(err)
}
