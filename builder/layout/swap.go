package layout

import (
	"os"

	"golang.org/x/sys/unix"
)

// swap puts the directory a in the place of b, and b under a's name, by three
// renames, for file systems that cannot do it in one. Between two of them b is
// missing for an instant, which a run that is killed then leaves so.
func swap(a, b string) error {
	aside := a + "0" // a stage's name too, so that a later run removes it
	if err := unix.Rename(b, aside); err != nil {
		return err
	}
	if err := unix.Rename(a, b); err != nil {
		if back := unix.Rename(aside, b); back != nil {
			return &os.LinkError{Op: "rename", Old: aside, New: b, Err: back}
		}
		return err
	}
	return unix.Rename(aside, a)
}
