package builder

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/basal-project/basal/builder/deb"
	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// packageKey names a .deb as a floor reads it.
type packageKey struct {
	sha256 digest.Digest
	setuid string // the paths that may be setuid, a line each
}

func (f floor) packageKey(pkg specs.LockedPackage) packageKey {
	return packageKey{pkg.SHA256, strings.Join(f.Setuid, "\n")}
}

// reading is a .deb to read for a floor.
type reading struct {
	key    packageKey
	pkg    specs.LockedPackage
	art    specs.Artifact
	setuid []string
}

// readPackages reads every .deb of the chains, each once for floors that allow
// the same.
func (a *assembly) readPackages(ctx context.Context, chains []chain) error {
	var list []reading
	for _, c := range chains {
		for _, f := range c.floors {
			own, bundle, err := f.packages(c.platform)
			if err != nil {
				return err
			}
			if bundle != nil {
				own = append(own, *bundle)
			}
			section, _ := f.lock.Platform(c.platform)
			for _, pkg := range own {
				r := reading{f.packageKey(pkg), pkg, section.Artifact(pkg), f.Setuid}
				if !slices.ContainsFunc(list, func(o reading) bool { return o.key == r.key }) {
					list = append(list, r)
				}
			}
		}
	}
	order := descending(len(list), func(i int) int64 { return list[i].pkg.Size })
	return a.each(ctx, len(list), func(ctx context.Context, n int) error {
		r := list[order[n]]
		pkg := r.pkg
		d, err := a.readPackage(ctx, r)
		if err != nil {
			return fmt.Errorf("package %s %s: %w", pkg.Name, pkg.Version, err)
		}
		if d.Name != pkg.Name || d.Version != pkg.Version || d.Architecture != pkg.Architecture {
			return fmt.Errorf("package %s %s (%s) calls itself %s %s (%s)", pkg.Name, pkg.Version, pkg.Architecture, d.Name, d.Version, d.Architecture)
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.packages[r.key] = d
		return nil
	})
}

func (a *assembly) readPackage(ctx context.Context, what reading) (*deb.Package, error) {
	scratch, err := a.newScratch()
	if err != nil {
		return nil, err
	}
	r, err := a.src.Open(ctx, what.art)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return deb.Read(digest.NewReader(r, what.art.SHA256, what.art.Size), scratch, deb.Options{
		Origin:     "deb:" + what.pkg.Name,
		AllowSetID: func(path string) bool { return slices.Contains(what.setuid, "/"+path) },
	})
}

// readInputs reads the local files of all specs in the chains, but those of other
// platforms.
func (a *assembly) readInputs(ctx context.Context, chains []chain) error {
	for _, c := range chains {
		for _, f := range c.floors {
			for _, in := range f.lock.Inputs {
				if _, ok := a.inputs[in]; ok || !reads(&f.lock.Spec, in.Path, c.platform) {
					continue
				}
				content, err := a.readInput(ctx, in)
				if err != nil {
					return err
				}
				a.inputs[in] = content
			}
		}
	}
	return nil
}

// reads reports whether the image of p, in whatever variant, is made of the file
// that s calls path.
func reads(s *specs.Spec, path string, p specs.Platform) bool {
	elsewhere := false
	lists := [][]specs.File{s.Files}
	for _, patch := range s.Variants {
		lists = append(lists, patch.Files)
	}
	for _, f := range slices.Concat(lists...) {
		if f.Source != path {
			continue
		}
		if f.On(p) {
			return true
		}
		elsewhere = true
	}
	return !elsewhere || s.Certificates != nil && slices.Contains(s.Certificates.Add, path)
}

func (a *assembly) readInput(ctx context.Context, in specs.Input) (rootfs.Content, error) {
	scratch, err := a.newScratch()
	if err != nil {
		return rootfs.Content{}, err
	}
	r, err := a.src.Open(ctx, in.Artifact())
	if err != nil {
		return rootfs.Content{}, err
	}
	defer r.Close()
	if _, err := io.Copy(io.NewOffsetWriter(scratch, 0), digest.NewReader(r, in.SHA256, in.Size)); err != nil {
		return rootfs.Content{}, fmt.Errorf("%s: %w", in.Path, err)
	}
	return rootfs.Section(scratch, 0, in.Size), nil
}

// input returns a local file that was read.
func (a *assembly) input(lock *specs.Lock, path string) (rootfs.Content, error) {
	for _, in := range lock.Inputs {
		if in.Path == path {
			return a.inputs[in], nil
		}
	}
	return rootfs.Content{}, fmt.Errorf("the lock of %s does not pin %s", lock.Spec.Name, path)
}
