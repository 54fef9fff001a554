package baseimage

import (
	"fmt"
	"strings"

	"github.com/basal-project/basal/builder/debian"
	"github.com/basal-project/basal/builder/rootfs"
)

const (
	statusFile = "var/lib/dpkg/status"    // dpkg's own
	statusDir  = "var/lib/dpkg/status.d/" // one file for each package, in images without dpkg

	maxStatus   = 32 << 20 // bytes of all these files
	maxPackages = 100_000
)

// Packages returns the Debian packages that are installed in t for the given
// architecture (Debian's name), by what dpkg's records say.
func Packages(t rootfs.Tree, arch string) ([]debian.Package, error) {
	var all []debian.Package
	left := int64(maxStatus)
	for e := range t.All() {
		record := strings.HasPrefix(e.Path, statusDir) && !strings.HasSuffix(e.Path, ".md5sums")
		if e.Path != statusFile && !record || e.Kind != rootfs.File && e.Kind != rootfs.Hardlink {
			continue
		}
		if left -= e.Content.Size(); left < 0 {
			return nil, fmt.Errorf("/%s: %w: more than %d bytes of package records", e.Path, errTooBig, maxStatus)
		}
		found, err := installed(e, arch)
		if err != nil {
			return nil, fmt.Errorf("/%s: %w", e.Path, err)
		}
		if all = append(all, found...); len(all) > maxPackages {
			return nil, fmt.Errorf("/%s: %w: more than %d packages", e.Path, errTooBig, maxPackages)
		}
	}
	return all, nil
}

func installed(e rootfs.Entry, arch string) ([]debian.Package, error) {
	var all []debian.Package
	sc := debian.NewScanner(e.Content.Reader())
	for sc.Scan() {
		st := sc.Stanza()
		// "install ok installed": what is wanted, whether all is well, what is.
		// Records of single packages have no such field.
		if status := strings.Fields(st.Fold("Status")); len(status) == 3 && status[2] != "installed" && !strings.HasPrefix(status[2], "triggers-") {
			continue
		}
		p := debian.Package{Name: st.Fold("Package"), Architecture: st.Fold("Architecture"), Provides: st.Fold("Provides")}
		if p.Name == "" || p.Architecture != arch && p.Architecture != "all" {
			continue
		}
		var err error
		if p.Version, err = debian.ParseVersion(st.Fold("Version")); err != nil {
			return nil, fmt.Errorf("package %.100q: %w", p.Name, err)
		}
		all = append(all, p)
	}
	return all, sc.Err()
}
