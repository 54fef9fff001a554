package debtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// KeyFile is the name of the key beside an image.yaml of WriteImage.
const KeyFile = "archive.asc"

var platforms = map[string]string{
	"amd64": "linux/amd64", "arm64": "linux/arm64", "armhf": "linux/arm/v7",
	"ppc64el": "linux/ppc64le", "riscv64": "linux/riscv64", "s390x": "linux/s390x",
}

// ImageYAML returns a spec named test that takes packages from all suites of
// the archive, which is served at uri, for all their platforms. extra is added
// at the end.
func (a *Archive) ImageYAML(uri, extra string, packages ...string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var b strings.Builder
	b.WriteString("version: 1\nname: test\nplatforms: [")
	seen := map[string]bool{}
	for _, s := range a.suites {
		for _, arch := range s.Archs {
			if p := platforms[arch]; p != "" && !seen[p] {
				if len(seen) > 0 {
					b.WriteString(", ")
				}
				seen[p] = true
				b.WriteString(p)
			}
		}
	}
	b.WriteString("]\narchives:\n")
	for _, s := range a.suites {
		fmt.Fprintf(&b, "  - {uri: %q, suites: [%s], components: [%s], signed-by: ./%s}\n", uri, s.Name, s.Component, KeyFile)
	}
	if len(packages) > 0 {
		fmt.Fprintf(&b, "packages: [%s]\n", strings.Join(packages, ", "))
	}
	b.WriteString(extra)
	return b.String()
}

// WriteImage writes the spec of ImageYAML as dir/image.yaml and the archive's
// public key beside it.
func (a *Archive) WriteImage(t testing.TB, dir, uri, extra string, packages ...string) {
	t.Helper()
	check(t, os.MkdirAll(dir, 0o755))
	check(t, os.WriteFile(filepath.Join(dir, KeyFile), a.Key.Public(t), 0o644))
	check(t, os.WriteFile(filepath.Join(dir, "image.yaml"), []byte(a.ImageYAML(uri, extra, packages...)), 0o644))
}
