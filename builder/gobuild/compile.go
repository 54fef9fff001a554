package gobuild

import (
	"context"
	"errors"
	"path"
	"strings"

	"github.com/basal-project/basal/builder"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

// Compile makes a static binary of a program. Its bytes can be read until Close.
// Faults of the program or of the lock are errors with exit code 2.
func (t *Tool) Compile(ctx context.Context, p builder.Program) (builder.Binary, error) {
	tool, err := t.find(p.Toolchain)
	if err != nil && tool.version != "" && !t.opt.Offline {
		tool, err = t.obtain(ctx, p.Toolchain)
	}
	if err != nil {
		return builder.Binary{}, err
	}
	if !isLocal(p.Package) {
		return t.compile(ctx, job{Program: p, tool: tool})
	}
	m, err := t.local(p.Package, p.Up)
	if err != nil {
		return builder.Binary{}, err
	}
	if m.path != p.Locked.Module.Path || m.pkgPath != p.Locked.Import {
		return builder.Binary{}, diag.Usagef("Go package %s is %s, and the lock says %s", p.Package, m.pkgPath, p.Locked.Import).WithHint("%s", lockAgain)
	}
	j := job{Program: p, tool: tool, local: &m}
	source, err := t.source(ctx, j)
	if err != nil {
		return builder.Binary{}, err
	}
	before, err := source.hash()
	if err != nil {
		return builder.Binary{}, err
	}
	if t.opt.CleanSource {
		if err := t.checkClean(ctx, source); err != nil {
			return builder.Binary{}, err
		}
	}
	b, err := t.compile(ctx, j)
	if err != nil {
		return builder.Binary{}, err
	}
	after, err := source.hash()
	if err != nil {
		return builder.Binary{}, err
	}
	if before != after {
		return builder.Binary{}, diag.Failedf("Go package %s: its source was changed while it was compiled: %s before, %s after", p.Package, before, after).
			WithHint("run the build again")
	}
	b.Source = before
	return b, nil
}

// lockAgain is the hint of whatever the lock does not cover.
const lockAgain = "run basal lock to accept the change"

// job is a program that is being compiled.
type job struct {
	builder.Program
	tool  toolchain
	local *localModule // nil for a published module
}

// flags are those of go build and go install. go.mod is never written to.
func (j job) flags() []string {
	flags := []string{"-trimpath", "-buildvcs=false", "-mod=readonly"}
	if len(j.Ldflags) > 0 {
		flags = append(flags, "-ldflags="+joinFlags(j.Ldflags))
	}
	if len(j.Tags) > 0 {
		flags = append(flags, "-tags="+strings.Join(j.Tags, ","))
	}
	return flags
}

// joinFlags writes flags as the go command splits them. The value of -X is quoted
// when there is a space in it, and never the whole flag: the go command refuses
// flags that begin with a quote. specs allows no quotes in a flag.
func joinFlags(flags []string) string {
	var quoted []string
	for _, f := range flags {
		if value, ok := strings.CutPrefix(f, "-X="); ok && strings.Contains(value, " ") {
			f = "-X '" + value + "'"
		}
		quoted = append(quoted, f)
	}
	return strings.Join(quoted, " ")
}

// call returns the go command that writes the program to the target.
func (j job) call(to *target, modules string) call {
	c := call{tool: j.tool, platform: j.Platform}
	if j.local != nil {
		c.dir = j.local.pkgDir
		c.args = append(append([]string{"build"}, j.flags()...), "-o", to.file, ".")
		return c
	}
	// go install takes a version, and no name for the program. It asks for the
	// versions of a module whatever happens; what is downloaded answers that.
	c.dir = to.dir
	c.args = append(append([]string{"install"}, j.flags()...), j.Package)
	c.env = []string{"GOPATH=" + to.dir, "GOPROXY=" + fileProxy(path.Join(modules, "cache", "download"))}
	return c
}

func (t *Tool) compile(ctx context.Context, j job) (builder.Binary, error) {
	to, err := t.target(ctx, j)
	if err != nil {
		return builder.Binary{}, err
	}
	defer to.unlock()
	err = t.make(ctx, j, to)
	var said *commandError
	if errors.As(err, &said) {
		// Modules that are not there yet are the one fault that can be mended
		// here. go list tells it apart from the others.
		if fetchErr := t.fetchOnce(ctx, j); fetchErr != nil {
			return builder.Binary{}, fetchErr
		}
		err = t.make(ctx, j, to)
	}
	if errors.As(err, &said) {
		return builder.Binary{}, t.explain(ctx, j, said)
	}
	if err != nil {
		return builder.Binary{}, err
	}
	b, err := to.open(t)
	if err != nil {
		return builder.Binary{}, err
	}
	if err := j.check(b); err != nil {
		return builder.Binary{}, err
	}
	return b, nil
}

func (t *Tool) make(ctx context.Context, j job, to *target) error {
	_, err := t.output(ctx, j.call(to, t.env.modules))
	return err
}

// explain says what is wrong with a program that does not compile.
func (t *Tool) explain(ctx context.Context, j job, said *commandError) error {
	if err := newerGo(j.Package, j.Toolchain, said.text); err != nil {
		return err
	}
	if names := t.needsCgo(ctx, j); len(names) > 0 {
		return diag.Usagef("Go package %s does not compile without cgo, which %s needs:%s", j.Package, strings.Join(names, ", "), indent(said)).
			WithHint("Basal makes static programs, with cgo off: choose a package in pure Go, perhaps by tags")
	}
	return diag.Usagef("Go package %s does not compile:%s", j.Package, indent(said)).WithHint("%s shows it, too", j.command())
}

// command is how a person would run the compiler.
func (j job) command() string {
	if j.local == nil {
		return "CGO_ENABLED=0 go install " + j.Package
	}
	return "CGO_ENABLED=0 go build " + j.local.pkgPath
}

// newerGo recognises a module that wants a newer toolchain than the lock's.
func newerGo(pkg, version, text string) error {
	_, rest, ok := strings.Cut(text, "requires go >= ")
	if !ok {
		return nil
	}
	want, _, _ := strings.Cut(rest, " ")
	want = strings.TrimSuffix(want, ")")
	if !specs.IsToolchain("go" + want) {
		want += ".0"
	}
	return diag.Usagef("Go package %s asks for Go %s, and the lock's toolchain is %s", pkg, want, version).
		WithHint("lock it with a newer one: GOTOOLCHAIN=go%s basal lock …", want)
}
