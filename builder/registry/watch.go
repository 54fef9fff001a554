package registry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// errStalled ends a request on which nothing moves any more.
var errStalled = errors.New("nothing was sent or received for too long")

// watch gives a request up when no byte moves for too long.
type watch struct {
	policy policy
	outer  context.Context
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

func newWatch(outer context.Context, p policy) *watch {
	ctx, cancel := context.WithCancelCause(outer)
	return &watch{p, outer, ctx, cancel, time.AfterFunc(p.stall, func() { cancel(errStalled) })}
}

func (w *watch) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// verdict returns err, or what really was the matter when the request was given
// up.
func (w *watch) verdict(err error) error {
	switch {
	case w.outer.Err() != nil:
		return context.Cause(w.outer)
	case errors.Is(context.Cause(w.ctx), errStalled):
		return errStalled
	}
	return err
}

// send gives out a body to send. The layers above send a request a second time
// with a body that is used up, for example after a token has expired, so it is
// opened anew wherever it can be.
func (w *watch) send(in, out *http.Request) error {
	if in.Body == nil || in.Body == http.NoBody {
		return nil
	}
	if in.GetBody != nil {
		body, err := in.GetBody()
		in.Body.Close()
		if err != nil {
			return err
		}
		out.Body = body
		out.GetBody = func() (io.ReadCloser, error) {
			again, err := in.GetBody()
			if err != nil {
				return nil, err
			}
			return &question{again, w}, nil
		}
	}
	out.Body = &question{out.Body, w}
	return nil
}

// question is the body of a request.
type question struct {
	io.ReadCloser
	watch *watch
}

func (q *question) Read(p []byte) (int, error) {
	n, err := q.ReadCloser.Read(p)
	switch {
	case err == io.EOF:
		// The registry now hashes and stores what it got.
		q.watch.timer.Reset(q.watch.policy.answer)
	case n > 0:
		q.watch.timer.Reset(q.watch.policy.stall)
	}
	return n, err
}

// answer is the body of a response.
type answer struct {
	io.ReadCloser
	watch   *watch
	bounded bool
	left    int64
}

func (a *answer) Read(p []byte) (int, error) {
	if a.bounded && int64(len(p)) > a.left+1 {
		p = p[:a.left+1]
	}
	n, err := a.ReadCloser.Read(p)
	if n > 0 {
		a.watch.timer.Reset(a.watch.policy.stall)
	}
	if a.left -= int64(n); a.bounded && a.left < 0 {
		return 0, tooLarge("an answer of more bytes than that")
	}
	if err != nil && err != io.EOF {
		err = broken{a.watch.verdict(err)}
	}
	return n, err
}

func (a *answer) Close() error {
	a.watch.stop()
	return a.ReadCloser.Close()
}

// complaint reads the beginning of an answer that says why not, so that its
// status counts, however long the reasons are.
func (a *answer) complaint(resp *http.Response) error {
	b, err := io.ReadAll(io.LimitReader(a, maxComplaint))
	a.Close()
	if err != nil {
		b = nil
	}
	resp.Body = io.NopCloser(bytes.NewReader(b))
	resp.ContentLength = int64(len(b))
	return nil
}
