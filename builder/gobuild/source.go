package gobuild

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/zip"

	"github.com/basal-project/basal/internal/diag"
)

// localVersion stands for the version of a local module in the names that its
// hash covers, so that a module zip of it can be verified with the same sum.
const localVersion = "v0.0.0-local"

// sourceHash returns the h1: hash of a local module: of the files that a module
// zip of it has (Go modules reference, "Module zip files").
func (m localModule) sourceHash() (string, error) {
	files, err := zip.CheckDir(m.dir)
	if err != nil {
		return "", diag.Usagef("module %s: %w", m.path, m.shortened(err)).
			WithHint("the source of a local module is hashed and handed on as a module zip, whose rules this breaks")
	}
	for _, o := range files.Omitted {
		if err := m.checkOmitted(strings.TrimPrefix(o.Path, m.dir+string(filepath.Separator))); err != nil {
			return "", err
		}
	}
	prefix := module.Version{Path: m.path, Version: localVersion}.String() + "/"
	var names []string
	for _, f := range files.Valid {
		names = append(names, prefix+filepath.ToSlash(strings.TrimPrefix(f, m.dir+string(filepath.Separator))))
	}
	return dirhash.Hash1(names, func(name string) (io.ReadCloser, error) {
		return os.Open(filepath.Join(m.dir, filepath.FromSlash(strings.TrimPrefix(name, prefix))))
	})
}

// sources are the endings of files that the go command compiles, or reads while
// it does.
var sources = []string{".go", ".s", ".S", ".sx", ".c", ".cc", ".cpp", ".cxx", ".m", ".h", ".hh", ".hpp", ".hxx", ".f", ".F", ".for", ".f90", ".swig", ".swigcxx", ".syso", ".pgo"}

func isSource(name string) bool {
	return slices.Contains(sources, filepath.Ext(name)) || name == "go.mod" || name == "go.sum"
}

// checkOmitted refuses a symbolic link that leads to source: the go command
// follows it, and a module zip leaves it out, so the hash would not cover what
// is compiled.
func (m localModule) checkOmitted(name string) error {
	path := filepath.Join(m.dir, name)
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode()&fs.ModeSymlink == 0 {
		return nil
	}
	leads := isSource(filepath.Base(name))
	if info, statErr := os.Stat(path); err == nil && statErr == nil && info.IsDir() {
		leads, err = holdsSource(path)
	}
	if err != nil {
		return diag.Usagef("module %s: %s: %w", m.path, name, withoutPath(err))
	}
	if leads {
		return diag.Usagef("module %s: %s is a symbolic link to source, which the module's hash does not cover", m.path, name).
			WithHint("put the source itself there")
	}
	return nil
}

// holdsSource reports whether a folder, which a link leads to, has source in it
// or is too large to tell.
func holdsSource(dir string) (bool, error) {
	found := errors.New("found")
	const most = 10_000
	n := 0
	err := filepath.WalkDir(dir+string(filepath.Separator), func(_ string, d fs.DirEntry, err error) error {
		if n++; err == nil && (n > most || !d.IsDir() && (isSource(d.Name()) || d.Type()&fs.ModeSymlink != 0)) {
			err = found
		}
		return err
	})
	if err == found {
		return true, nil
	}
	return false, err
}

// shortened takes the module's folder out of an error's text.
func (m localModule) shortened(err error) error {
	return fmt.Errorf("%s", strings.ReplaceAll(err.Error(), m.dir+string(filepath.Separator), ""))
}
