package gobuild

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/ko/pkg/build"

	"github.com/basal-project/basal/internal/diag"
)

// Helper answers, on standard output, what ko makes of the package args[1] in
// the folder args[0]: its import path. It is the other side of qualify and runs
// in a process of its own, since ko passes its whole environment on to the go
// command. A fault of the package is part of the answer.
func Helper(ctx context.Context, args []string, out io.Writer) error {
	if len(args) != 2 {
		return errors.New("internal error: want a folder and a package")
	}
	path, err := qualified(ctx, args[0], args[1])
	if err != nil {
		_, err = fmt.Fprintf(out, "%s%s", faultAnswer, err)
		return err
	}
	_, err = fmt.Fprintf(out, "%s%s", importAnswer, path)
	return err
}

// The beginnings of an answer.
const (
	importAnswer = "import "
	faultAnswer  = "fault "
)

func qualified(ctx context.Context, dir, pkg string) (string, error) {
	noBase := func(context.Context, string) (name.Reference, build.Result, error) {
		return nil, nil, errors.New("nothing is built here")
	}
	ko, err := build.NewGo(ctx, dir, build.WithBaseImages(noBase), build.WithPlatforms("all"))
	if err != nil {
		return "", err
	}
	ref, err := ko.QualifyImport(pkg)
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(ref, build.StrictScheme), ko.IsSupportedReference(ref)
}

// qualify lets ko judge the package: that there is one, what its import path is,
// and that it is a program.
func (in *inspection) qualify(ctx context.Context) error {
	if len(in.t.opt.Helper) == 0 {
		return errors.New("internal error: no helper to ask for import paths")
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	pkg := in.path
	if in.local != nil {
		pkg = "."
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Args = append(append([]string{}, in.t.opt.Helper...), in.dir, pkg)
	cmd.Dir = in.dir
	cmd.Env = in.t.env.environ(in.platform, append(in.env, "PATH="+in.tool.bin+string(os.PathListSeparator)+in.t.env.path, "PWD="+in.dir)...)
	cmd.WaitDelay = patience
	out, errText := &limited{most: 1 << 20}, &limited{most: 1 << 20, drop: true}
	cmd.Stdout, cmd.Stderr = out, errText
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return diag.Failedf("Go package %s: internal error: %w: %s", in.pkg, err, in.t.readable(errText.String(), in.dir))
	}
	text := out.String()
	if fault, ok := strings.CutPrefix(text, faultAnswer); ok {
		// The go command has better reasons than that this is no program.
		if _, err := in.run(ctx, in.platform, "list", pkg); err != nil {
			return in.fault(ctx, err, nil, in.platform)
		}
		return in.fault(ctx, &commandError{text: withoutRoot(in.t.readable(fault, in.dir), in.tool)}, nil, in.platform)
	}
	if path, ok := strings.CutPrefix(text, importAnswer); !ok || path != in.path {
		return diag.Usagef("Go package %s: its import path is %q, want %q", in.pkg, path, in.path)
	}
	return nil
}
