package gobuild

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

// call is one run of the go command.
type call struct {
	tool     toolchain
	dir      string
	platform specs.Platform
	args     []string
	env      []string          // assignments on top of the fixed ones
	heard    func(said string) // takes the messages of a run that succeeded, nil to drop them
}

// commandError is what the go command said when it failed.
type commandError struct {
	text string
	err  error
}

func (e *commandError) Error() string {
	if e.text == "" {
		return e.err.Error()
	}
	return e.text
}

func (e *commandError) Unwrap() error { return e.err }

const (
	maxOutput = 256 << 20 // bytes that a go command may print: go list says much
	maxLines  = 20        // of its messages that are shown
	patience  = 5 * time.Second
)

// output runs the go command and returns what it prints. An error of its own is
// a *commandError.
func (t *Tool) output(ctx context.Context, c call) ([]byte, error) {
	if t.env.fault != nil {
		return nil, t.env.fault
	}
	cmd := exec.CommandContext(ctx, c.tool.command(), c.args...)
	cmd.Dir = c.dir
	env := append(c.env, "PATH="+c.tool.bin+string(os.PathListSeparator)+t.env.path)
	cmd.Env = t.env.environ(c.platform, append(env, "PWD="+c.dir)...)
	// The go command removes what it has begun when it is interrupted.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	stdout, stderr := &limited{most: maxOutput}, &limited{most: 1 << 20, drop: true}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err == nil:
		if c.heard != nil {
			c.heard(t.readable(stderr.String(), c.dir))
		}
		return stdout.Bytes(), nil
	case errors.Is(err, os.ErrNotExist):
		return nil, diag.Usagef("%s: %w", c.tool.command(), err)
	}
	return nil, &commandError{withoutRoot(t.readable(stderr.String(), c.dir), c.tool), err}
}

// indent puts a message behind a colon, or below it when it has several lines.
func indent(err error) string {
	s := err.Error()
	if !strings.Contains(s, "\n") {
		return " " + s
	}
	return "\n  " + strings.ReplaceAll(s, "\n", "\n  ")
}

// limited keeps what is written to it, up to a limit. Beyond that it fails, or
// drops the rest.
type limited struct {
	bytes.Buffer
	most int
	drop bool
}

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > l.most {
		if !l.drop {
			return 0, fmt.Errorf("the go command printed more than %d bytes", l.most)
		}
		l.Buffer.Write(p[:max(0, l.most-l.Len())])
		return len(p), nil
	}
	return l.Buffer.Write(p)
}

// readSmall reads a file of at most 1 MiB.
func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const most = 1 << 20
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && len(b) > most {
		err = errors.New("more than 1 MiB")
	}
	return b, err
}
