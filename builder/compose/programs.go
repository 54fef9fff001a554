package compose

import (
	"slices"
	"strings"

	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/diag"
)

// Program is a compiled Go program of a step.
type Program struct {
	Path    string // in the image, absolute
	Import  string // of its package
	Content rootfs.Content
}

// originGo begins the origin of compiled programs.
const originGo = "go:"

func isProgram(e rootfs.Entry) bool {
	return slices.ContainsFunc(e.Origins, func(o string) bool { return strings.HasPrefix(o, originGo) })
}

// programEntries returns the step's programs, in order, where they go in the
// image.
func programEntries(s Step, l links) ([]rootfs.Entry, error) {
	var out []rootfs.Entry
	for _, p := range s.Programs {
		path, err := l.resolve(strings.TrimPrefix(p.Path, "/"))
		if err != nil {
			return nil, diag.Usagef("go: %w", err)
		}
		out = append(out, rootfs.Entry{Path: path, Kind: rootfs.File, Mode: 0o755, Content: p.Content, Origins: []string{originGo + p.Import}})
	}
	return out, nil
}
