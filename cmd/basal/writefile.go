package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// writeFile replaces a file in one step: another process sees the old content or
// the new, and a failure leaves the old. Of a link, the file that it leads to is
// replaced.
func writeFile(name string, content []byte, mode os.FileMode) error {
	real, err := filepath.EvalSymlinks(name)
	if err == nil {
		name = real
	} else if _, there := os.Lstat(name); there == nil || !errors.Is(err, fs.ErrNotExist) {
		return err // a link that leads nowhere, or in a circle
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".basal-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the rename there is nothing to remove
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(mode)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	return err
}
