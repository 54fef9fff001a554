package gobuild

import (
	stdzip "archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path/filepath"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/zip"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

// checkInputs holds the modules of an offline folder against the lock before the
// go command sees them: it keeps what it takes, for all programs of the user.
// Modules that the lock does not have, because only their go.mod is read, are not
// among them.
func (t *Tool) checkInputs(j job) error {
	if t.opt.Inputs == "" {
		return nil
	}
	for _, m := range j.published() {
		if err := checkInput(filepath.Join(t.opt.Inputs, folderName), m); err != nil {
			return err
		}
	}
	return nil
}

// published returns the modules of a program that have sums in the lock.
func (j job) published() []specs.Module {
	if j.Locked.Module.Sum == "" {
		return j.Locked.Modules
	}
	return append([]specs.Module{j.Locked.Module}, j.Locked.Modules...)
}

// checkInput checks the files of one module, if they are there.
func checkInput(dir string, m specs.Module) error {
	path, err := module.EscapePath(m.Path)
	if err != nil {
		return diag.Usagef("module %s in the lock: %w", m.Path, err)
	}
	version, err := module.EscapeVersion(m.Version)
	if err != nil {
		return diag.Usagef("module %s in the lock: %w", m.Path, err)
	}
	name := filepath.Join(dir, filepath.FromSlash(path), "@v", version)
	if !isFile(name + ".zip") {
		return nil
	}
	// CheckZip has the caps of the go command: on the number of files and their size.
	if _, err := zip.CheckZip(module.Version{Path: m.Path, Version: m.Version}, name+".zip"); err != nil {
		return otherBytes("module %s %s in the offline folder: %w", m.Path, m.Version, withoutPath(err))
	}
	sum, err := dirhash.HashZip(name+".zip", dirhash.Hash1)
	if err != nil {
		return otherBytes("module %s %s in the offline folder: %w", m.Path, m.Version, withoutPath(err))
	}
	if sum != m.Sum {
		return otherBytes("module %s %s in the offline folder is %s, and the lock says %s", m.Path, m.Version, sum, m.Sum)
	}
	have, err := readSmall(name + ".mod")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return diag.Usagef("module %s %s in the offline folder: %w", m.Path, m.Version, withoutPath(err))
	}
	want, err := goModOf(name+".zip", m)
	if err == nil && !bytes.Equal(have, want) {
		err = errors.New("its go.mod is not the one of its zip")
	}
	if err != nil {
		return otherBytes("module %s %s in the offline folder: %w", m.Path, m.Version, withoutPath(err))
	}
	return nil
}

// goModOf returns the go.mod of a module zip. One without has what the go command
// takes instead (Go modules reference, "Compatibility with non-module
// repositories").
func goModOf(name string, m specs.Module) ([]byte, error) {
	z, err := stdzip.OpenReader(name)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	f, err := z.Open(m.Path + "@" + m.Version + "/go.mod")
	if errors.Is(err, fs.ErrNotExist) {
		return []byte("module " + modfile.AutoQuote(m.Path) + "\n"), nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, zip.MaxGoMod))
}
