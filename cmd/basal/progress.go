package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/basal-project/basal/builder/fetch"
	"github.com/basal-project/basal/internal/diag"
)

// progress shows transfers on standard error.
type progress interface {
	fetch.Progress
	saying(verb string) fetch.Progress // the same display, for transfers that are no downloads
	close()
}

// newProgress returns bars on a terminal and a line for each transfer elsewhere,
// unless how says otherwise.
func newProgress(how string, w io.Writer) (progress, error) {
	f, ok := w.(*os.File)
	switch {
	case how == "bar", how == "auto" && ok && isTerminal(f):
		return &bars{w: w}, nil
	case how == "plain", how == "auto":
		return lines{w, "fetched"}, nil
	case how == "none":
		return lines{w: io.Discard}, nil
	}
	return nil, diag.Usagef("--progress is %q, want auto, bar, plain or none", how)
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb" && f.Name() != os.DevNull
}

// lines writes a line when a transfer ends.
type lines struct {
	w    io.Writer
	verb string // what was done: "fetched"
}

func (l lines) Start(name string, _ int64) fetch.Task { return &lineTask{lines: l, name: name} }
func (l lines) saying(verb string) fetch.Progress     { return lines{l.w, verb} }
func (lines) close()                                  {}

type lineTask struct {
	lines
	name string
	done int64
}

func (t *lineTask) Set(done int64) { t.done = done }

func (t *lineTask) Done(err error) {
	if err == nil {
		fmt.Fprintf(t.w, "basal: %s %s (%s)\n", t.verb, t.name, decor.SizeB1024(t.done))
	}
}

// bars draws a bar for each download. The display starts with the first one, so
// that a build from the cache pays nothing for it.
type bars struct {
	w     io.Writer
	start sync.Once
	p     *mpb.Progress
}

func (b *bars) Start(name string, size int64) fetch.Task {
	b.start.Do(func() {
		b.p = mpb.New(mpb.WithOutput(b.w), mpb.WithWidth(40), mpb.WithRefreshRate(150*time.Millisecond))
	})
	bar := b.p.AddBar(max(size, 0),
		mpb.PrependDecorators(decor.Name(name+" ")),
		mpb.AppendDecorators(decor.CountersKibiByte("% .1f / % .1f")),
		mpb.BarRemoveOnComplete(),
	)
	return barTask{bar}
}

func (b *bars) saying(string) fetch.Progress { return b }

func (b *bars) close() {
	if b.p != nil {
		b.p.Wait()
	}
}

type barTask struct{ bar *mpb.Bar }

func (t barTask) Set(done int64) { t.bar.SetCurrent(done) }

func (t barTask) Done(err error) {
	if err != nil {
		t.bar.Abort(true)
		return
	}
	t.bar.SetTotal(-1, true)
}
