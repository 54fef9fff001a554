package starter

import (
	"fmt"
	"path"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

// koFile is what a .ko.yaml can say, in the keys of ko 0.18 (pkg/build.Config and
// pkg/commands/options). To import ko's own types for these few lines would double
// the size and the start-up time of the program: its package for them brings a
// builder and much of cosign along.
type koFile struct {
	Builds         []koBuild `yaml:"builds"`
	DefaultFlags   words     `yaml:"defaultFlags"`
	DefaultLdflags words     `yaml:"defaultLdflags"`
	DefaultEnv     words     `yaml:"defaultEnv"`
	BaseImage      string    `yaml:"defaultBaseImage"`
	Platforms      words     `yaml:"defaultPlatforms"`

	Overrides map[string]string `yaml:"baseImageOverrides"`
}

type koBuild struct {
	ID      string `yaml:"id"`
	Dir     string `yaml:"dir"`
	Main    string `yaml:"main"`
	Ldflags words  `yaml:"ldflags"`
	Flags   words  `yaml:"flags"`
	Env     words  `yaml:"env"`

	Capabilities words `yaml:"linux_capabilities"`
}

// words is a list of text, or one text that stands for a list of itself.
type words []string

// UnmarshalYAML implements yaml.InterfaceUnmarshaler.
func (w *words) UnmarshalYAML(unmarshal func(any) error) error {
	var list []string
	if unmarshal(&list) == nil {
		*w = list
		return nil
	}
	var one string
	err := unmarshal(&one)
	*w = words{one}
	return err
}

const (
	maxKo     = 1 << 20 // bytes of a .ko.yaml
	maxBuilds = 100
)

// FromKo returns the builds of a .ko.yaml as programs, and says what of them
// cannot be carried over. Folders of the builds are those below the file's.
func FromKo(file string, b []byte) (programs []Program, notes []string, err error) {
	var f koFile
	if len(b) > maxKo {
		return nil, nil, diag.Usagef("%s has more than %d bytes", file, maxKo)
	}
	if err := yaml.Unmarshal(b, &f); err != nil {
		return nil, nil, diag.Usagef("%s: %s", file, strings.TrimSpace(yaml.FormatError(err, false, false)))
	}
	if len(f.Builds) > maxBuilds {
		return nil, nil, diag.Usagef("%s has %d builds, more than %d", file, len(f.Builds), maxBuilds)
	}
	left := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	for i, build := range f.Builds {
		c := carrier{id: build.ID, left: left}
		if c.id == "" {
			c.id = fmt.Sprintf("#%d", i)
		}
		// The defaults are for builds that have nothing of their own.
		p, ok := c.build(build, or(build.Ldflags, f.DefaultLdflags), or(build.Flags, f.DefaultFlags), or(build.Env, f.DefaultEnv))
		if !ok {
			continue
		}
		for _, other := range programs {
			if other.Path == p.Path && ok {
				left("build %s is left out: another one is at %s already", c.id, p.Path)
				ok = false
			}
		}
		if ok {
			programs = append(programs, p)
		}
	}
	if f.BaseImage != "" {
		left("defaultBaseImage %s is not carried over: --from takes a base", f.BaseImage)
	}
	if len(f.Overrides) > 0 {
		left("baseImageOverrides are not carried over: an image has one base")
	}
	if len(f.Platforms) > 0 {
		left("defaultPlatforms %s are not carried over: --platform takes them", strings.Join(f.Platforms, ", "))
	}
	return programs, notes, nil
}

func or(own, standard words) words {
	if len(own) > 0 {
		return own
	}
	return standard
}

// carrier carries one build over.
type carrier struct {
	id   string
	left func(format string, args ...any)
}

func (c carrier) build(b koBuild, ldflags, flags, env words) (Program, bool) {
	pkg, ok := packageOf(b.Dir, b.Main)
	if !ok {
		c.left("build %s is left out: its dir %q and main %q are no folder beside the file", c.id, b.Dir, b.Main)
		return Program{}, false
	}
	p := Program{Program: specs.Program{Package: pkg, Path: PathOf(pkg, c.name(b.ID))}}
	if b.ID != "" {
		p.Comment = "build " + b.ID + " of .ko.yaml"
	}
	p.Ldflags = c.ldflags(ldflags)
	p.Tags = c.tags(flags)
	for _, e := range env {
		if e != "CGO_ENABLED=0" { // Basal always says so
			c.left("build %s: env %s is not carried over: a build has the same environment everywhere", c.id, e)
		}
	}
	if len(b.Capabilities) > 0 {
		c.left("build %s: linux_capabilities are not carried over", c.id)
	}
	return p, true
}

// name is what a program is called whose folder has no name.
func (c carrier) name(id string) string {
	if id == "" || strings.Trim(id, pathCharacters) != "" || strings.HasPrefix(id, ".") {
		return "app"
	}
	return id
}

// packageOf returns the package of a build: ko's main is a folder below dir, or a
// file in it.
func packageOf(dir, main string) (string, bool) {
	if strings.HasSuffix(main, ".go") {
		main = path.Dir(main)
	}
	pkg := path.Join(".", dir, main)
	if path.IsAbs(dir) || path.IsAbs(main) || strings.Contains(pkg, "...") || strings.Trim(pkg, pathCharacters+"/~+") != "" {
		return "", false
	}
	return Local(pkg), true
}

const pathCharacters = tagCharacters + "-"

// Local writes a clean relative path as a local package.
func Local(clean string) string {
	if clean == "." || clean == ".." || strings.HasPrefix(clean, "../") {
		return clean
	}
	return "./" + clean
}

// PathOf returns where a program stands in an image: it is called like the last
// step of its package that is a name, and else name.
func PathOf(pkg, name string) string {
	pkg, _, _ = strings.Cut(pkg, "@")
	last := path.Base(pkg)
	if major, ok := strings.CutPrefix(last, "v"); ok && major != "" && strings.Trim(major, "0123456789") == "" {
		last = path.Base(path.Dir(pkg))
	}
	if last == "." || last == ".." || last == "/" {
		last = name
	}
	return "/usr/bin/" + last
}
