package gobuild

import (
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"runtime/debug"
	"slices"

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
	if fault := j.compare(info); fault != "" {
		return diag.Usagef("Go package %s: %s", j.Package, fault).WithHint("%s", lockAgain)
	}
	if fault := static(b, j.Platform); fault != "" {
		return diag.Usagef("Go package %s: the program %s", j.Package, fault).WithHint("Basal makes static programs for the platforms of the spec")
	}
	return nil
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
	for _, want := range []debug.BuildSetting{{Key: "CGO_ENABLED", Value: "0"}, {Key: "-trimpath", Value: "true"}, {Key: "-compiler", Value: "gc"}, {Key: "-buildmode", Value: "exe"}} {
		if !slices.Contains(info.Settings, want) {
			return fmt.Sprintf("it was not compiled with %s=%s", want.Key, want.Value)
		}
	}
	return ""
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
