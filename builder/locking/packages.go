package locking

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/basal-project/basal/builder/compose"
	"github.com/basal-project/basal/builder/deb"
	"github.com/basal-project/basal/builder/debian"
	"github.com/basal-project/basal/builder/fetch"
	"github.com/basal-project/basal/builder/layer"
	"github.com/basal-project/basal/builder/resolve"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// downloads is how many packages are fetched at once.
const downloads = 4

// resolver is the resolution of one platform.
type resolver struct {
	*maker
	platform  specs.Platform
	installed []debian.Package // in the base
	locked    []specs.LockedIndex
	indexes   []resolve.Index

	results []*resolve.Result
	found   []resolve.Package
}

// part is what one variant has, with its waivers.
type part struct {
	name    string
	patches []string // that make it up; none for the image itself
	resolve.Request
}

func (m *maker) resolver(ctx context.Context, p specs.Platform) (*resolver, error) {
	r := &resolver{maker: m, platform: p}
	g, err := m.ground(ctx, p)
	if err != nil {
		return nil, err
	}
	r.installed = g.packages
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

// run resolves every part; the image's packages come first, then what each
// patch adds, then the package of the CA bundle.
func (r *resolver) run() error {
	parts, err := r.parts()
	if err != nil {
		return err
	}
	for _, part := range parts {
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
	section := specs.LockedPlatform{Platform: r.platform, Epoch: m.epoch(r.platform), Indexes: r.locked, Base: m.baseOf(r.platform)}
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
		if meta.MTime > specs.MaxEpoch {
			return section, diag.Failedf("package %s %s: its .deb is dated %d, want at most %d seconds since 1970", p.Name, p.Version, meta.MTime, int64(specs.MaxEpoch))
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
	if m.Parent != nil || m.base != nil {
		section.Epoch = max(newest, section.Epoch)
	} else if newest > 0 {
		section.Epoch = newest
	}
	return section, nil
}

// epoch returns the time of what p's packages stand on: the parent's, the base's,
// or that of hand-written files.
func (m *maker) epoch(p specs.Platform) int64 {
	epoch := max(int64(layer.Epoch), m.grounds[p].created)
	for l := m.Parent; l != nil; l = l.Extends {
		if section, ok := l.Platform(p); ok {
			epoch = max(epoch, section.Epoch)
		}
	}
	return epoch
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
