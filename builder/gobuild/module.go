package gobuild

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/basal-project/basal/internal/diag"
)

// localModule is a module that lies beside a spec, and one package of it.
type localModule struct {
	dir     string // absolute, without links
	path    string // of the module
	pkgDir  string // absolute
	pkgPath string // its import path
}

// isLocal reports whether a spec's package is a folder beside it.
func isLocal(pkg string) bool { return !strings.Contains(pkg, "@") }

// local finds the module of a package that a spec names by its folder.
func (t *Tool) local(pkg string, up int) (localModule, error) {
	var m localModule
	if up >= len(t.opt.Folders) || t.opt.Folders[up] == "" {
		return m, diag.Usagef("Go package %s: the folder of its spec is not there", pkg).
			WithHint("a local Go module is compiled from its source: work in a checkout that has the folders of all specs that the image extends")
	}
	dir, err := filepath.Abs(filepath.Join(t.opt.Folders[up], filepath.FromSlash(pkg)))
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err == nil {
		var info os.FileInfo
		if info, err = os.Stat(dir); err == nil && !info.IsDir() {
			err = errors.New("not a folder")
		}
	}
	if err != nil {
		return m, diag.Usagef("Go package %s: %w", pkg, withoutPath(err)).WithHint("a local package is a folder, as seen from the spec's")
	}
	m.pkgDir, m.dir = dir, dir
	for !isFile(filepath.Join(m.dir, "go.mod")) {
		parent := filepath.Dir(m.dir)
		if parent == m.dir {
			return m, diag.Usagef("Go package %s: neither its folder nor one above it has a go.mod", pkg).WithHint("go mod init makes one")
		}
		m.dir = parent
	}
	if err := m.read(pkg); err != nil {
		return m, err
	}
	rel, err := filepath.Rel(m.dir, m.pkgDir)
	if err != nil {
		return m, err
	}
	m.pkgPath = path.Join(m.path, filepath.ToSlash(rel))
	return m, m.checkWorkspace(pkg)
}

// read reads go.mod, and refuses what makes the build depend on other folders.
func (m *localModule) read(pkg string) error {
	f, err := parseModFile(filepath.Join(m.dir, "go.mod"))
	if err != nil {
		return diag.Usagef("Go package %s: %w", pkg, err)
	}
	if f.Module == nil {
		return diag.Usagef("Go package %s: go.mod has no module line", pkg)
	}
	m.path = f.Module.Mod.Path
	if r := replacement(f, func(r *modfile.Replace) bool { return r.New.Version == "" }); r != nil {
		return diag.Usagef("Go package %s: go.mod replaces %s by the folder %s, which no lock can pin", pkg, r.Old.Path, r.New.Path).
			WithHint("require a published version of %s", r.Old.Path)
	}
	return nil
}

// checkWorkspace refuses a module that a go.work puts together with others:
// theirs would be compiled with go build, and published versions here.
func (m *localModule) checkWorkspace(pkg string) error {
	for dir := m.dir; ; dir = filepath.Dir(dir) {
		name := filepath.Join(dir, "go.work")
		if isFile(name) {
			b, err := readSmall(name)
			if err != nil {
				return diag.Usagef("Go package %s: go.work: %w", pkg, withoutPath(err))
			}
			work, err := modfile.ParseWork("go.work", b, nil)
			if err != nil {
				return diag.Usagef("Go package %s: %w", pkg, err)
			}
			if slices.ContainsFunc(work.Use, func(u *modfile.Use) bool { return m.isAt(dir, u.Path) }) {
				return diag.Usagef("Go package %s: its module is in a workspace (go.work), and a lock cannot pin the other modules of that", pkg).
					WithHint("take the module out of go.work, and require published versions of the others")
			}
			return nil // the go command looks no further
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

func (m *localModule) isAt(dir, use string) bool {
	use = filepath.FromSlash(use)
	if !filepath.IsAbs(use) {
		use = filepath.Join(dir, use)
	}
	real, err := filepath.EvalSymlinks(use)
	return err == nil && real == m.dir
}

func parseModFile(name string) (*modfile.File, error) {
	b, err := readSmall(name)
	if err != nil {
		return nil, withoutPath(err)
	}
	return modfile.Parse("go.mod", b, nil)
}

// replacement returns the first replace directive that is so.
func replacement(f *modfile.File, so func(*modfile.Replace) bool) *modfile.Replace {
	if i := slices.IndexFunc(f.Replace, so); i >= 0 {
		return f.Replace[i]
	}
	return nil
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// withoutPath strips the path of this machine from an error of a file system.
func withoutPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
