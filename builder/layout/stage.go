package layout

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/basal-project/basal/internal/diag"
)

// stage is where a layout is made: under a hidden name beside its target. The
// maker holds a lock on it until it is in place, so that a later run can tell
// what a killed run left behind from what a running one is making.
type stage struct {
	target target
	path   string   // .NAME.basal-DIGITS
	file   *os.File // the locked directory or, of an archive, the file that is written
}

// attempts bounds the loops in which other runs can be in the way.
const attempts = 100

func stagePrefix(t target) string { return "." + filepath.Base(t.path) + ".basal-" }

// newStage removes what killed runs left, and makes a new stage.
func newStage(t target) (*stage, error) {
	removeStale(t)
	for range attempts {
		s, err := makeStage(t)
		if err != nil {
			return nil, err
		}
		if s != nil {
			return s, nil
		}
	}
	return nil, fmt.Errorf("%s: other runs keep removing the staging directory", t.said)
}

// makeStage returns nil when another run took the new stage for a stale one: it
// has no lock in its first instants.
func makeStage(t target) (*stage, error) {
	s := &stage{target: t}
	var err error
	if t.archive {
		s.file, err = os.CreateTemp(filepath.Dir(t.path), stagePrefix(t)+"*")
	} else {
		s.file, err = makeDir(filepath.Dir(t.path), stagePrefix(t)+"*")
	}
	if s.file == nil || err != nil {
		return nil, unusable(t.said, err) // the stage's name is longer than the target's
	}
	s.path = s.file.Name()
	// A file system without locks answers with another error. There a run
	// cannot remove what it cannot lock, so nothing is lost.
	busy := errors.Is(flock(s.file), unix.EWOULDBLOCK)
	mine, err := s.file.Stat()
	if err != nil {
		s.discard()
		return nil, err
	}
	if there, err := os.Lstat(s.path); busy || err != nil || !os.SameFile(mine, there) {
		return nil, s.file.Close()
	}
	return s, nil
}

// makeDir returns nil when another run removed the directory at once.
func makeDir(parent, pattern string) (*os.File, error) {
	path, err := os.MkdirTemp(parent, pattern)
	if err != nil {
		return nil, err
	}
	var f *os.File
	if err = os.Chmod(path, dirMode); err == nil {
		f, err = os.Open(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return f, err
}

func flock(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }

// removeStale removes the stages of runs that are no more. What cannot be
// removed stays for the next run: it is in nobody's way.
func removeStale(t target) {
	entries, err := os.ReadDir(filepath.Dir(t.path))
	if err != nil {
		return
	}
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), stagePrefix(t))
		if !ok || digits == "" || strings.Trim(digits, "0123456789") != "" {
			continue
		}
		if !e.IsDir() && !e.Type().IsRegular() {
			continue
		}
		removeUnlocked(filepath.Join(filepath.Dir(t.path), e.Name()))
	}
}

func removeUnlocked(path string) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	if flock(f) == nil {
		os.RemoveAll(path)
	}
}

// commit puts the stage in its place. What was there before is then under the
// stage's name, and discard removes it.
func (s *stage) commit() error {
	for range attempts {
		occupied, err := s.target.occupied()
		if err != nil {
			return err
		}
		err = s.place(occupied)
		switch {
		case errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTEMPTY):
			continue // another run was faster, or has just removed the old one
		case errors.Is(err, unix.EBUSY) || errors.Is(err, unix.EXDEV):
			return diag.Usagef("%s is a mount point, which cannot be replaced", s.target.said).
				WithHint("name a directory below it")
		}
		if err != nil {
			return fmt.Errorf("%s cannot be put in place: %w", s.target.said, err)
		}
		return nil
	}
	return fmt.Errorf("%s: other runs keep replacing it", s.target.said)
}

func (s *stage) place(occupied bool) error {
	switch {
	case s.target.archive:
		return os.Rename(s.path, s.target.path)
	case occupied:
		return exchange(s.path, s.target.path)
	}
	return unix.Rename(s.path, s.target.path)
}

// discard releases the lock and removes what is under the stage's name, if
// anything.
func (s *stage) discard() {
	os.RemoveAll(s.path)
	s.file.Close()
}
