package builder

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/basal-project/basal/builder/compose"
	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// Compiler makes the Go programs of an image. The same program, compiled with
// the same toolchain, has the same bytes wherever that is done.
type Compiler interface {
	Compile(ctx context.Context, p Program) (Binary, error)
}

// Program is a Go program to compile for one platform.
type Program struct {
	specs.Program
	Locked    specs.LockedProgram
	Toolchain string // a Go release: go1.26.8
	Platform  specs.Platform
	Up        int // whose program it is: 0 for the image's spec, 1 for the one that it extends, and so on
}

// Programs returns all Go programs of a lock, of whatever variant, on all its
// platforms.
func Programs(lock *specs.Lock) []Program {
	var list []Program
	up := 0
	for l := lock; l != nil; l, up = l.Extends, up+1 {
		for _, prog := range l.Spec.Programs() {
			locked, _ := l.Go.Program(prog.Package)
			for _, section := range lock.Platforms {
				list = append(list, Program{prog, locked, l.Go.Toolchain, section.Platform, up})
			}
		}
	}
	return list
}

// Binary is a compiled program.
type Binary struct {
	SHA256  digest.Digest
	Size    int64          // bytes
	Content rootfs.Content // checked against SHA256 when it is read
	Source  string         // h1:… of a local module's files, as in go.sum; "" for a published one, whose sum the lock has
}

// MadeProgram says what a Go program of an image was made of, and what came out.
type MadeProgram struct {
	specs.Program
	Import string
	Module specs.Module // with the hash of its source as Sum, also when it is a local one
	SHA256 digest.Digest
	Size   int64 // bytes
}

// programKey tells programs apart that are compiled apart. Their paths in the
// image play no part in that.
type programKey struct {
	up             int
	platform       specs.Platform
	pkg            string
	ldflags, flags string // a line for each
}

func (f floor) programKey(prog specs.Program, p specs.Platform) programKey {
	return programKey{f.up, p, prog.Package, strings.Join(prog.Ldflags, "\n"), strings.Join(prog.Tags, "\n")}
}

// binaries are the programs of a run.
type binaries map[programKey]Binary

// compile makes every program of the variants on the platforms, each once.
func (a *assembly) compile(ctx context.Context, lock *specs.Lock, platforms []specs.Platform, variants []string) error {
	var keys []programKey
	var list []Program
	for _, variant := range variants {
		floors, _, err := floorsOf(lock, variant)
		if err != nil {
			return err
		}
		for _, f := range floors {
			for _, prog := range f.Go {
				for _, p := range platforms {
					key := f.programKey(prog, p)
					if slices.Contains(keys, key) {
						continue
					}
					locked, ok := f.lock.Go.Program(prog.Package)
					if !ok {
						return fmt.Errorf("the lock of %s has no Go package %s", f.lock.Spec.Name, prog.Package)
					}
					keys = append(keys, key)
					list = append(list, Program{prog, locked, f.lock.Go.Toolchain, p, f.up})
				}
			}
		}
	}
	if len(list) > 0 && a.opt.Compiler == nil {
		return fmt.Errorf("internal error: %s has Go programs, and there is no compiler", lock.Spec.Name)
	}
	return a.each(ctx, len(list), func(ctx context.Context, i int) error {
		made, err := a.opt.Compiler.Compile(ctx, list[i])
		if err != nil {
			return fmt.Errorf("%s: %w", list[i].Platform, err)
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.binaries[keys[i]] = made
		return nil
	})
}

// keyedProgram is what the layers of a floor depend on.
type keyedProgram struct {
	Path, Import string
	SHA256       digest.Digest
}

func (f floor) keyed(p specs.Platform, made binaries) []keyedProgram {
	var list []keyedProgram
	for _, prog := range f.Go {
		locked, _ := f.lock.Go.Program(prog.Package)
		list = append(list, keyedProgram{prog.Path, locked.Import, made[f.programKey(prog, p)].SHA256})
	}
	return list
}

// programs returns the programs of a floor. Their bytes are copied and checked on
// the way: they come from a file that others may write to.
func (a *assembly) programs(f floor, p specs.Platform) ([]compose.Program, error) {
	var list []compose.Program
	for _, prog := range f.Go {
		locked, _ := f.lock.Go.Program(prog.Package)
		made := a.binaries[f.programKey(prog, p)]
		scratch, err := a.newScratch()
		if err != nil {
			return nil, err
		}
		if _, err := io.Copy(io.NewOffsetWriter(scratch, 0), digest.NewReader(made.Content.Reader(), made.SHA256, made.Size)); err != nil {
			return nil, fmt.Errorf("%s, as it was compiled: %w", prog.Package, err)
		}
		list = append(list, compose.Program{Path: prog.Path, Import: locked.Import, Content: rootfs.Section(scratch, 0, made.Size)})
	}
	return list, nil
}

// made says what the programs of a chain are.
func (b binaries) made(c chain) []MadeProgram {
	var list []MadeProgram
	for _, f := range c.floors {
		for _, prog := range f.Go {
			locked, _ := f.lock.Go.Program(prog.Package)
			bin := b[f.programKey(prog, c.platform)]
			m := MadeProgram{prog, locked.Import, locked.Module, bin.SHA256, bin.Size}
			if bin.Source != "" {
				m.Module.Sum = bin.Source
			}
			list = append(list, m)
		}
	}
	return list
}
