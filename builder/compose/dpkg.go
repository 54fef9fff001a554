package compose

import (
	"bytes"
	"encoding/hex"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/basal-project/basal/builder/rootfs"
)

// statusDir holds one record for each package. It is where scanners look in an
// image without dpkg.
const statusDir = "var/lib/dpkg/status.d/"

// dpkgRecord returns the package's control file, unchanged, and the md5sums of
// its regular files as they stand in the image: each sum is of the bytes that
// are there, and configuration files are listed like all others, so that a
// scanner can tell whose they are.
func dpkgRecord(p placedPackage) []rootfs.Entry {
	origins := []string{p.Origin()}
	record := []rootfs.Entry{{Path: statusDir + p.Name, Kind: rootfs.File, Mode: 0o644, Content: rootfs.Bytes(p.Control), Origins: origins}}
	if sums := md5sums(p); len(sums) > 0 {
		record = append(record, rootfs.Entry{Path: statusDir + p.Name + ".md5sums", Kind: rootfs.File, Mode: 0o644, Content: rootfs.Bytes(sums), Origins: origins})
	}
	return record
}

func md5sums(p placedPackage) []byte {
	files := make([]rootfs.Entry, 0, len(p.entries))
	for _, e := range p.entries {
		if e.Kind == rootfs.File || e.Kind == rootfs.Hardlink {
			files = append(files, e)
		}
	}
	slices.SortFunc(files, func(a, b rootfs.Entry) int { return rootfs.Compare(a.Path, b.Path) })
	var out bytes.Buffer
	for _, e := range files {
		sum := p.MD5[p.pathInDeb(e.Path)]
		out.WriteString(hex.EncodeToString(sum[:]))
		out.WriteString("  ")
		out.WriteString(e.Path)
		out.WriteByte('\n')
	}
	return out.Bytes()
}

// correctSums returns the md5sums files of the parent's packages without the
// paths at which the step puts something else, those that change: each sum stays
// one of the file that is there.
func correctSums(parent rootfs.Tree, own []rootfs.Entry, placed []placedPackage) ([]rootfs.Entry, error) {
	lost := decided(nil, placed)
	for _, e := range own {
		if below, ok := parent.Lookup(e.Path); ok {
			same, err := rootfs.Equal(below, e)
			if err != nil {
				return nil, err
			}
			lost[e.Path] = lost[e.Path] || !same
		}
	}
	var out []rootfs.Entry
	for _, name := range owners(parent, lost) {
		e, ok := parent.Lookup(statusDir + name + ".md5sums")
		if !ok || lost[e.Path] {
			continue
		}
		old, err := io.ReadAll(e.Content.Reader())
		if err != nil {
			return nil, err
		}
		var kept bytes.Buffer
		for line := range bytes.Lines(old) {
			_, path, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), "  ")
			if !lost[path] {
				kept.Write(line)
			}
		}
		if kept.Len() < len(old) {
			out = append(out, textFile(e.Path, kept.Bytes(), e.Origins...))
		}
	}
	return out, nil
}

// owners returns the names of the packages from which t has the marked paths,
// sorted.
func owners(t rootfs.Tree, marked map[string]bool) []string {
	names := map[string]bool{}
	for path, yes := range marked {
		if !yes {
			continue
		}
		e, _ := t.Lookup(path)
		for _, origin := range e.Origins {
			if name, ok := strings.CutPrefix(origin, originDeb); ok {
				names[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}
