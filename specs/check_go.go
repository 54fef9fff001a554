package specs

import (
	"fmt"
	"slices"
	"strings"
)

// programs checks the Go programs of a spec or of a patch.
func (c checker) programs(at string, list []Program) {
	for i, p := range list {
		c.program(fmt.Sprintf("%s[%d]", at, i), p)
	}
}

func (c checker) program(at string, p Program) {
	c.notEmpty(p.Package != "", at, "package")
	if p.Package != "" && !isLocalPackage(p.Package) && !isRemotePackage(p.Package) {
		c.report(at+".package", fmt.Sprintf("package is %s, want ./DIR beside the spec, or an import path with @version", quoted(p.Package)),
			"for instance ./cmd/server, or example.com/tool/cmd/tool@v1.2.3")
	}
	c.notEmpty(p.Path != "", at, "path")
	c.want(p.Path == "" || IsFilePath(p.Path), at+".path", "path is %s, want a clean absolute path below /", quoted(p.Path))
	for i, f := range p.Ldflags {
		if !isLdflag(f) {
			c.report(fmt.Sprintf("%s.ldflags[%d]", at, i), fmt.Sprintf("ldflag is %s, want -s, -w or -X=NAME=VALUE", quoted(f)),
				"one flag an entry; others change what is linked by the machine that links it")
		}
	}
	for i, t := range p.Tags {
		c.want(only(t, lower+upper+digits+"_.") && len(t) <= 128, fmt.Sprintf("%s.tags[%d]", at, i), "tag is %s, want letters, digits, _ and .", quoted(t))
	}
	distinct(c, at+".ldflags", p.Ldflags)
	distinct(c, at+".tags", p.Tags)
}

// isLdflag holds the flags of the linker that mean the same on every machine.
// Variables of Go's own runtime are not set: a program says by them what it is
// made of, and is believed.
func isLdflag(s string) bool {
	if s == "-s" || s == "-w" {
		return true
	}
	rest, ok := strings.CutPrefix(s, "-X=")
	name, _, ok2 := strings.Cut(rest, "=")
	// The value goes through the go command's splitting into words.
	return ok && ok2 && strings.Contains(name, ".") && !isRuntime(name) && !hasControl(s) && !strings.ContainsAny(s, "'\"\\") && !strings.ContainsAny(name, " ") && len(s) <= maxPath
}

// isRuntime reports whether a variable is one of Go's runtime.
func isRuntime(name string) bool {
	return slices.ContainsFunc([]string{"runtime.", "runtime/", "internal/"}, func(p string) bool { return strings.HasPrefix(name, p) })
}

// isLocalPackage holds the folder of a package: . and .. or a path that begins
// with them, clean but for that.
func isLocalPackage(s string) bool {
	if s == "." {
		return true
	}
	s, dot := strings.CutPrefix(s, "./")
	up := false
	for !dot && (s == ".." || strings.HasPrefix(s, "../")) {
		s, up = strings.TrimPrefix(strings.TrimPrefix(s, ".."), "/"), true
	}
	return (dot || up) && (s == "" && up || isRelative(s) && isImport(s))
}

// isRemotePackage holds an import path, @ and an exact version.
func isRemotePackage(s string) bool {
	path, version, ok := strings.Cut(s, "@")
	host, _, _ := strings.Cut(path, "/")
	return ok && strings.Contains(host, ".") && isRelative(path) && isImport(path) && isGoVersion(version)
}

// isImport holds the characters of import paths (Go modules reference).
func isImport(s string) bool {
	return only(s, lower+upper+digits+"-._~/+") && !strings.HasPrefix(s, "-")
}

// isGoVersion holds a module's exact version: v1.2.3, with pre-release or
// +incompatible, or a pseudo-version. What it means is for the go command.
func isGoVersion(s string) bool {
	rest, ok := strings.CutPrefix(s, "v")
	return ok && len(s) <= 128 && strings.Count(rest, ".") >= 2 && only(rest, lower+upper+digits+".-+") && only(rest[:1], digits)
}

// IsToolchain reports whether s is the name of a Go release: go1.26.8, go1.27.0. A toolchain
// that somebody built or patched has a name of another form.
func IsToolchain(s string) bool {
	rest, ok := strings.CutPrefix(s, "go1.")
	for part := range strings.SplitSeq(rest, ".") {
		ok = ok && isNumber(part, 999)
	}
	return ok && strings.Count(rest, ".") <= 1
}

// programs demands exactly the packages that the spec names.
func (c lockChecker) programs() {
	l := c.lock
	want := l.Spec.ProgramPackages()
	c.want((l.Go != nil) == (len(want) > 0), "go", "the spec and its lock do not agree on whether there are Go programs")
	if l.Go == nil {
		return
	}
	c.want(IsToolchain(l.Go.Toolchain), "go.toolchain", "toolchain is %s, want a Go release such as go1.26.8", quoted(l.Go.Toolchain))
	var have []string
	for i, p := range l.Go.Programs {
		c.lockedProgram(fmt.Sprintf("go.programs[%d]", i), p)
		have = append(have, p.Package)
	}
	c.want(slices.Equal(have, want), "go.programs", "found %s, want what the spec names: %s", quoted(strings.Join(have, " ")), quoted(strings.Join(want, " ")))
}

func (c lockChecker) lockedProgram(at string, p LockedProgram) {
	c.want(isImport(p.Import) && isRelative(p.Import), at+".import", "import is %s, want an import path", quoted(p.Import))
	c.want(isImport(p.Module.Path) && isRelative(p.Module.Path), at+".module.path", "path is %s, want the path of a module", quoted(p.Module.Path))
	c.want(p.Import == p.Module.Path || strings.HasPrefix(p.Import, p.Module.Path+"/"), at+".import", "import %s is not in the module %s", quoted(p.Import), quoted(p.Module.Path))
	if path, version, remote := strings.Cut(p.Package, "@"); remote {
		c.want(p.Import == path, at+".import", "import is %s, and the package is %s", quoted(p.Import), quoted(p.Package))
		c.want(p.Module.Version == version, at+".module.version", "version is %s, and the package is %s", quoted(p.Module.Version), quoted(p.Package))
		c.module(at+".module", p.Module)
	} else {
		c.want(p.Module.Version == "" && p.Module.Sum == "", at+".module", "a local module has neither version nor sum")
	}
	for i, m := range p.Modules {
		at := fmt.Sprintf("%s.modules[%d]", at, i)
		c.module(at, m)
		c.want(i == 0 || p.Modules[i-1].Path < m.Path, at, "the modules are not sorted, or not distinct")
	}
}

func (c lockChecker) module(at string, m Module) {
	c.want(isImport(m.Path) && isRelative(m.Path), at+".path", "path is %s, want the path of a module", quoted(m.Path))
	c.want(isGoVersion(m.Version), at+".version", "version is %s, want one such as v1.2.3", quoted(m.Version))
	sum, ok := strings.CutPrefix(m.Sum, "h1:")
	c.want(ok && len(sum) == 44 && only(sum, lower+upper+digits+"+/="), at+".sum", "sum is %s, want h1: and 44 characters", quoted(m.Sum))
}
