package compose

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

// spelledOut returns the entries that the spec's files describe, where they go
// in the image.
func spelledOut(s Step, l links) ([]rootfs.Entry, error) {
	var out []rootfs.Entry
	for _, f := range s.Files {
		entries, err := fileEntries(f, s.Input)
		if err != nil {
			return nil, diag.Usagef("files: %s: %w", f.Path, err)
		}
		for _, e := range entries {
			if e.Path, err = l.resolve(e.Path); err != nil {
				return nil, diag.Usagef("files: %w", err)
			}
			e.Origins = []string{s.origin()}
			out = append(out, e)
		}
	}
	return out, nil
}

func fileEntries(f specs.File, input func(string) (rootfs.Content, error)) ([]rootfs.Entry, error) {
	e := rootfs.Entry{Path: strings.TrimPrefix(f.Path, "/"), UID: f.UID, GID: f.GID}
	switch f.Type {
	case "", specs.TypeFile:
		e.Kind = rootfs.File
		var err error
		if f.Content != nil {
			e.Content = rootfs.Bytes([]byte(*f.Content))
		} else if e.Content, err = input(f.Source); err != nil {
			return nil, err
		}
		e.Mode, err = mode(f.Mode, 0o644)
		return []rootfs.Entry{e}, err
	case specs.TypeDir:
		e.Kind = rootfs.Dir
		var err error
		e.Mode, err = mode(f.Mode, 0o755)
		return []rootfs.Entry{e}, err
	case specs.TypeSymlink:
		e.Kind, e.Mode, e.Link = rootfs.Symlink, 0o777, f.Target
		return []rootfs.Entry{e}, nil
	case specs.TypeLinks:
		return linkEntries(e, f, input)
	}
	return nil, fmt.Errorf("unknown type %q", f.Type)
}

// linkEntries makes the directory and a symlink in it for each name in the
// source, one a line; blank lines and lines that begin with # are skipped.
func linkEntries(dir rootfs.Entry, f specs.File, input func(string) (rootfs.Content, error)) ([]rootfs.Entry, error) {
	content, err := input(f.Source)
	if err != nil {
		return nil, err
	}
	dir.Kind, dir.Mode = rootfs.Dir, 0o755
	out := []rootfs.Entry{dir}
	const most = 1 << 20 // bytes of names
	lines := bufio.NewScanner(io.LimitReader(content.Reader(), most))
	for n := 1; lines.Scan(); n++ {
		name := strings.TrimSpace(lines.Text())
		if name == "" || strings.HasPrefix(name, "#") {
			continue
		}
		path := dir.Path + "/" + name
		if strings.Contains(name, "/") || !specs.IsFilePath("/"+path) {
			return nil, fmt.Errorf("%s:%d: %.300q is not a plain file name", f.Source, n, name)
		}
		out = append(out, rootfs.Entry{Path: path, Kind: rootfs.Symlink, Mode: 0o777, UID: f.UID, GID: f.GID, Link: f.Target})
	}
	if content.Size() > most {
		return nil, errors.New("source is larger than 1 MiB")
	}
	return out, lines.Err()
}

// mode reads an octal mode; the empty string means otherwise.
func mode(s string, otherwise uint16) (uint16, error) {
	if s == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(s, 8, 12)
	if err != nil {
		return 0, fmt.Errorf("mode %q is not an octal number up to 7777", s)
	}
	return uint16(n), nil
}
