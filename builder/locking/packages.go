package locking

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/basal-project/basal/builder/compose"
	"github.com/basal-project/basal/builder/deb"
	"github.com/basal-project/basal/builder/fetch"
	"github.com/basal-project/basal/builder/layer"
	"github.com/basal-project/basal/builder/resolve"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// downloads is how many packages are fetched at once.
const downloads = 4

// resolver is the resolution of one platform.
type resolver struct {
	*maker
	platform specs.Platform
	locked   []specs.LockedIndex
	indexes  []resolve.Index
	present  []specs.LockedPackage // in the parent
	epoch    int64                 // the parent's

	results []*resolve.Result
	found   []resolve.Package
}

// part is a list of packages with its waivers: the image's own, or a patch's.
type part struct {
	name string
	resolve.Request
}

func (m *maker) resolver(ctx context.Context, p specs.Platform) (*resolver, error) {
	r := &resolver{maker: m, platform: p, epoch: layer.Epoch}
	if m.Parent != nil {
		for l := m.Parent; l != nil; l = l.Extends {
			if section, ok := l.Platform(p); ok {
				r.epoch = max(r.epoch, section.Epoch)
				r.present = append(r.present, installed(l, section)...)
			}
		}
	}
	if !m.needsPackages() {
		return r, nil
	}
	for _, a := range m.archives() {
		for _, name := range a.Suites {
			for _, component := range a.Components {
				locked, index, err := m.index(ctx, suite{a.URI, name}, component, p.Debian())
				if err != nil {
					return nil, err
				}
				r.locked = append(r.locked, locked)
				r.indexes = append(r.indexes, index)
			}
		}
	}
	return r, nil
}

// installed returns the packages of a section but the one of which only the CA
// bundle is used.
func installed(l *specs.Lock, section *specs.LockedPlatform) []specs.LockedPackage {
	return slices.DeleteFunc(slices.Clone(section.Packages), func(p specs.LockedPackage) bool {
		return p.Name == compose.BundlePackage && !names(&l.Spec, p.Name)
	})
}

// names reports whether a spec or one of its patches installs a package.
func names(s *specs.Spec, name string) bool {
	if slices.Contains(s.Packages, name) {
		return true
	}
	for _, patch := range s.Variants {
		if slices.Contains(patch.Packages, name) {
			return true
		}
	}
	return false
}

func (m *maker) needsPackages() bool {
	for _, patch := range m.Spec.Variants {
		if len(patch.Packages) > 0 {
			return true
		}
	}
	return len(m.Spec.Packages) > 0 || m.Spec.Certificates.FromDebian()
}

// parts returns the requests of the image and of each patch that has packages.
// A patch stands on the image and on the patches that it is applied after.
func (r *resolver) parts() []part {
	base := resolve.Request{Platform: r.platform, Indexes: r.indexes, Packages: r.Spec.Packages, Present: r.present, Waive: r.Spec.Waive}
	parts := []part{{specs.Latest, base}}
	for _, name := range r.Spec.VariantNames() {
		patch := r.Spec.Variants[name]
		if len(patch.Packages) == 0 {
			continue
		}
		req := base
		req.Packages = slices.Clone(r.Spec.Packages)
		order, err := r.Spec.PatchOrder(name)
		if err != nil {
			continue // the spec was checked
		}
		for _, n := range order {
			req.Packages = append(req.Packages, r.Spec.Variants[n].Packages...)
			req.Waive = slices.Concat(req.Waive, r.Spec.Variants[n].Waive)
		}
		parts = append(parts, part{name, req})
	}
	return parts
}

// run resolves every part; the image's packages come first, then what each
// patch adds, then the package of the CA bundle.
func (r *resolver) run() error {
	for _, part := range r.parts() {
		if len(part.Packages) == 0 {
			continue
		}
		res, err := resolve.Resolve(part.Request)
		if err != nil {
			return err
		}
		r.results = append(r.results, res)
		r.add(res)
	}
	if r.Spec.Certificates.FromDebian() && !names(r.Spec, compose.BundlePackage) {
		res, err := resolve.Locate(resolve.Request{Platform: r.platform, Indexes: r.indexes}, compose.BundlePackage)
		if err != nil {
			return err
		}
		r.results = append(r.results, res)
		r.add(res)
	}
	return nil
}

func (r *resolver) add(res *resolve.Result) {
	for _, p := range res.Packages {
		if !slices.ContainsFunc(r.found, func(o resolve.Package) bool { return o.Name == p.Name }) {
			r.found = append(r.found, p)
		}
	}
}

// finish reads the packages themselves: their digests, times and maintainer
// scripts.
func (m *maker) finish(ctx context.Context, r *resolver) (specs.LockedPlatform, error) {
	section := specs.LockedPlatform{Platform: r.platform, Epoch: r.epoch, Indexes: r.locked}
	for _, name := range m.Spec.LockedPackages() {
		i := slices.IndexFunc(r.found, func(p resolve.Package) bool { return p.Name == name })
		if i < 0 {
			return section, fmt.Errorf("internal error: package %s was not resolved", name)
		}
		section.Packages = append(section.Packages, r.found[i].LockedPackage)
	}
	if err := m.fetchPackages(ctx, r, &section); err != nil {
		return section, err
	}
	newest := int64(0)
	var faults []error
	for _, p := range section.Packages {
		meta, err := m.readMeta(ctx, section.Artifact(p), p)
		if err != nil {
			return section, err
		}
		newest = max(newest, meta.MTime)
		if p.Name == compose.BundlePackage && !names(m.Spec, p.Name) {
			continue // only its certificates are used
		}
		m.noteScripts(p.Name, meta)
		if err := resolve.CheckScripts(p.Name, meta.Scripts, meta.Triggers, m.waivers()); err != nil {
			faults = append(faults, err)
		}
	}
	if err := errors.Join(faults...); err != nil {
		return section, err
	}
	if newest > 0 {
		section.Epoch = max(newest, r.epoch)
		if m.Parent == nil {
			section.Epoch = newest
		}
	}
	return section, nil
}

// fetchPackages brings all packages into the cache. Those that the archive lists
// by sha512 alone get the sha256 of the bytes that have it.
func (m *maker) fetchPackages(ctx context.Context, r *resolver, section *specs.LockedPlatform) error {
	var artifacts []specs.Artifact
	for i := range section.Packages {
		p := &section.Packages[i]
		a := section.Artifact(*p)
		if !p.SHA256.IsZero() {
			artifacts = append(artifacts, a)
			continue
		}
		j := slices.IndexFunc(r.found, func(f resolve.Package) bool { return f.Name == p.Name })
		var err error
		p.SHA256, err = m.client.Find(ctx, fetch.File{Archive: a.Archive, Path: a.Path, Size: a.Size, SHA512: r.found[j].SHA512[:], Date: a.Date})
		if err != nil {
			return err
		}
	}
	return m.client.All(ctx, artifacts, downloads)
}

func (m *maker) readMeta(ctx context.Context, a specs.Artifact, p specs.LockedPackage) (*deb.Meta, error) {
	f, err := m.client.Open(ctx, a)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	meta, err := deb.ReadControl(digest.NewReader(f, a.SHA256, a.Size))
	if err != nil {
		return nil, fmt.Errorf("package %s %s: %w", p.Name, p.Version, err)
	}
	if meta.Name != p.Name || meta.Version != p.Version || meta.Architecture != p.Architecture {
		return nil, fmt.Errorf("package %s %s (%s) calls itself %s %s (%s)", p.Name, p.Version, p.Architecture, meta.Name, meta.Version, meta.Architecture)
	}
	return meta, nil
}
