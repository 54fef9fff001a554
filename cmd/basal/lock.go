package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/basal-project/basal/builder/fetch"
	"github.com/basal-project/basal/builder/locking"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

// lockFlags are the options of basal lock.
type lockFlags struct {
	sourceFlags
	platforms    []string
	addMissing   bool
	verify       bool
	check        bool
	allowExpired bool
	allowOlder   bool
	json         bool
}

func newLock() *cobra.Command {
	var f lockFlags
	cmd := &cobra.Command{
		Use:   "lock IMAGE...",
		Short: "Resolve a spec and verify the archive's signatures",
		Long: `Lock decides what goes into an image, and writes lock.json beside image.yaml: it
verifies the signature of each InRelease file, follows it to the Packages files
and the packages, checks their dependencies and maintainer scripts, and pins
every local file. It says what changed, package by package; when nothing did,
the file keeps every byte.

With --verify it checks an existing lock again, offline, from the release files
in the cache.`,
		Example: `  basal lock images/static
  basal lock images/static --platform linux/riscv64
  basal lock images/static --verify`,
		Args: arguments(1, -1, "at least one IMAGE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.combine(cmd); err != nil {
				return err
			}
			for _, arg := range args {
				if err := runLock(cmd, arg, f); err != nil {
					return err
				}
			}
			return nil
		},
	}
	f.sourceFlags.add(cmd)
	cmd.Flags().StringSliceVar(&f.platforms, "platform", nil, "lock only this `platform` anew, the others stay as they are; may be repeated")
	cmd.Flags().BoolVar(&f.addMissing, "add-missing", false, "write the packages that unmet dependencies need into image.yaml")
	cmd.Flags().BoolVar(&f.verify, "verify", false, "check the lock against the signed release files in the cache, offline")
	cmd.Flags().BoolVar(&f.check, "check", false, "write nothing; fail when the lock would change")
	cmd.Flags().BoolVar(&f.allowExpired, "allow-expired", false, "accept a release file that has expired")
	cmd.Flags().BoolVar(&f.allowOlder, "allow-older", false, "accept a release file that is older than the lock's")
	asJSON(cmd, &f.json)
	return cmd
}

// combine refuses options of which one would have no effect.
func (f lockFlags) combine(cmd *cobra.Command) error {
	if f.check && f.addMissing {
		return diag.Usagef("--check writes nothing, and --add-missing writes image.yaml").WithHint("choose one of them")
	}
	if !f.verify {
		return nil
	}
	for _, name := range []string{"platform", "add-missing", "check", "allow-expired", "allow-older", "mirror"} {
		if cmd.Flags().Changed(name) {
			return diag.Usagef("--verify checks the lock that is there, and --%s has no effect on that", name).WithHint("choose one of them")
		}
	}
	return nil
}

func runLock(cmd *cobra.Command, arg string, f lockFlags) error {
	folder, err := findImage(arg)
	if err != nil {
		return err
	}
	if f.verify {
		return verifyLock(cmd, folder, f)
	}
	if folder.dir == "" {
		return diag.Usagef("%s is part of this program and comes with its lock", folder.place).
			WithHint("copy the image into a folder to lock it yourself")
	}
	spec, err := folder.spec()
	if err != nil {
		return err
	}
	src, err := f.open(cmd, folder.folders(spec))
	if err != nil {
		return err
	}
	defer src.close(cmd)
	req, err := lockRequest(folder, spec, f)
	if err != nil {
		return err
	}
	req.Bases, req.Scratch = src.bases, scratch
	req.Note = func(text string) { note(cmd.ErrOrStderr(), "%s", text) }
	if f.addMissing {
		if err := addMissing(cmd, folder, src, &req); err != nil {
			return err
		}
	}
	tool := src.compiler(true)
	defer tool.Close()
	req.Programs = tool
	lock, err := locking.Make(cmd.Context(), src.Client, req)
	if err != nil {
		return err
	}
	return saveLock(cmd, folder, req.Previous, lock, f)
}

// lockRequest reads what there is before locking.
func lockRequest(folder imageFolder, spec *specs.Spec, f lockFlags) (locking.Request, error) {
	req := locking.Request{
		File:               folder.file(specName),
		Spec:               spec,
		Local:              func(path string) (io.ReadCloser, error) { return openCapped(folder.files, path, fetch.MaxLocal) },
		Keyring:            folder.keyringOf,
		Now:                time.Now(),
		AllowExpiredUnsafe: f.allowExpired,
		AllowOlderUnsafe:   f.allowOlder,
	}
	var err error
	if req.Platforms, err = parsePlatforms(f.platforms); err != nil {
		return req, err
	}
	for _, p := range req.Platforms {
		if !slices.Contains(req.Spec.Platforms, p) {
			return req, diag.Usagef("--platform: %s has no platform %s", req.File, p).WithHint("add it to platforms in the spec first")
		}
	}
	if req.Previous, err = folder.lock(); err != nil {
		return req, err
	}
	if req.Spec.Extends == "" {
		return req, nil
	}
	parent, err := folder.parent(req.Spec)
	if err != nil {
		return req, err
	}
	req.Parent, err = parent.current()
	return req, err
}

// saveLock writes the lock if it changed, and says what did.
func saveLock(cmd *cobra.Command, folder imageFolder, before, after *specs.Lock, f lockFlags) error {
	b, err := after.Encode()
	if err != nil {
		return err
	}
	if err := readable(folder, b, f); err != nil {
		return err
	}
	old, err := folder.document(lockName)
	if err != nil && before != nil {
		return err
	}
	changed := !bytes.Equal(old, b)
	if changed && !f.check {
		if err := writeFile(filepath.Join(folder.dir, lockName), b, 0o644); err != nil {
			return err
		}
	}
	changes, base, modules := locking.Changes(before, after), locking.BaseChange(before, after), locking.ModuleChanges(before, after)
	if f.json {
		err = printJSON(cmd, struct {
			Lock    string                 `json:"lock"`
			Changed bool                   `json:"changed"`
			Base    *locking.Moved         `json:"base,omitempty"`
			Go      []locking.ModuleChange `json:"go,omitempty"`
			Changes []locking.Change       `json:"changes"`
		}{folder.file(lockName), changed, base, modules, changes})
	} else {
		err = printChanges(cmd.OutOrStdout(), folder.file(lockName), changed, base, modules, changes, len(after.Platforms))
	}
	if err == nil && changed && f.check {
		return diag.Failedf("%s is not current", folder.file(lockName)).WithHint("run: basal lock %s", typed(folder.place))
	}
	return err
}

// readable reports why a lock could not be read again: sections that --platform
// kept may no longer fit the spec.
func readable(folder imageFolder, b []byte, f lockFlags) error {
	_, err := specs.ParseLock(folder.file(lockName), b)
	if err == nil || len(f.platforms) == 0 {
		return err
	}
	return diag.Usagef("%s: the spec has changed, and the sections that --platform would keep do not fit it any more", folder.file(lockName)).
		WithHint("lock all platforms: basal lock %s", typed(folder.place))
}

func printChanges(w io.Writer, file string, changed bool, base *locking.Moved, modules []locking.ModuleChange, changes []locking.Change, platforms int) error {
	file = diag.Printable(file)
	if !changed {
		_, err := fmt.Fprintf(w, "%s: unchanged\n", file)
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: changed\n", file)
	if base != nil {
		b.WriteString("  " + base.String() + "\n")
	}
	for _, c := range modules {
		b.WriteString("  " + c.String() + "\n")
	}
	for _, c := range changes {
		switch {
		case c.Before == "":
			fmt.Fprintf(&b, "  + %s %s", c.Package, c.After)
		case c.After == "":
			fmt.Fprintf(&b, "  - %s %s", c.Package, c.Before)
		case c.Rebuilt:
			fmt.Fprintf(&b, "  ~ %s %s: another .deb of the same version", c.Package, c.After)
		default:
			fmt.Fprintf(&b, "  ~ %s %s -> %s", c.Package, c.Before, c.After)
		}
		if len(c.Platforms) != platforms {
			for i, p := range c.Platforms {
				b.WriteString([]string{"  (", ", "}[min(i, 1)] + p.String())
			}
			b.WriteByte(')')
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// addMissing writes what unmet dependencies need into image.yaml.
func addMissing(cmd *cobra.Command, folder imageFolder, src *source, req *locking.Request) error {
	missing, err := locking.Missing(cmd.Context(), src.Client, *req)
	if err != nil || len(missing) == 0 {
		return err
	}
	old, err := folder.document(specName)
	if err != nil {
		return err
	}
	b, err := specs.AddPackages(folder.file(specName), old, missing)
	if err != nil {
		return err
	}
	if req.Spec, err = specs.Parse(folder.file(specName), b); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(folder.dir, specName), b, 0o644); err != nil {
		return err
	}
	for _, variant := range slices.Sorted(maps.Keys(missing)) {
		note(cmd.ErrOrStderr(), "added to %s, %s: %s", folder.file(specName), variant, strings.Join(missing[variant], ", "))
	}
	return nil
}
