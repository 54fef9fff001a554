package gobuild

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/basal-project/basal/builder/gobuild/asm"
	"github.com/basal-project/basal/internal/diag"
)

// checkIncludes refuses assembly that includes other files than headers of its
// own package and of the toolchain. The go command sees only those, so it would
// not compile anew when another file has changed, and nothing names that file.
func (m localModule) checkIncludes(p localPackage, tool toolchain) error {
	if len(p.listing.SFiles) == 0 {
		return nil
	}
	for _, name := range slices.Concat(p.listing.SFiles, p.listing.HFiles) {
		full := path.Join(p.dir, name)
		f, err := m.open(full, map[string]bool{})
		if err != nil {
			return err
		}
		names, err := asm.Includes(f)
		f.Close()
		if err != nil {
			return m.unreadable(full, err)
		}
		for _, included := range names {
			if !m.isHeader(p, included, tool) {
				return diag.Usagef("module %s: %s includes %q, which is no header of its package", m.path, full, included).
					WithHint("put a header, with a name that ends in .h, into the package's own folder")
			}
		}
	}
	return nil
}

// isHeader reports whether the assembler, which looks in the package's folder
// first, finds a header under that name which the go command knows of.
func (m localModule) isHeader(p localPackage, name string, tool toolchain) bool {
	name = strings.TrimPrefix(name, "./")
	if slices.Contains(p.listing.HFiles, name) {
		return true
	}
	if name != filepath.Base(name) || m.has(path.Join(p.dir, name)) {
		return false
	}
	// go_asm.h is made from the package's own constants.
	return name == "go_asm.h" || isFile(filepath.Join(tool.bin, "..", "pkg", "include", name))
}
