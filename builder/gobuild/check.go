package gobuild

import (
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/basal-project/basal/builder"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

// check holds a binary against the lock: by what the go command has written into
// it of how and of what it was made, and by the header that the kernel reads.
func (j job) check(b builder.Binary) error {
	info, err := buildinfo.Read(b.Content.Reader())
	if err != nil {
		return diag.Failedf("Go package %s: the program says nothing of its build: %w", j.Package, err)
	}
	if err := j.compareSums(info); err != nil {
		return err
	}
	if fault := j.compareSettings(info.Settings); fault != "" {
		return diag.Usagef("Go package %s: %s", j.Package, fault).WithHint("look at the file go.env of the Go release: it decides where nobody else does")
	}
	if fault := j.compare(info); fault != "" {
		return diag.Usagef("Go package %s: %s", j.Package, fault).WithHint("%s", lockAgain)
	}
	if fault := static(b, j.Platform); fault != "" {
		return diag.Usagef("Go package %s: the program %s", j.Package, fault).WithHint("Basal makes static programs for the platforms of the spec")
	}
	return nil
}

// compareSums refuses a module that has other bytes than the lock's of the same
// version: that is no change to accept.
func (j job) compareSums(info *buildinfo.BuildInfo) error {
	for _, part := range append([]*debug.Module{&info.Main}, info.Deps...) {
		if err := j.sameBytes(moduleOf(part)); err != nil {
			return err
		}
	}
	return nil
}

// sameBytes holds a module against the one of its path and version in the lock.
func (j job) sameBytes(m specs.Module) error {
	for _, o := range append([]specs.Module{j.Locked.Module}, j.Locked.Modules...) {
		if o.Path == m.Path && o.Version == m.Version && o.Sum != m.Sum {
			return otherBytes("Go package %s: got %s, and the lock says %s", j.Package, describe(m), describe(o))
		}
	}
	return nil
}

// otherBytes is the error of a module that somebody has changed.
func otherBytes(format string, args ...any) error {
	return diag.Failedf(format, args...).WithHint("these are other bytes than were locked or than go.sum names: look at GOPROXY, the module cache and the offline folder; do not work around this")
}

// compare returns the first thing that a binary says otherwise than the lock.
func (j job) compare(info *buildinfo.BuildInfo) string {
	if info.GoVersion != j.Toolchain {
		return fmt.Sprintf("it was compiled with %s, and the lock's toolchain is %s", info.GoVersion, j.Toolchain)
	}
	main := moduleOf(&info.Main)
	if main.Version == "(devel)" {
		main.Version = ""
	}
	if info.Path != j.Locked.Import || main != j.Locked.Module || info.Main.Replace != nil {
		return fmt.Sprintf("it is %s of %s, and the lock says %s of %s", info.Path, describe(main), j.Locked.Import, describe(j.Locked.Module))
	}
	for _, dep := range info.Deps {
		m := moduleOf(dep)
		if dep.Replace != nil {
			return fmt.Sprintf("module %s is replaced by another", m.Path)
		}
		if !slices.Contains(j.Locked.Modules, m) {
			return fmt.Sprintf("it is linked with %s, which the lock does not have", describe(m))
		}
	}
	return ""
}

// compareSettings returns the first setting that is not the job's. What the
// source itself decides is free: GODEBUG lines and a profile. With -trimpath the
// go command does not write down -ldflags.
func (j job) compareSettings(settings []debug.BuildSetting) string {
	want := map[string]string{
		"-buildmode": "exe", "-compiler": "gc", "-trimpath": "true", "CGO_ENABLED": "0",
		"GOOS": j.Platform.OS, "GOARCH": j.Platform.Arch,
	}
	if len(j.Tags) > 0 {
		want["-tags"] = strings.Join(j.Tags, ",")
	}
	level := levels[j.Platform.Arch]
	if level != "" {
		want[level] = assigned(places{}.environ(j.Platform), level)
	}
	for _, s := range settings {
		if s.Key == "DefaultGODEBUG" || s.Key == "-pgo" {
			continue
		}
		if value, ok := want[s.Key]; !ok || value != s.Value {
			return fmt.Sprintf("it was compiled with %s=%s, which neither the spec nor Basal asks for", s.Key, s.Value)
		}
		delete(want, s.Key)
	}
	delete(want, level) // not all releases know all of them
	for _, key := range slices.Sorted(maps.Keys(want)) {
		return fmt.Sprintf("it was not compiled with %s=%s", key, want[key])
	}
	return ""
}

// levels are the settings that hold the feature levels of processors.
var levels = map[string]string{
	"amd64": "GOAMD64", "arm64": "GOARM64", "arm": "GOARM", "386": "GO386", "ppc64le": "GOPPC64", "riscv64": "GORISCV64",
}

// assigned returns the value that an environment gives to a name.
func assigned(env []string, name string) string {
	value := ""
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			value = v
		}
	}
	return value
}

func moduleOf(m *debug.Module) specs.Module {
	return specs.Module{Path: m.Path, Version: m.Version, Sum: m.Sum}
}

func describe(m specs.Module) string {
	if m.Version == "" {
		return m.Path
	}
	return m.Path + " " + m.Version + " (" + m.Sum + ")"
}

// machines are the processors of ELF headers.
var machines = map[string]elf.Machine{
	"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "arm": elf.EM_ARM, "386": elf.EM_386,
	"ppc64le": elf.EM_PPC64, "riscv64": elf.EM_RISCV, "s390x": elf.EM_S390,
}

// static returns what keeps a binary from running alone on p.
func static(b builder.Binary, p specs.Platform) string {
	f, err := elf.NewFile(b.Content.Reader())
	if err != nil {
		return "is no ELF file: " + err.Error()
	}
	want, ok := machines[p.Arch]
	if !ok || f.Machine != want || f.Type != elf.ET_EXEC {
		return fmt.Sprintf("is %s %s, want an executable for %s", f.Machine, f.Type, p)
	}
	if slices.ContainsFunc(f.Progs, func(s *elf.Prog) bool { return s.Type == elf.PT_INTERP }) {
		return "wants a dynamic linker"
	}
	if libraries, err := f.ImportedLibraries(); err == nil && len(libraries) > 0 {
		return "wants the library " + libraries[0]
	}
	return ""
}
