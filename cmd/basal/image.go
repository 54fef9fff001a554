package main

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/basal-project/basal/builder/fetch"
	"github.com/basal-project/basal/images"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

const (
	specName = "image.yaml"
	lockName = "lock.json"
)

// imageFolder is where the files of an image are.
type imageFolder struct {
	files fs.FS  // what the spec may name; neither ".." nor a link leads out of it
	place string // for messages: a directory as the user wrote it, or "embedded static"
	dir   string // "" when the folder is part of this program
}

// findImage returns the folder that an IMAGE argument names: a directory, then
// images/NAME below the current one (a checkout), then an embedded image.
func findImage(arg string) (imageFolder, error) {
	plain := !strings.ContainsAny(arg, `/\`) && arg != "." && arg != ".."
	candidates := []string{arg}
	if plain {
		candidates = append(candidates, filepath.Join("images", arg))
	}
	for _, dir := range candidates {
		if f, ok := openFolder(dir); ok {
			return f, nil
		}
	}
	if plain {
		if embedded, ok := images.Open(arg); ok {
			return imageFolder{embedded, "embedded " + arg, ""}, nil
		}
	}
	err := diag.Usagef("%s: no %s there, and no embedded image of that name", arg, specName)
	if near := nearest(arg, images.Names()); near != "" {
		return imageFolder{}, err.WithHint("did you mean %q?", near)
	}
	return imageFolder{}, err.WithHint("name a folder with an %s, or an embedded image: %s", specName, strings.Join(images.Names(), ", "))
}

func openFolder(dir string) (imageFolder, bool) {
	if _, err := os.Stat(filepath.Join(dir, specName)); err != nil {
		return imageFolder{}, false
	}
	files, err := fetch.LocalFiles(dir)
	return imageFolder{files, dir, dir}, err == nil
}

// file returns the name of a file of the folder for messages.
func (f imageFolder) file(name string) string {
	if f.dir == "" {
		return f.place + "/" + name
	}
	return filepath.Join(f.dir, name)
}

// document reads image.yaml or lock.json. The user put it there, so it may be a
// link to anywhere; what it names may not.
func (f imageFolder) document(name string) ([]byte, error) {
	if f.dir == "" {
		return readCapped(f.files, name, maxDocument)
	}
	return readCapped(os.DirFS(f.dir), name, maxDocument)
}

// spec reads and checks image.yaml.
func (f imageFolder) spec() (*specs.Spec, error) {
	b, err := f.document(specName)
	if err != nil {
		return nil, err
	}
	return specs.Parse(f.file(specName), b)
}

// lock reads lock.json; nil when there is none.
func (f imageFolder) lock() (*specs.Lock, error) {
	b, err := f.document(lockName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return specs.ParseLock(f.file(lockName), b)
}

// current reads the lock and refuses one that was made for another image.yaml.
func (f imageFolder) current() (*specs.Lock, error) {
	var lock *specs.Lock
	var lockErr error
	var reading sync.WaitGroup
	reading.Go(func() { lock, lockErr = f.lock() })
	spec, err := f.spec()
	reading.Wait()
	if err = cmp.Or(err, lockErr); err != nil {
		return nil, err
	}
	hint := "run: basal lock " + f.place
	if lock == nil {
		return nil, diag.Usagef("%s has no %s", f.place, lockName).WithHint("%s", hint)
	}
	want, err := spec.Canonical()
	if err != nil {
		return nil, err
	}
	got, err := lock.Spec.Canonical()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(want, got) {
		return nil, diag.Usagef("%s was made for another %s", f.file(lockName), specName).WithHint("%s", hint)
	}
	return lock, nil
}

// parent returns the folder that spec extends: a path is relative to f, and a
// name is that of an embedded image, wherever basal runs.
func (f imageFolder) parent(spec *specs.Spec) (imageFolder, error) {
	ref := spec.Extends
	if name := path.Base(ref); !strings.ContainsAny(ref, "./") || f.dir == "" {
		if embedded, ok := images.Open(name); ok {
			return imageFolder{embedded, "embedded " + name, ""}, nil
		}
		return imageFolder{}, diag.Usagef("%s: extends %s: no embedded image has that name", f.file(specName), ref).
			WithHint("basal list shows them; a folder begins with ./ or ../")
	}
	dir := filepath.FromSlash(ref)
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(f.dir, dir)
	}
	if parent, ok := openFolder(dir); ok {
		return parent, nil
	}
	return imageFolder{}, diag.Usagef("%s: extends %s: no %s in %s", f.file(specName), ref, specName, dir)
}

// folders are the folders of a spec and of everything that it extends.
type folders []imageFolder

// folders returns the folder f of spec, and those of everything that it extends.
// A lock holds all of its parents' locks, so a build can do without a parent's
// folder: one without files stands for the first that is not to be had, and ends
// the list.
func (f imageFolder) folders(spec *specs.Spec) folders {
	all := folders{f}
	const most = 8 // the depth that a lock may have
	for spec.Extends != "" && len(all) <= most {
		parent, err := f.parent(spec)
		if err != nil {
			return append(all, imageFolder{})
		}
		f, all = parent, append(all, parent)
		if spec, err = f.spec(); err != nil {
			return append(all, imageFolder{})
		}
	}
	return all
}

// files returns what the specs may name; nil for a folder that is not to be had.
func (all folders) files() []fs.FS {
	var list []fs.FS
	for _, f := range all {
		list = append(list, f.files)
	}
	return list
}

// dirs returns the paths of the folders; "" for one that is not to be had, or
// part of this program.
func (all folders) dirs() []string {
	var list []string
	for _, f := range all {
		list = append(list, f.dir)
	}
	return list
}

// maxDocument bounds image.yaml and lock.json, in bytes; specs has narrower
// bounds of its own.
const maxDocument = 16 << 20

// readCapped reads a regular file of at most the given number of bytes.
func readCapped(files fs.FS, name string, most int64) ([]byte, error) {
	f, err := openCapped(files, name, most)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// openCapped opens a regular file of at most the given number of bytes: a pipe
// would wait for its other end, and a device may have none.
func openCapped(files fs.FS, name string, most int64) (io.ReadCloser, error) {
	info, err := fs.Stat(files, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, diag.Usagef("%s is not a regular file", name)
	}
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	return &capped{f, name, most, most}, nil
}

// capped is a file that fails when it has more bytes than it may: it may have
// grown since it was looked at.
type capped struct {
	fs.File
	name       string
	most, left int64
}

func (c *capped) Read(p []byte) (int, error) {
	n, err := c.File.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return 0, diag.Usagef("%s has more than %d bytes", c.name, c.most)
	}
	return n, err
}
