package cache

import (
	"crypto/rand"
	"os"
	"time"
)

// temporary is a file that nobody looks for yet.
type temporary struct {
	root *os.Root
	name string
	f    *os.File // nil once placed or discarded
}

func newTemporary(root *os.Root) (*temporary, error) {
	// The directory of finished blobs is made here too: a cache that cannot
	// have one is not writable.
	for _, dir := range []string{partial, blobs} {
		if err := root.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	name := partial + "/" + rand.Text()
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	return &temporary{root, name, f}, nil
}

// place renames the finished file. Another process may have put the same bytes
// there meanwhile; they are replaced by their equal.
func (t *temporary) place(name string) error {
	defer t.discard()
	if err := t.f.Close(); err != nil {
		return err
	}
	if err := t.root.Rename(t.name, name); err != nil {
		return err
	}
	t.f = nil
	return nil
}

// discard removes the file unless it was placed.
func (t *temporary) discard() {
	if t.f == nil {
		return
	}
	t.f.Close()
	t.f = nil
	t.root.Remove(t.name)
}

// Bounds of sweep: what a killed process left is no longer being written after
// a day, and one process does not clean up after more than a few hundred others.
const (
	sweepAge  = 24 * time.Hour
	sweepSome = 256
)

// sweep removes what killed processes have left. It does what it can: a file
// that stays costs space only.
func sweep(root *os.Root, now time.Time) {
	dir, err := root.Open(partial)
	if err != nil {
		return
	}
	defer dir.Close()
	entries, _ := dir.ReadDir(sweepSome)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && now.Sub(info.ModTime()) > sweepAge {
			root.Remove(partial + "/" + e.Name())
		}
	}
}
