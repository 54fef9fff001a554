package fetch

import (
	"bytes"
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strings"

	"github.com/basal-project/basal/builder/cache"
	"github.com/basal-project/basal/internal/digest"
)

// want names bytes by size and at least one digest.
type want struct {
	sha256 digest.Digest // zero when only sha512 is known
	sha512 []byte        // nil when unknown
	size   int64
	most   int64 // for a file whose size is not known: at most so many bytes; else 0
}

// limit returns the number of bytes beyond which a file is not what w names.
func (w want) limit() int64 { return max(w.size, w.most) }

// expected returns the size in bytes, -1 when it is not known.
func (w want) expected() int64 {
	if w.most > 0 {
		return -1
	}
	return w.size
}

func (w want) String() string {
	if w.most > 0 {
		return fmt.Sprintf("%s of at most %s", w.sha256, byteCount(w.most))
	}
	if w.sha256.IsZero() {
		return fmt.Sprintf("sha512:%x of %s", w.sha512, byteCount(w.size))
	}
	return fmt.Sprintf("%s of %s", w.sha256, byteCount(w.size))
}

// transfer is one file on its way from one address into the cache, over as many
// requests as it takes.
type transfer struct {
	web       *web
	policy    policy
	url       string
	want      want
	task      Task
	blob      *cache.Blob
	sum512    hash.Hash
	validator string // of the file that the blob has the beginning of
	pieced    bool   // the blob comes from several answers
}

// transfer brings what w names from url into the cache.
func (c *Client) transfer(ctx context.Context, p place, name, url string, w want) (_ digest.Digest, err error) {
	blob, err := c.opt.Cache.Create()
	if err != nil {
		return digest.Digest{}, local{err}
	}
	defer blob.Discard()
	task := c.opt.Progress.Start(name, w.expected())
	defer func() { task.Done(err) }()
	t := &transfer{web: c.web, policy: c.patience(p), url: url, want: w, task: task, blob: blob, sum512: sha512.New()}
	if err := t.policy.retry(ctx, func() error { return t.attempt(ctx) }); err != nil {
		return digest.Digest{}, err
	}
	d, _, err := blob.Finish()
	if err != nil {
		return digest.Digest{}, local{err}
	}
	return d, nil
}

// attempt goes on where the one before stopped, if the server can do that.
func (t *transfer) attempt(ctx context.Context) error {
	from := t.blob.Size()
	a, err := t.web.get(ctx, query{url: t.url, from: from, validator: t.validator}, t.policy)
	if err != nil {
		if errors.Is(err, errRange) {
			return errors.Join(err, t.restart())
		}
		return err
	}
	defer a.Close()
	if from > 0 && !t.continues(a, from) {
		if err := t.restart(); err != nil {
			return err
		}
		if a.StatusCode == http.StatusPartialContent {
			return errors.New("got another range than was asked for")
		}
		from = 0
	}
	if n := a.ContentLength; from == 0 && n >= 0 && (n > t.want.limit() || t.want.most == 0 && n != t.want.size) {
		return mismatch(t.want, a.html(), a.ContentLength, "")
	}
	t.validator = validator(a.Header)
	t.pieced = from > 0
	if _, err := io.Copy(t, io.LimitReader(a, t.want.limit()+1-from)); err != nil {
		return fmt.Errorf("cut off after %s of %s: %w", byteCount(t.blob.Size()), byteCount(t.want.limit()), err)
	}
	return t.verify(a.html())
}

// continues reports whether a brings the rest of the file. Everything but the
// start of the range is left to the digest.
func (t *transfer) continues(a *answer, from int64) bool {
	return a.StatusCode == http.StatusPartialContent &&
		strings.HasPrefix(a.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", from))
}

// validator returns what If-Range may carry: a strong ETag, else a date
// (RFC 9110, section 13.1.5).
func validator(h http.Header) string {
	if etag := h.Get("ETag"); etag != "" && !strings.HasPrefix(etag, "W/") {
		return etag
	}
	return h.Get("Last-Modified")
}

// verify decides whether what has arrived is what was wanted.
func (t *transfer) verify(html bool) error {
	n := t.blob.Size()
	var found string
	switch {
	case n < t.want.size:
		return fmt.Errorf("cut off after %s of %s", byteCount(n), byteCount(t.want.size))
	case n > t.want.limit():
		found = "more than " + byteCount(t.want.limit())
	case !t.want.sha256.IsZero() && t.blob.Digest() != t.want.sha256:
		found = t.blob.Digest().String()
	case t.want.sha512 != nil && !bytes.Equal(t.sum512.Sum(nil), t.want.sha512):
		found = "sha512:" + hex.EncodeToString(t.sum512.Sum(nil))
	default:
		return nil
	}
	if t.pieced {
		// The file may have been replaced between two requests.
		return errors.Join(errors.New("the pieces do not fit together"), t.restart())
	}
	return mismatch(t.want, html, n, found)
}

// Write takes bytes as they arrive.
func (t *transfer) Write(p []byte) (int, error) {
	n, err := t.blob.Write(p)
	if err != nil {
		return n, local{err}
	}
	if t.want.sha512 != nil {
		t.sum512.Write(p)
	}
	t.task.Set(t.blob.Size())
	return n, nil
}

func (t *transfer) restart() error {
	t.validator, t.pieced = "", false
	t.sum512.Reset()
	t.task.Set(0)
	if err := t.blob.Reset(); err != nil {
		return local{err}
	}
	return nil
}
