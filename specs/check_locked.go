package specs

import (
	"fmt"
	"slices"
	"strings"
)

// indexes checks the Packages files of a platform: each from an archive that the
// spec, or the parent from which it inherits them, names.
func (c lockChecker) indexes(at string, p *LockedPlatform) {
	seen := map[[3]string]bool{}
	for i, ix := range p.Indexes {
		at := fmt.Sprintf("%s.indexes[%d]", at, i)
		id := [3]string{ix.Archive, ix.Suite, ix.Component}
		c.want(!seen[id], at, "%s %s %s is listed twice", ix.Archive, ix.Suite, ix.Component)
		seen[id] = true
		c.want(c.lock.names(ix), at, "the spec does not name %s %s %s", quoted(ix.Archive), quoted(ix.Suite), quoted(ix.Component))
		c.want(isRelative(ix.Path), at+".path", "path is %s, want a clean relative path", quoted(ix.Path))
		c.size(at+".size", ix.Size, 1)
		c.want(!ix.SHA256.IsZero(), at+".sha256", "there is none")
		c.release(at+".release", ix.Release)
	}
}

// names reports whether the spec of l, or of a parent if it has no archives of
// its own, names the index.
func (l *Lock) names(ix LockedIndex) bool {
	for l.Extends != nil && len(l.Spec.Archives) == 0 {
		l = l.Extends
	}
	return slices.ContainsFunc(l.Spec.Archives, func(a Archive) bool {
		return a.URI == ix.Archive && slices.Contains(a.Suites, ix.Suite) && slices.Contains(a.Components, ix.Component)
	})
}

func (c lockChecker) release(at string, r LockedRelease) {
	c.want(r.Date > 0 && r.Date <= MaxEpoch, at+".date", "date is %d, want seconds since 1970", r.Date)
	c.want(r.ValidUntil == 0 || r.ValidUntil >= r.Date && r.ValidUntil <= MaxEpoch, at+".valid-until", "valid-until is %d, want a time after date", r.ValidUntil)
	c.want(len(r.Keys) > 0, at+".keys", "there are none: nobody signed")
	for i, k := range r.Keys {
		at := fmt.Sprintf("%s.keys[%d]", at, i)
		c.want((len(k) == 40 || len(k) == 64) && only(k, digits+"ABCDEF"), at, "%s is not a fingerprint in upper case", quoted(k))
		c.want(i == 0 || r.Keys[i-1] < k, at, "the keys are not sorted, or not distinct")
	}
	c.size(at+".size", r.Size, 1)
	c.want(!r.SHA256.IsZero(), at+".sha256", "there is none")
}

// packages demands on each platform exactly the packages that the groups hold,
// and ca-certificates when only its bundle is used.
func (c lockChecker) packages(at string, p *LockedPlatform) {
	want := map[string]bool{}
	for _, name := range c.lock.Spec.LockedPackages() {
		want[name] = true
	}
	have := map[string]bool{}
	for i, pkg := range p.Packages {
		at := fmt.Sprintf("%s.packages[%d]", at, i)
		c.locked(at, p, pkg)
		c.want(!have[pkg.Name], at+".name", "package %s is listed twice", quoted(pkg.Name))
		c.want(want[pkg.Name], at+".name", "the spec does not name package %s", quoted(pkg.Name))
		have[pkg.Name] = true
	}
	for _, name := range sortedKeys(want) {
		c.want(have[name], at+".packages", "package %q is missing", name)
	}
}

// locked checks one .deb.
func (c lockChecker) locked(at string, p *LockedPlatform, pkg LockedPackage) {
	c.want(isPackage(pkg.Name), at+".name", "%s is not a name of a Debian package", quoted(pkg.Name))
	c.want(isPackage(pkg.Source), at+".source", "%s is not a name of a Debian source package", quoted(pkg.Source))
	c.want(isVersion(pkg.Version), at+".version", "%s is not a Debian version", quoted(pkg.Version))
	arch := p.Platform.Debian()
	c.want(pkg.Architecture == "all" || arch != "" && pkg.Architecture == arch, at+".architecture", "architecture is %s, want %q or \"all\"", quoted(pkg.Architecture), arch)
	c.want(isRelative(pkg.Path) && strings.HasSuffix(pkg.Path, ".deb"), at+".path", "path is %s, want a clean relative path of a .deb", quoted(pkg.Path))
	c.size(at+".size", pkg.Size, 1)
	c.want(!pkg.SHA256.IsZero(), at+".sha256", "there is none")
	c.want(p.Index(pkg) != nil, at, "no index of %s %s %s is locked", quoted(pkg.Archive), quoted(pkg.Suite), quoted(pkg.Component))
}
