package registry

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"time"
)

// helper is a credential helper that ends with its context.
type helper struct{ cmd *exec.Cmd }

func newHelper(ctx context.Context, program string, args []string) helper {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stderr = struct{ io.Writer }{os.Stderr} // no file, which a child that stays would keep open
	cmd.WaitDelay = time.Second / 4             // what it started may keep its output open
	return helper{cmd}
}

// Input implements helpers.Program.
func (h helper) Input(in io.Reader) { h.cmd.Stdin = in }

// Output implements helpers.Program. An answer has at most 4 MiB.
func (h helper) Output() ([]byte, error) {
	var out limited
	h.cmd.Stdout = &out
	err := h.cmd.Run()
	return out.b, err
}

// limited keeps what is written to it, up to a limit.
type limited struct{ b []byte }

func (l *limited) Write(p []byte) (int, error) {
	if len(l.b)+len(p) > maxAnswer {
		return 0, errors.New("too much output")
	}
	l.b = append(l.b, p...)
	return len(p), nil
}
