// Package rootfs is the file system of an image as a value: a sorted, immutable
// list of entries.
//
// An Entry has no time, no owner name, no extended attribute and no device
// number: what can vary does not exist, so it cannot leak into an image.
package rootfs

import (
	"fmt"
	"strings"
)

// Kind is what an entry is. The set is closed.
type Kind uint8

// The kinds. The zero value is invalid.
const (
	Dir Kind = iota + 1
	File
	Symlink
	Hardlink
)

// String returns the kind's name as it stands in messages and in tree texts.
func (k Kind) String() string {
	switch k {
	case Dir:
		return "dir"
	case File:
		return "file"
	case Symlink:
		return "symlink"
	case Hardlink:
		return "hardlink"
	}
	return "invalid"
}

// Entry is one name in the file system.
type Entry struct {
	Path    string   // clean, relative, no leading or trailing slash: etc/passwd
	Kind    Kind     //
	Mode    uint16   // permission bits with setuid, setgid and sticky: at most 07777; 0777 for symlinks
	UID     int      //
	GID     int      //
	Link    string   // target of a Symlink (any text) or of a Hardlink (a clean path of a File)
	Content Content  // of a File, and of a Hardlink the very same value
	Origins []string // the inputs that put it here, e.g. "deb:tzdata"; shared between entries, never changed
}

// Check reports whether e alone is a valid entry.
func Check(e Entry) error {
	if err := CheckPath(e.Path); err != nil {
		return fmt.Errorf("%w (from %s)", err, From(e.Origins))
	}
	switch e.Kind {
	case Dir, File:
		if e.Link != "" {
			return fmt.Errorf("internal error: %s %s has a link target", e.Kind, e.Path)
		}
	case Symlink:
		if e.Link == "" || strings.ContainsRune(e.Link, 0) {
			return fmt.Errorf("symlink /%s has an unusable target %q (from %s)", e.Path, e.Link, From(e.Origins))
		}
	case Hardlink:
		if err := CheckPath(e.Link); err != nil {
			return fmt.Errorf("hard link /%s: %w (from %s)", e.Path, err, From(e.Origins))
		}
	default:
		return fmt.Errorf("internal error: entry %s has no kind", e.Path)
	}
	if e.Mode > 0o7777 || e.UID < 0 || e.GID < 0 {
		return fmt.Errorf("/%s has mode %o, owner %d:%d out of range (from %s)", e.Path, e.Mode, e.UID, e.GID, From(e.Origins))
	}
	return nil
}

// Equal reports whether a and b, at one path, are the same thing.
func Equal(a, b Entry) (bool, error) {
	if a.Kind != b.Kind || a.Mode != b.Mode || a.UID != b.UID || a.GID != b.GID || a.Link != b.Link {
		return false, nil
	}
	return EqualContent(a.Content, b.Content)
}

func describe(e Entry) string {
	switch e.Kind {
	case Symlink, Hardlink:
		return fmt.Sprintf("a %s to %s", e.Kind, e.Link)
	case File:
		return fmt.Sprintf("a file (mode %04o, %d:%d, %d bytes)", e.Mode, e.UID, e.GID, e.Content.Size())
	}
	return fmt.Sprintf("a %s (mode %04o, %d:%d)", e.Kind, e.Mode, e.UID, e.GID)
}

// From joins origins for a message.
func From(origins []string) string {
	if len(origins) == 0 {
		return "an unnamed input"
	}
	return strings.Join(origins, " and ")
}
