package gobuild

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/sys/unix"

	"github.com/basal-project/basal/internal/diag"
)

// source is what a local module contributes to a program on one platform: the
// files that the go command compiles, includes or embeds, go.mod and go.sum.
type source struct {
	module   localModule
	packages []localPackage
	files    []string // as seen from the module's folder, with slashes; sorted
}

// localPackage is a package of the module that the program is made of.
type localPackage struct {
	dir     string // as seen from the module's folder, with slashes; "." for itself
	listing listedFiles
}

// listedFiles is what go list says of a package's files. All that may be part of a
// program is here, also what only cgo would compile.
type listedFiles struct {
	Dir                                                 string
	Module                                              *struct{ Main bool }
	GoFiles, CgoFiles, CFiles, CXXFiles, MFiles, HFiles []string
	FFiles, SFiles, SwigFiles, SwigCXXFiles, SysoFiles  []string
	EmbedFiles                                          []string // below Dir, the others in it
}

const listedFields = "-json=Dir,Module,GoFiles,CgoFiles,CFiles,CXXFiles,MFiles,HFiles,FFiles,SFiles,SwigFiles,SwigCXXFiles,SysoFiles,EmbedFiles"

func (l listedFiles) all() []string {
	return slices.Concat(l.GoFiles, l.CgoFiles, l.CFiles, l.CXXFiles, l.MFiles, l.HFiles,
		l.FFiles, l.SFiles, l.SwigFiles, l.SwigCXXFiles, l.SysoFiles, l.EmbedFiles)
}

// localVersion stands for the version of a local module in the names that its
// hash covers.
const localVersion = "v0.0.0-local"

// profileName is the profile that the go command takes from a program's folder
// (Go documentation, "Profile-guided optimization").
const profileName = "default.pgo"

// source asks the go command what a local program is made of.
func (t *Tool) source(ctx context.Context, j job) (source, error) {
	s, err := t.list(ctx, j)
	var said *commandError
	if errors.As(err, &said) {
		if err := t.fetchOnce(ctx, j); err != nil {
			return s, err // modules that are missing, as in compile
		}
		s, err = t.list(ctx, j)
	}
	if errors.As(err, &said) {
		return s, t.explain(ctx, j, said)
	}
	return s, err
}

func (t *Tool) list(ctx context.Context, j job) (source, error) {
	s := source{module: *j.local}
	args := []string{"list", "-deps", "-mod=readonly", "-buildvcs=false", "-pgo=off", "-tags=" + strings.Join(j.Tags, ","), listedFields, "."}
	out, err := t.output(ctx, call{tool: j.tool, dir: s.module.pkgDir, platform: j.Platform, args: args})
	if err != nil {
		return s, err
	}
	files := map[string]bool{"go.mod": true}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listedFiles
		if err := d.Decode(&l); err == io.EOF {
			break
		} else if err != nil {
			return s, err
		}
		if l.Module == nil || !l.Module.Main {
			continue
		}
		dir, err := s.module.inside(l.Dir)
		if err != nil {
			return s, err
		}
		p := localPackage{dir, l}
		if err := s.module.checkIncludes(p, j.tool); err != nil {
			return s, err
		}
		s.packages = append(s.packages, p)
		for _, name := range l.all() {
			files[path.Join(dir, name)] = true
		}
	}
	main, err := s.module.inside(s.module.pkgDir)
	if err != nil {
		return s, err
	}
	if !slices.ContainsFunc(s.packages, func(p localPackage) bool { return p.dir == main }) {
		return s, diag.Usagef("Go package %s: the go command does not take it for a part of module %s", j.Package, s.module.path).
			WithHint("give the module a path of its own, with a dot in its first element")
	}
	for _, name := range []string{"go.sum", path.Join(main, profileName)} {
		if s.module.has(name) {
			files[name] = true
		}
	}
	for name := range files {
		s.files = append(s.files, name)
	}
	slices.Sort(s.files)
	return s, nil
}

// inside returns a folder as seen from the module's. What lies elsewhere, or in
// the folder of a version control system, is not the module's source.
func (m localModule) inside(dir string) (string, error) {
	rel, err := filepath.Rel(m.dir, dir)
	if err != nil || !filepath.IsLocal(rel) {
		return "", diag.Usagef("module %s: a package is outside of the module's folder", m.path)
	}
	rel = filepath.ToSlash(rel)
	for element := range strings.SplitSeq(rel, "/") {
		if slices.Contains([]string{".git", ".hg", ".svn", ".bzr"}, element) {
			return "", diag.Usagef("module %s: package %s is in %s, which is not for source", m.path, rel, element).WithHint("put it into a folder that is committed")
		}
	}
	return rel, nil
}

// has reports whether something has this name in the module.
func (m localModule) has(name string) bool {
	_, err := os.Lstat(filepath.Join(m.dir, filepath.FromSlash(name)))
	return err == nil
}

// hash returns the h1: hash of the files.
func (s source) hash() (string, error) {
	prefix := module.Version{Path: s.module.path, Version: localVersion}.String() + "/"
	var names []string
	for _, f := range s.files {
		names = append(names, prefix+f)
	}
	folders := map[string]bool{}
	return dirhash.Hash1(names, func(name string) (io.ReadCloser, error) {
		return s.module.open(strings.TrimPrefix(name, prefix), folders)
	})
}

// open opens a file of the module. A symbolic link on the way is refused: what is
// behind it may be anywhere. The folders that were looked at are remembered.
func (m localModule) open(name string, folders map[string]bool) (*os.File, error) {
	for at, r := range name {
		if r != '/' || folders[name[:at]] {
			continue
		}
		info, err := os.Lstat(filepath.Join(m.dir, filepath.FromSlash(name[:at])))
		if err != nil {
			return nil, m.unreadable(name, err)
		}
		if !info.IsDir() {
			return nil, m.isLink(name[:at])
		}
		folders[name[:at]] = true
	}
	f, err := os.OpenFile(filepath.Join(m.dir, filepath.FromSlash(name)), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ELOOP) {
		return nil, m.isLink(name)
	}
	if err != nil {
		return nil, m.unreadable(name, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		f.Close()
		return nil, m.unreadable(name, err)
	}
	return f, nil
}

func (m localModule) isLink(name string) error {
	return diag.Usagef("module %s: %s is a symbolic link to source", m.path, name).WithHint("put the source itself there")
}

func (m localModule) unreadable(name string, err error) error {
	return diag.Usagef("module %s: %s: %w", m.path, name, withoutPath(err))
}
