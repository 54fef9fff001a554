package gobuild

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/basal-project/basal/builder"
	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/digest"
)

// target is the folder that a program is written to. It stays the same from run
// to run, so that the go command finds what it made and sees that nothing has
// changed. The go command goes by the build id in the file alone; that the rest
// is as it was, a record of its digest tells.
type target struct {
	dir, file string
	record    string   // a file beside it with the digest
	lock      *os.File // nil for a private folder
	old       *os.File // the program that was there, if it is what the record says
	sum       digest.Digest
}

// folderName is the folder of targets in basal's cache.
const folderName = "go"

// target prepares a program's target, and waits for other processes that make
// the same program.
func (t *Tool) target(ctx context.Context, j job) (*target, error) {
	if t.opt.Cache == nil {
		dir, err := t.private()
		return newTarget(dir), err
	}
	root, err := t.opt.Cache.Folder(folderName)
	if err != nil {
		return nil, err
	}
	to := newTarget(filepath.Join(root, j.key().Hex()[:32]))
	if err := os.MkdirAll(to.dir, 0o755); err != nil {
		return nil, err
	}
	if to.lock, err = lockFile(ctx, filepath.Join(to.dir, "lock")); err != nil {
		return nil, err
	}
	if err := to.recall(); err != nil {
		to.unlock()
		return nil, err
	}
	return to, nil
}

func newTarget(dir string) *target {
	return &target{dir: dir, file: filepath.Join(dir, "program"), record: filepath.Join(dir, "sha256")}
}

// key names the program among all that this machine compiles.
func (j job) key() digest.Digest {
	place := ""
	if j.local != nil {
		place = j.local.pkgDir
	}
	return digest.Of(fmt.Appendf(nil, "%q %q %q %s %q %q", place, j.Package, j.tool.version, j.Platform, j.Ldflags, j.Tags))
}

// lockFile takes a lock that ends with the file or the process.
func lockFile(ctx context.Context, name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	const pause = 50 * time.Millisecond
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return f, nil
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			f.Close()
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// unlock lets others in.
func (to *target) unlock() {
	if to.old != nil {
		to.old.Close()
		to.old = nil
	}
	if to.lock != nil {
		to.lock.Close()
	}
}

// recall looks at the program that is there. One that is not what the record
// says is removed, so that it is linked anew.
func (to *target) recall() error {
	f, err := to.find()
	if err != nil {
		return nil // there is none
	}
	sum, size, err := hash(f)
	want, recordErr := os.ReadFile(to.record)
	if err == nil && recordErr == nil && size > 0 && strings.TrimSpace(string(want)) == sum.String() {
		to.old, to.sum = f, sum
		return nil
	}
	f.Close()
	return errors.Join(removeIfThere(f.Name()), removeIfThere(to.record))
}

// find opens the program: at its place, or where go install has put it.
func (to *target) find() (*os.File, error) {
	names := []string{to.file}
	for _, pattern := range []string{"bin/*", "bin/*_*/*"} {
		found, _ := filepath.Glob(filepath.Join(to.dir, pattern)) // the folder has no meaning in patterns: it is hexadecimal, or made by MkdirTemp
		names = append(names, found...)
	}
	for _, name := range names {
		if info, err := os.Lstat(name); err == nil && info.Mode().IsRegular() {
			return os.Open(name)
		}
	}
	return nil, fs.ErrNotExist
}

// open returns the program that the go command has made, or left as it was.
func (to *target) open(t *Tool) (builder.Binary, error) {
	f, err := to.find()
	if err != nil {
		return builder.Binary{}, fmt.Errorf("the go command has made no program: %w", err)
	}
	t.mu.Lock()
	t.files = append(t.files, f)
	t.mu.Unlock()
	info, err := f.Stat()
	if err != nil {
		return builder.Binary{}, err
	}
	sum := to.sum
	if !to.unchanged(info) {
		if sum, _, err = hash(f); err != nil {
			return builder.Binary{}, err
		}
		if to.lock != nil {
			if err := os.WriteFile(to.record, []byte(sum.String()+"\n"), 0o644); err != nil {
				return builder.Binary{}, err
			}
		}
	}
	return builder.Binary{SHA256: sum, Size: info.Size(), Content: rootfs.Section(f, 0, info.Size())}, nil
}

// unchanged reports whether the program is the file that was looked at before:
// the go command never writes into a program, it puts another in its place.
func (to *target) unchanged(info fs.FileInfo) bool {
	if to.old == nil {
		return false
	}
	old, err := to.old.Stat()
	return err == nil && os.SameFile(old, info) && old.Size() == info.Size()
}

func hash(f *os.File) (digest.Digest, int64, error) {
	h := sha256.New()
	n, err := io.Copy(h, io.NewSectionReader(f, 0, 1<<40))
	return digest.Digest(h.Sum(nil)), n, err
}

func removeIfThere(name string) error {
	err := os.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// removeAll removes a folder, read-only ones in it included.
func removeAll(dir string) error {
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}
