package specs

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// checker holds the rules that a spec's types do not express. Places are given
// as paths, as in variants.debug.files[0].mode, since a spec may come from YAML,
// which has lines, or from a lock, which has none.
type checker struct {
	report func(path, msg, hint string)
}

// want reports msg at path unless ok.
func (c checker) want(ok bool, path, format string, args ...any) {
	if !ok {
		c.report(path, fmt.Sprintf(format, args...), "")
	}
}

// notEmpty reports key in what stands at path as empty, unless ok. A key that is
// not there at all was refused by the decoder.
func (c checker) notEmpty(ok bool, path, key string) {
	if !ok {
		c.report(join(path, key), fmt.Sprintf("%s is empty", key), "")
	}
}

func (c checker) spec(s *Spec) {
	if s.Version != FormatVersion {
		c.report("version", fmt.Sprintf("version is %d, want %d", s.Version, FormatVersion), "a newer version needs a newer basal")
	}
	c.notEmpty(s.Name != "", "", "name")
	c.want(s.Name == "" || isName(s.Name), "name", "name is %s, want lower-case letters and digits with single . _ - between", quoted(s.Name))
	c.line("summary", s.Summary)
	c.notEmpty(len(s.Platforms) > 0, "", "platforms")
	distinct(c, "platforms", s.Platforms)
	if s.Extends != "" && !isPlaceOrName(s.Extends) {
		c.report("extends", fmt.Sprintf("extends is %s, want the name of an embedded image or a directory", quoted(s.Extends)), "a directory begins with . or /")
	}
	c.from(s)
	for i, a := range s.Archives {
		c.archive(fmt.Sprintf("archives[%d]", i), a)
	}
	c.indexes(s.Archives)
	c.certificates(s.Certificates)
	c.osRelease(s.OSRelease)
	c.want(s.Layers.Budget == 0 || s.Layers.Budget >= 2 && !s.Layers.Single, "layers.budget", "budget is %d, want 2 or more", s.Layers.Budget)
	c.patch("", Patch{Packages: s.Packages, Waive: s.Waive, Exclude: s.Exclude, Setuid: s.Setuid, Accounts: s.Accounts, Files: s.Files, Go: s.Go, Config: s.Config})
	c.places("files", s.Files, s.Platforms)
	c.variants(s)
	c.waivers("waive", s.Waive, owned(s, nil))
	c.sources(s)
}

// patch checks what an image and a variant have in common.
func (c checker) patch(path string, p Patch) {
	c.packages(join(path, "packages"), p.Packages)
	for i, g := range p.Exclude {
		at := fmt.Sprintf("%s[%d]", join(path, "exclude"), i)
		c.want(strings.HasPrefix(g, "/") && doublestar.ValidatePattern(g) && isAbsolute(g), at,
			"exclude is %s, want a clean absolute path, with * ? ** [a-z] {a,b} as wildcards", quoted(g))
	}
	distinct(c, join(path, "exclude"), p.Exclude)
	for i, name := range p.Setuid {
		c.want(isAbsolute(name) && !strings.ContainsAny(name, "*?"), fmt.Sprintf("%s[%d]", join(path, "setuid"), i),
			"setuid is %s, want a clean absolute path below /, without wildcards", quoted(name))
	}
	distinct(c, join(path, "setuid"), p.Setuid)
	c.accounts(join(path, "accounts"), p.Accounts)
	for i, f := range p.Files {
		c.file(fmt.Sprintf("%s[%d]", join(path, "files"), i), f)
	}
	c.programs(join(path, "go"), p.Go)
	c.paths(path, p)
	c.config(join(path, "config"), p.Config)
}

func (c checker) archive(path string, a Archive) {
	c.notEmpty(a.URI != "", path, "uri")
	if a.URI != "" && !isURI(a.URI) {
		c.report(path+".uri", fmt.Sprintf("uri is %s, want debian, debian-security or an http(s) URL without credentials, query and final slash", quoted(a.URI)), "")
	}
	c.notEmpty(len(a.Suites) > 0, path, "suites")
	c.notEmpty(len(a.Components) > 0, path, "components")
	for key, list := range map[string][]string{"suites": a.Suites, "components": a.Components} {
		for i, s := range list {
			c.want(isSuite(s), fmt.Sprintf("%s.%s[%d]", path, key, i), "found %s, want a name such as trixie or main", quoted(s))
		}
		distinct(c, join(path, key), list)
	}
	c.notEmpty(a.SignedBy != "", path, "signed-by")
	if a.SignedBy != "" && !isPlaceOrName(a.SignedBy) {
		c.report(path+".signed-by", fmt.Sprintf("signed-by is %s, want the name of a keyring or a file", quoted(a.SignedBy)), "a file begins with . or /")
	}
}

// indexes refuses to name one package index twice: which entry's key would hold?
func (c checker) indexes(archives []Archive) {
	seen := map[[3]string]int{}
	for i, a := range archives {
		for _, suite := range a.Suites {
			for _, component := range a.Components {
				id := [3]string{a.URI, suite, component}
				if first, ok := seen[id]; ok && first != i {
					c.report(fmt.Sprintf("archives[%d]", i), fmt.Sprintf("%s %s %s is listed twice", a.URI, suite, component), "")
				}
				seen[id] = i
			}
		}
	}
}

func (c checker) packages(path string, names []string) {
	for i, p := range names {
		if isPackage(p) {
			continue
		}
		hint := ""
		if i := strings.IndexAny(p, "=:/"); i > 0 {
			hint = fmt.Sprintf("want only the name: %s; versions and architectures are in the lock", p[:i])
		}
		c.report(fmt.Sprintf("%s[%d]", path, i), fmt.Sprintf("%s is not a name of a Debian package", quoted(p)), hint)
	}
	distinct(c, path, names)
}

// sources demands archives for packages, unless a parent may bring them.
func (c checker) sources(s *Spec) {
	needs := len(s.Packages) > 0 || s.Certificates != nil && s.Certificates.Bundle == bundleDebian
	for _, p := range s.Variants {
		needs = needs || len(p.Packages) > 0
	}
	if needs && len(s.Archives) == 0 && s.Extends == "" {
		c.report("archives", "there are packages but no archives", "archives: [{uri: debian, suites: [trixie], components: [main], signed-by: debian-13}]")
	}
}

// scripts are the maintainer scripts and control files that a waiver can name.
var scripts = []string{"preinst", "postinst", "prerm", "postrm", "config", "triggers"}

// waivers checks that each waiver is about one of the packages.
func (c checker) waivers(path string, list []Waiver, packages []string) {
	seen := map[[3]string]bool{}
	for i, w := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		c.notEmpty(w.Package != "", at, "package")
		if w.Package != "" && !slices.Contains(packages, w.Package) {
			c.report(at+".package", fmt.Sprintf("package %s is not in packages", quoted(w.Package)), didYouMean(w.Package, packages))
		}
		switch {
		case w.Depends == "" && w.Script == "":
			c.report(at, "found neither depends nor script, want one of them", "depends: NAME, or script: "+orList(scripts))
		case w.Depends != "" && w.Script != "":
			c.report(at, "found both depends and script, want one of them", "write two waivers")
		case w.Depends != "":
			c.want(isPackage(w.Depends), at+".depends", "depends is %s, want the name of a package", quoted(w.Depends))
		case !slices.Contains(scripts, w.Script):
			c.report(at+".script", fmt.Sprintf("script is %s, want %s", quoted(w.Script), orList(scripts)), didYouMean(w.Script, scripts))
		}
		c.notEmpty(strings.Trim(w.Because, " .…") != "", at, "because") // the … of a pasted hint is no reason
		c.line(at+".because", w.Because)
		id := [3]string{w.Package, w.Depends, w.Script}
		c.want(!seen[id], at, "this waiver is listed twice")
		seen[id] = true
	}
}

// line demands text without line breaks and other control characters.
func (c checker) line(path, s string) {
	c.want(!hasControl(s), path, "found a line break or another control character in %s", quoted(s))
}

// distinct reports elements of the list at path that are there twice.
func distinct[T comparable](c checker, path string, list []T) {
	seen := map[T]bool{}
	for i, e := range list {
		c.want(!seen[e], fmt.Sprintf("%s[%d]", path, i), "%v is listed twice", e)
		seen[e] = true
	}
}

// sortedKeys gives maps an order, so that faults without a place have one too.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// isPlaceOrName holds a path that begins with . or /, or a name.
func isPlaceOrName(s string) bool {
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "/") {
		return !hasControl(s) && len(s) <= maxPath
	}
	return isName(s)
}
