package compose

import (
	"bytes"
	"encoding/hex"
	"slices"

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
