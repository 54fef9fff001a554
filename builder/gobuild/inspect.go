package gobuild

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/basal-project/basal/builder"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

// Lock returns what a lock says of a spec's programs on its platforms. It
// downloads modules, from where the user's settings say, and checks them against
// go.sum and the checksum database. Faults of a program are errors with exit code
// 2. The programs are those of the first of Options.Folders.
func (t *Tool) Lock(ctx context.Context, programs []specs.Program, platforms []specs.Platform) (*specs.LockedGo, error) {
	if len(programs) == 0 {
		return nil, nil
	}
	tool, err := t.wanted(ctx)
	if err != nil {
		return nil, err
	}
	byPackage := map[string]*inspection{}
	for _, p := range programs {
		in, ok := byPackage[p.Package]
		if !ok {
			if in, err = t.inspection(ctx, tool, p.Package, platforms[0]); err != nil {
				return nil, err
			}
			byPackage[p.Package] = in
		}
		for _, platform := range platforms {
			if err := in.add(ctx, p.Tags, platform); err != nil {
				return nil, err
			}
		}
	}
	lock := &specs.LockedGo{Toolchain: tool.version}
	for _, pkg := range slices.Sorted(maps.Keys(byPackage)) {
		in := byPackage[pkg]
		locked := specs.LockedProgram{Package: pkg, Import: in.path, Module: in.module}
		for _, path := range slices.Sorted(maps.Keys(in.linked)) {
			locked.Modules = append(locked.Modules, in.linked[path])
		}
		lock.Programs = append(lock.Programs, locked)
	}
	return lock, nil
}

// inspection is what is found out about a package.
type inspection struct {
	t        *Tool
	tool     toolchain
	pkg      string // as the spec writes it
	path     string // its import path
	dir      string // where go list runs
	local    *localModule
	env      []string
	platform specs.Platform // for what is the same on all of them
	module   specs.Module
	found    specs.Module // the published module as it was downloaded
	linked   map[string]specs.Module
	seen     []string // platforms and tags that were looked at
}

// inspection prepares go list: in a local module, or in one that is made to
// require the published one.
func (t *Tool) inspection(ctx context.Context, tool toolchain, pkg string, p specs.Platform) (*inspection, error) {
	in := &inspection{t: t, tool: tool, pkg: pkg, platform: p, linked: map[string]specs.Module{}, env: t.lockEnv()}
	if isLocal(pkg) {
		m, err := t.local(pkg, 0)
		if err != nil {
			return nil, err
		}
		in.dir, in.path, in.local = m.pkgDir, m.pkgPath, &m
		in.module = specs.Module{Path: m.path}
	} else if err := in.require(ctx); err != nil {
		return nil, err
	}
	return in, in.qualify(ctx)
}

// lockEnv is the environment in which modules are looked for.
func (t *Tool) lockEnv() []string {
	if !t.opt.Offline {
		return t.env.network()
	}
	return []string{"GOPROXY=" + t.localProxies(), "GOSUMDB=off"}
}

// localProxies returns where modules can be found without a network.
func (t *Tool) localProxies() string {
	list := fileProxy(filepath.Join(t.env.modules, "cache", "download"))
	if t.opt.Inputs != "" {
		list += "," + fileProxy(filepath.Join(t.opt.Inputs, folderName))
	}
	return list
}

// wrap makes a module of our own that requires the published one, if require is
// its path and version.
func (in *inspection) wrap(require string) error {
	var err error
	if in.dir, err = in.t.private(); err != nil {
		return err
	}
	text := "module basal.invalid/program\n\ngo " + strings.TrimPrefix(in.tool.version, "go") + "\n"
	if require != "" {
		text += "\nrequire " + require + "\n"
	}
	return os.WriteFile(filepath.Join(in.dir, "go.mod"), []byte(text), 0o644)
}

// require finds the module of a published package. What that module replaces or
// excludes is nothing to those that require it; go install, which must not differ
// from what its author compiled, refuses such a module, and so does this.
func (in *inspection) require(ctx context.Context) error {
	path, version, _ := strings.Cut(in.pkg, "@")
	in.path = path
	if err := in.wrap(""); err != nil {
		return err
	}
	get := call{tool: in.tool, dir: in.dir, platform: in.platform, args: []string{"get", in.pkg}, env: in.env, heard: in.t.noteRetracted}
	if _, err := in.t.output(ctx, get); err != nil {
		return in.fault(ctx, err, nil, in.platform)
	}
	out, err := in.run(ctx, in.platform, "list", "-mod=mod", "-json=Module", path)
	if err != nil {
		return in.fault(ctx, err, nil, in.platform)
	}
	var found listed
	if err := json.Unmarshal(out, &found); err != nil || found.Module == nil {
		return diag.Usagef("Go package %s: the go command does not say what module it is in", in.pkg)
	}
	m := found.Module
	if m.Version != version {
		return diag.Usagef("Go package %s: that is version %s of %s", in.pkg, m.Version, m.Path).WithHint("write %s@%s", path, m.Version)
	}
	in.module = specs.Module{Path: m.Path, Version: m.Version, Sum: m.Sum}
	f, err := parseModFile(m.GoMod)
	if err != nil {
		return diag.Usagef("Go package %s: %w", in.pkg, err)
	}
	if len(f.Replace) > 0 || len(f.Exclude) > 0 {
		return diag.Usagef("Go package %s: its go.mod has replace or exclude directives, which count only where it is developed", in.pkg).
			WithHint("go install refuses it, too: clone it beside the spec and name its folder")
	}
	return nil
}

// noteRetracted passes on that the author of a module has taken a version back.
// It is no fault: what is locked is locked.
func (t *Tool) noteRetracted(said string) {
	for line := range strings.Lines(said) {
		if t.opt.Note != nil && strings.Contains(line, "retracted by module author") {
			t.opt.Note(strings.TrimPrefix(strings.TrimSpace(line), "warning: "))
		}
	}
}

// listed is what go list says of a package.
type listed struct {
	ImportPath string
	Name       string
	Standard   bool
	GoFiles    []string
	CgoFiles   []string
	Module     *listedModule
}

type listedModule struct {
	Path, Version, Sum, GoMod string
	Main                      bool
	Replace                   *listedModule
}

func (in *inspection) run(ctx context.Context, p specs.Platform, args ...string) ([]byte, error) {
	return in.t.output(ctx, call{tool: in.tool, dir: in.dir, platform: p, args: args, env: in.env})
}

// list runs go list for a package and all that it is linked with.
func (in *inspection) list(ctx context.Context, tags []string, p specs.Platform, more ...string) ([]listed, error) {
	mode := "-mod=readonly"
	if in.local == nil {
		mode = "-mod=mod" // the wrapper's go.mod and go.sum are ours
	}
	args := append([]string{"list", "-deps", mode, "-tags=" + strings.Join(tags, ","), "-json=ImportPath,Name,Standard,GoFiles,CgoFiles,Module"}, more...)
	out, err := in.run(ctx, p, append(args, in.path)...)
	if err != nil {
		return nil, err
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listed
		if err := d.Decode(&l); err == io.EOF {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
}

// add takes the modules of the package on one platform, with one set of tags.
func (in *inspection) add(ctx context.Context, tags []string, p specs.Platform) error {
	key := p.String() + " " + strings.Join(tags, ",")
	if slices.Contains(in.seen, key) {
		return nil
	}
	in.seen = append(in.seen, key)
	packages, err := in.list(ctx, tags, p)
	if err != nil {
		return in.fault(ctx, err, tags, p)
	}
	for _, l := range packages {
		m := l.Module
		switch {
		case l.ImportPath == in.path && l.Name != "main":
			return diag.Usagef("Go package %s is package %s, want package main", in.pkg, l.Name).WithHint("name the folder of the program")
		case l.ImportPath == in.path && len(l.GoFiles) == 0:
			return diag.Usagef("Go package %s has no Go files but tests on %s", in.pkg, p).WithHint("name the folder of the program")
		case m == nil || m.Main:
			continue
		case m.Path == in.module.Path && m.Replace == nil:
			in.found = specs.Module{Path: m.Path, Version: m.Version, Sum: m.Sum}
			continue
		case m.Replace != nil:
			return diag.Usagef("Go package %s: go.mod replaces %s, which it is linked with, by %s", in.pkg, m.Path, m.Replace.Path).
				WithHint("require %s itself; a lock cannot name what stands for it", m.Path)
		case m.Sum == "":
			return diag.Usagef("Go package %s: go.sum has no sum of %s %s", in.pkg, m.Path, m.Version).WithHint("run go mod tidy in its module")
		}
		in.linked[m.Path] = specs.Module{Path: m.Path, Version: m.Version, Sum: m.Sum}
	}
	return nil
}

// fault says what is wrong with a package that go list cannot follow.
func (in *inspection) fault(ctx context.Context, err error, tags []string, p specs.Platform) error {
	var said *commandError
	if !errors.As(err, &said) {
		return err
	}
	if err := newerGo(in.pkg, in.tool.version, said.text); err != nil {
		return err
	}
	if in.t.opt.Offline && strings.Contains(said.text, "reading file:") || strings.Contains(said.text, "module lookup disabled") {
		return diag.Unavailablef("Go package %s: a module is neither in the module cache nor in an offline folder:%s", in.pkg, indent(said)).
			WithHint("run `basal fetch` while there is a network")
	}
	if text, _, ok := strings.Cut(said.text, "SECURITY ERROR"); ok || strings.Contains(text, "checksum mismatch") {
		return otherBytes("Go package %s:%s", in.pkg, indent(errors.New(strings.TrimSpace(text))))
	}
	if strings.Contains(said.text, "refusing to pass credentials") {
		return diag.Usagef("Go package %s:%s", in.pkg, indent(said)).WithHint("a password in GOPROXY is sent over https only: change the address, or take the password out")
	}
	if unreachable(said.text) {
		return diag.Unavailablef("Go package %s:%s", in.pkg, indent(said)).WithHint("check the network, and GOPROXY")
	}
	if strings.Contains(said.text, "is not `package main`") {
		return diag.Usagef("Go package %s is not package main", in.pkg).WithHint("name the folder of the program")
	}
	if names := in.cgo(ctx, tags, p); len(names) > 0 {
		return diag.Usagef("Go package %s cannot do without cgo, which %s needs:%s", in.pkg, strings.Join(names, ", "), indent(said)).
			WithHint("Basal makes static programs, with cgo off: choose a package in pure Go, perhaps by tags")
	}
	hint := "go list finds the same; go mod tidy mends go.mod and go.sum"
	if in.local == nil {
		hint = "check the import path and the version"
	}
	return diag.Usagef("Go package %s:%s", in.pkg, indent(said)).WithHint("%s", hint)
}

// unreachable reports whether a message of the go command is about the network.
func unreachable(text string) bool {
	return slices.ContainsFunc([]string{
		"dial tcp", "no such host", "i/o timeout", "connection re", "TLS handshake", "x509:", "unexpected EOF",
		": 429 ", ": 500 ", ": 502 ", ": 503 ", ": 504 ",
	}, func(s string) bool { return strings.Contains(text, s) })
}

// cgo returns the packages that have files for cgo, of a package that does not
// do without.
func (in *inspection) cgo(ctx context.Context, tags []string, p specs.Platform) []string {
	withCgo := *in
	withCgo.env = append(slices.Clone(in.env), "CGO_ENABLED=1")
	packages, err := withCgo.list(ctx, tags, p, "-e")
	if err != nil {
		return nil
	}
	var names []string
	for _, l := range packages {
		if !l.Standard && len(l.CgoFiles) > 0 {
			names = append(names, l.ImportPath)
		}
	}
	return names
}

// needsCgo is cgo for a program that does not compile.
func (t *Tool) needsCgo(ctx context.Context, j job) []string {
	in, err := t.following(j)
	if err != nil {
		return nil
	}
	return in.cgo(ctx, j.Tags, j.Platform)
}

// following returns an inspection of a locked program that uses no network.
func (t *Tool) following(j job) (*inspection, error) {
	in := &inspection{
		t: t, tool: j.tool, pkg: j.Package, path: j.Locked.Import, local: j.local, module: j.Locked.Module,
		platform: j.Platform, linked: map[string]specs.Module{}, env: []string{"GOPROXY=" + t.localProxies()},
	}
	if j.local != nil {
		in.dir = j.local.pkgDir
		return in, nil
	}
	if err := in.wrap(j.Locked.Module.Path + " " + j.Locked.Module.Version); err != nil {
		return nil, err
	}
	return in, in.writeSums(j.published())
}

// writeSums gives the wrapper a go.sum: the go command refuses other bytes then
// before it puts them into the module cache.
func (in *inspection) writeSums(modules []specs.Module) error {
	var b strings.Builder
	for _, m := range modules {
		b.WriteString(m.Path + " " + m.Version + " " + m.Sum + "\n")
	}
	return os.WriteFile(filepath.Join(in.dir, "go.sum"), []byte(b.String()), 0o644)
}

var _ builder.Compiler = (*Tool)(nil)
