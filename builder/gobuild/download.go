package gobuild

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/basal-project/basal/builder"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

// fetchKey names what is downloaded for a program on one platform.
type fetchKey struct {
	pkg, tags string
	up        int
	platform  specs.Platform
}

// oneFetch is done once.
type oneFetch struct {
	once sync.Once
	err  error
}

// Fetch brings the toolchains and modules of programs to where the go command
// keeps them, so that Compile needs no network.
func (t *Tool) Fetch(ctx context.Context, programs []builder.Program) error {
	return t.each(ctx, programs, func(j job) error { return t.fetchOnce(ctx, j) })
}

// each calls do for the programs, whose toolchains are there then.
func (t *Tool) each(ctx context.Context, programs []builder.Program, do func(job) error) error {
	var errs []error
	for _, p := range programs {
		j := job{Program: p}
		var err error
		if j.tool, err = t.obtain(ctx, p.Toolchain); err == nil && isLocal(p.Package) {
			var m localModule
			m, err = t.local(p.Package, p.Up)
			j.local = &m
		}
		if err == nil {
			err = do(j)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil && !slices.ContainsFunc(errs, func(o error) bool { return o.Error() == err.Error() }) {
			errs = append(errs, err) // once, not for each platform
		}
	}
	return errors.Join(errs...)
}

// fetchOnce downloads what a program is linked with, in the first call for it.
func (t *Tool) fetchOnce(ctx context.Context, j job) error {
	key := fetchKey{j.Package, strings.Join(j.Tags, ","), j.Up, j.Platform}
	t.mu.Lock()
	f, ok := t.fetches[key]
	if !ok {
		f = &oneFetch{}
		t.fetches[key] = f
	}
	t.mu.Unlock()
	f.once.Do(func() { f.err = t.download(ctx, j) })
	return f.err
}

// download makes the go command follow the program's imports, which downloads
// what is missing. go.sum is asked of local modules, and the lock of all: the
// checksum database was asked when it was made.
func (t *Tool) download(ctx context.Context, j job, env ...string) error {
	in, err := t.following(j)
	if err != nil {
		return err
	}
	if !t.opt.Offline {
		proxies, err := t.proxies(ctx, j.tool)
		if err != nil {
			return err
		}
		in.env = append(t.env.network(), "GOPROXY="+t.localProxies()+","+proxies, "GOSUMDB=off")
	}
	in.env = append(in.env, env...)
	if err := t.checkInputs(j); err != nil {
		return err
	}
	if j.local == nil {
		// go install also asks what version this is.
		if _, err := in.run(ctx, j.Platform, "mod", "download", j.Locked.Module.Path+"@"+j.Locked.Module.Version); err != nil {
			return in.fault(ctx, err, j.Tags, j.Platform)
		}
	}
	if err := in.add(ctx, j.Tags, j.Platform); err != nil {
		return err
	}
	return in.compare(j)
}

// proxies returns the user's GOPROXY, or the one that the go command has by
// itself.
func (t *Tool) proxies(ctx context.Context, tool toolchain) (string, error) {
	if own := t.env.user.get("GOPROXY"); own != "" {
		return own, nil
	}
	out, err := t.output(ctx, call{tool: tool, dir: tool.bin, args: []string{"env", "GOPROXY"}, env: []string{"GOPROXY="}})
	return strings.TrimSpace(string(out)), err
}

// compare holds what was found against the lock.
func (in *inspection) compare(j job) error {
	if in.found != (specs.Module{}) && in.found != j.Locked.Module {
		return otherBytes("Go package %s: got %s, and the lock says %s", in.pkg, describe(in.found), describe(j.Locked.Module))
	}
	for _, m := range in.linked {
		if slices.Contains(j.Locked.Modules, m) {
			continue
		}
		if err := j.sameBytes(m); err != nil {
			return err
		}
		return diag.Usagef("Go package %s is linked with %s, which the lock does not have", in.pkg, describe(m)).WithHint("%s", lockAgain)
	}
	return nil
}

// Export writes the modules of programs to the folder go in dir, in the form of
// a module proxy (Go modules reference, "Module proxies"), where Compile finds
// them when Options.Inputs says dir. What is there stays. Toolchains are not
// among them.
func (t *Tool) Export(ctx context.Context, programs []builder.Program, dir string) error {
	if len(programs) == 0 {
		return nil
	}
	if err := t.Fetch(ctx, programs); err != nil {
		return err
	}
	// An empty module cache ends up with just what the programs need.
	modules, err := t.private()
	if err != nil {
		return err
	}
	err = t.each(ctx, programs, func(j job) error {
		return t.download(ctx, j, "GOMODCACHE="+modules, "GOFLAGS=-modcacherw")
	})
	if err != nil {
		return err
	}
	from := filepath.Join(modules, "cache", "download")
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path == from {
			return nil // programs that need no module
		}
		if err != nil || d.IsDir() || !isProxied(d.Name()) {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if err := copyFile(filepath.Join(dir, folderName, rel), path); err != nil {
			return fmt.Errorf("offline directory %s: %w", dir, err)
		}
		return nil
	})
}

// isProxied reports whether a file of a download cache is one that a proxy has.
func isProxied(name string) bool {
	return name == "list" || slices.Contains([]string{".info", ".mod", ".zip"}, filepath.Ext(name))
}

// copyFile copies a file, which appears whole.
func copyFile(to, from string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.CreateTemp(filepath.Dir(to), ".tmp-")
	if err != nil {
		return err
	}
	defer os.Remove(dst.Name()) // fails once it is renamed
	_, err = io.Copy(dst, src)
	if err = errors.Join(err, dst.Chmod(0o644), dst.Close()); err != nil {
		return err
	}
	return os.Rename(dst.Name(), to)
}
