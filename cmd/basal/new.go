package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/basal-project/basal/images"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
	"github.com/basal-project/basal/specs/starter"
)

// newFlags are the options of basal new.
type newFlags struct {
	name      string
	from      string
	extends   string
	programs  []string
	platforms []string
}

const koName = ".ko.yaml"

func newNew() *cobra.Command {
	var f newFlags
	cmd := &cobra.Command{
		Use:   "new DIR",
		Short: "Write a commented image.yaml for an image of your own",
		Long: `New writes DIR/image.yaml. It is ready to be locked and built, and shows every
section of the language; those that are not used yet are commented out. A file
that is there already is never touched.

Without --from or --extends the image stands on static. Folders are seen from
here, as usual; one of --go that is not here may be in DIR.

If DIR has a .ko.yaml, its builds become Go programs. What of them cannot be
carried over is said.`,
		Example: `  basal new hello
  basal new . --go ./cmd/server
  basal new app --from registry.example/team/base:1 --platform linux/amd64`,
		Args: arguments(1, 1, "one DIR"),
		RunE: func(cmd *cobra.Command, args []string) error { return runNew(cmd, args[0], f) },
	}
	cmd.Flags().StringVar(&f.name, "name", "", "the image's `name` (default that of the folder)")
	cmd.Flags().StringVar(&f.from, "from", "", "stand on a published image, `REPOSITORY` with a tag or digest")
	cmd.Flags().StringVar(&f.extends, "extends", "", "stand on an embedded `image`, or on the spec in a folder that begins with . or /")
	cmd.Flags().StringArrayVar(&f.programs, "go", nil, "put in this Go program, a `package`: ./cmd/server, or an import path with @version; may be repeated")
	cmd.Flags().StringSliceVar(&f.platforms, "platform", nil, "build for this `platform`; may be repeated (default linux/amd64 and linux/arm64)")
	return cmd
}

func runNew(cmd *cobra.Command, dir string, f newFlags) error {
	if dir == "" {
		return diag.Usagef("DIR is empty").WithHint("basal new . writes the spec here")
	}
	file := filepath.Join(dir, specName)
	if exists(file) {
		return alreadyThere(file)
	}
	opt, notes, err := f.options(dir)
	if err != nil {
		return err
	}
	b, err := starter.Spec(file, opt)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return diag.Usagef("%w", err)
	}
	if err := createFile(file, b); err != nil {
		return err
	}
	for _, n := range notes {
		note(cmd.ErrOrStderr(), "%s", n)
	}
	note(cmd.ErrOrStderr(), "next: basal lock %s", typed(dir))
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", diag.Printable(file))
	return err
}

func alreadyThere(file string) error {
	return diag.Usagef("%s is there already, and stays as it is", file).WithHint("name another folder, or move the file away")
}

// createFile writes a file that must not be there yet.
func createFile(name string, content []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return alreadyThere(name)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = cmp.Or(err, f.Close()); err != nil {
		os.Remove(name) // it is ours, and half of it is no spec
	}
	return err
}

// options finds out what the spec begins with, and what is to be said of that.
func (f newFlags) options(dir string) (opt starter.Options, notes []string, err error) {
	if opt.Name, err = f.imageName(dir); err != nil {
		return opt, nil, err
	}
	if opt.Platforms, err = parsePlatforms(f.platforms); err != nil {
		return opt, nil, err
	}
	if f.from != "" && f.extends != "" {
		return opt, nil, diag.Usagef("--from and --extends: an image stands on one of them").WithHint("choose one")
	}
	if opt.From = f.from; opt.From != "" {
		if _, err := specs.ParseFrom(opt.From); err != nil {
			return opt, nil, diag.Usagef("--from: %w", err)
		}
	} else if err := f.parent(dir, &opt); err != nil {
		return opt, nil, err
	}
	if len(opt.Platforms) == 0 {
		opt.Platforms = usualPlatforms()
	}
	opt.Programs, notes, err = f.goPrograms(dir, opt.Name)
	return opt, notes, err
}

func usualPlatforms() []specs.Platform {
	return []specs.Platform{{OS: "linux", Arch: "amd64"}, {OS: "linux", Arch: "arm64", Variant: "v8"}}
}

// imageName returns the name of the image: that of its folder, as far as it can be
// one.
func (f newFlags) imageName(dir string) (string, error) {
	if f.name != "" {
		return f.name, nil
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	words := strings.FieldsFunc(strings.ToLower(filepath.Base(abs)), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	return cmp.Or(strings.Join(words, "-"), "image"), nil
}

// parent finds the spec that the new one extends, and takes the usual platforms as
// far as the parent has them.
func (f newFlags) parent(dir string, opt *starter.Options) error {
	opt.Extends = cmp.Or(f.extends, "static")
	var folder imageFolder
	if strings.HasPrefix(opt.Extends, ".") || filepath.IsAbs(opt.Extends) {
		var ok bool
		if folder, ok = openFolder(opt.Extends); !ok {
			return diag.Usagef("--extends: no %s in %s", specName, opt.Extends)
		}
		var err error
		if opt.Extends, err = seenFrom(dir, opt.Extends); err != nil {
			return err
		}
	} else {
		embedded, ok := images.Open(opt.Extends)
		if !ok {
			return diag.Usagef("--extends: no embedded image has the name %q", opt.Extends).
				WithHint("there are %s; a folder begins with . or /", strings.Join(images.Names(), ", "))
		}
		folder = imageFolder{files: embedded, place: "embedded " + opt.Extends}
	}
	spec, err := folder.spec()
	if err != nil {
		return err
	}
	if len(opt.Platforms) > 0 {
		return nil // said by the user; basal lock says if the parent lacks one
	}
	for _, p := range usualPlatforms() {
		if slices.Contains(spec.Platforms, p) {
			opt.Platforms = append(opt.Platforms, p)
		}
	}
	if len(opt.Platforms) == 0 {
		opt.Platforms = spec.Platforms
	}
	return nil
}

// seenFrom writes the path to target as it is seen from the folder dir.
func seenFrom(dir, target string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if target, err = filepath.Abs(target); err != nil {
		return "", err
	}
	rel, err := filepath.Rel(abs, target)
	return starter.Local(filepath.ToSlash(rel)), err
}

// goPrograms returns the programs that --go names, or else those of a .ko.yaml.
func (f newFlags) goPrograms(dir, name string) (list []starter.Program, notes []string, err error) {
	for _, pkg := range f.programs {
		if pkg, err = localProgram(dir, pkg); err != nil {
			return nil, nil, err
		}
		list = append(list, starter.Program{Program: specs.Program{
			Package: pkg, Path: starter.PathOf(pkg, name), Ldflags: []string{"-s", "-w"},
		}})
	}
	ko := filepath.Join(dir, koName)
	if !exists(ko) {
		return list, nil, nil
	}
	if len(list) > 0 {
		return list, []string{ko + " is not read, since --go says what there is"}, nil
	}
	b, err := readCapped(os.DirFS(dir), koName, maxDocument)
	if err != nil {
		return nil, nil, err
	}
	return starter.FromKo(ko, b)
}

// localProgram returns a package as the spec in dir writes it.
func localProgram(dir, pkg string) (string, error) {
	if strings.Contains(pkg, "@") {
		return pkg, nil
	}
	local := strings.HasPrefix(pkg, ".") || filepath.IsAbs(pkg)
	for _, from := range []string{"", dir} {
		at := pkg
		if !filepath.IsAbs(pkg) {
			at = filepath.Join(from, pkg)
		}
		if info, err := os.Stat(at); local && err == nil && info.IsDir() {
			return seenFrom(dir, at)
		}
	}
	err := diag.Usagef("--go: %s is no folder, and no import path with @version", pkg)
	if !local {
		return "", err.WithHint("a folder begins with . or /, as in ./%s; a version is written as in %[1]s@v1.2.3", pkg)
	}
	return "", err
}
