package compose

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/diag"
)

const osReleasePath = "usr/lib/os-release"

// osRelease returns Debian's os-release(5) with the spec's values in it: keys
// that are there keep their place, others follow in order. Its identity (ID and
// the like) is not the spec's to set, so scanners still know what this is.
func osRelease(parent rootfs.Tree, s Step) ([]rootfs.Entry, error) {
	if len(s.OSRelease) == 0 {
		return nil, nil
	}
	e, ok := parent.Lookup(osReleasePath)
	for _, p := range s.Packages {
		if own, here := p.Tree.Lookup(osReleasePath); here {
			e, ok = own, true
		}
	}
	if !ok || e.Kind != rootfs.File {
		return nil, diag.Usagef("os-release: no package of the image has /usr/lib/os-release; base-files does")
	}
	old, err := io.ReadAll(io.LimitReader(e.Content.Reader(), 64<<10))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	done := map[string]bool{}
	for line := range strings.Lines(string(old)) {
		key, _, _ := strings.Cut(line, "=")
		if value, ok := s.OSRelease[key]; ok {
			line = assignment(key, value)
			done[key] = true
		}
		out.WriteString(strings.TrimSuffix(line, "\n") + "\n")
	}
	for _, key := range slices.Sorted(maps.Keys(s.OSRelease)) {
		if !done[key] {
			out.WriteString(assignment(key, s.OSRelease[key]))
		}
	}
	origins := append([]string{generatedBy + "os-release of " + s.Name}, e.Origins...)
	return []rootfs.Entry{textFile(osReleasePath, out.Bytes(), origins...)}, nil
}

// assignment quotes as os-release(5) asks.
func assignment(key, value string) string {
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`").Replace(value)
	return fmt.Sprintf("%s=\"%s\"\n", key, quoted)
}
