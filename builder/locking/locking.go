// Package locking looks at the outside world and decides: it turns a spec into
// a lock. It is the only step that resolves anything.
//
// What it trusts is a keyring. From there it goes by signature and digest only:
// InRelease, Packages, .deb. Locks that say the same as before keep every byte,
// so that a lock changes exactly when an image does.
package locking

import (
	"context"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/basal-project/basal/builder"
	"github.com/basal-project/basal/builder/cache"
	"github.com/basal-project/basal/builder/fetch"
	"github.com/basal-project/basal/builder/resolve"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/internal/gz"
	"github.com/basal-project/basal/specs"
)

// Request is a spec to lock and all that is known beforehand.
type Request struct {
	File      string // the spec's name, for messages
	Spec      *specs.Spec
	Parent    *specs.Lock                              // of the spec that it extends; nil without one
	Previous  *specs.Lock                              // nil the first time
	Platforms []specs.Platform                         // whose sections are made anew; the others stay as they are. Empty means all
	Local     func(path string) (io.ReadCloser, error) // opens a file beside the spec; what it gives is bounded
	Keyring   Keyring
	Bases     Bases                               // finds what the spec's from names; nil when no spec has one
	Scratch   func() (builder.ScratchFile, error) // where the layers of a base are unpacked
	Note      func(text string)                   // is told what a person should know; nil for nobody
	Programs  Programs                            // what is asked about Go programs; nil when there are none
	Now       time.Time

	// AllowExpiredUnsafe accepts an InRelease file whose Valid-Until, or whose
	// signing key, is over; AllowOlderUnsafe one that is older than the lock's.
	AllowExpiredUnsafe bool
	AllowOlderUnsafe   bool
}

// Keyring finds the keys that a spec's signed-by names. up says which spec it
// is: 0 is the one at hand, 1 the one that it extends, and so on.
type Keyring func(up int, signedBy string) ([]byte, error)

// archives returns where the packages of a spec come from, and how many levels
// up the spec is that says so: a parent's archives serve a child that has none
// of its own.
func archives(s *specs.Spec, parent *specs.Lock) (list []specs.Archive, up int) {
	for len(s.Archives) == 0 && parent != nil {
		s, parent, up = &parent.Spec, parent.Extends, up+1
	}
	return s.Archives, up
}

func (req Request) archives() []specs.Archive {
	list, _ := archives(req.Spec, req.Parent)
	return list
}

// checkPlatforms refuses platforms that are asked for and not in the spec, and
// those of the spec that the parent has not locked.
func (req Request) checkPlatforms() error {
	for _, p := range req.Platforms {
		if !slices.Contains(req.Spec.Platforms, p) {
			return diag.Usagef("%s: %s is not one of its platforms", req.File, p)
		}
	}
	if req.Parent == nil {
		return nil
	}
	var missing, has []string
	for _, section := range req.Parent.Platforms {
		has = append(has, section.Platform.String())
	}
	for _, p := range req.Spec.Platforms {
		if _, ok := req.Parent.Platform(p); !ok {
			missing = append(missing, p.String())
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return diag.Usagef("%s: the lock of %s, which it extends, has no %s", req.File, req.Parent.Spec.Name, strings.Join(missing, ", ")).
		WithHint("it has %s; lock the parent for the others first, or leave them out of platforms", strings.Join(has, ", "))
}

// maker makes one lock.
type maker struct {
	Request
	client   *fetch.Client
	cache    *cache.Cache
	releases map[suite]*signedRelease
	slims    map[digest.Digest]slimForm // by index
	scripts  map[specs.Waiver]bool      // the waivers of scripts that a package has
	base     *specs.LockedBase          // that the spec's from names; nil without one
	grounds  map[specs.Platform]ground
	noted    []string // what Note was told of the base
}

func newMaker(client *fetch.Client, req Request) (*maker, error) {
	if err := req.checkPlatforms(); err != nil {
		return nil, err
	}
	if err := req.checkAccounts(); err != nil {
		return nil, err
	}
	return &maker{Request: req, client: client, cache: client.Cache(), releases: map[suite]*signedRelease{}, slims: map[digest.Digest]slimForm{}, scripts: map[specs.Waiver]bool{}, grounds: map[specs.Platform]ground{}}, nil
}

// Make returns the lock of a spec. Faults of the spec are errors with exit code
// 2, those of the network have 3.
func Make(ctx context.Context, client *fetch.Client, req Request) (*specs.Lock, error) {
	m, err := newMaker(client, req)
	if err != nil {
		return nil, err
	}
	lock := &specs.Lock{
		Version: specs.FormatVersion,
		Recipe:  builder.Recipe,
		Encoder: gz.Encoder,
		Spec:    *req.Spec,
		Extends: req.Parent,
	}
	if lock.Inputs, err = m.inputs(ctx); err != nil {
		return nil, err
	}
	if lock.Go, err = m.programs(ctx); err != nil {
		return nil, err
	}
	if err := m.findBase(ctx); err != nil {
		return nil, err
	}
	lock.Base = m.base
	if err := m.fetchReleases(ctx); err != nil {
		return nil, err
	}
	sections, err := m.sections(ctx)
	if err != nil {
		return nil, err
	}
	lock.Platforms = sections
	m.group(lock)
	if err := m.verify(ctx, lock, m.settle(lock)); err != nil {
		return nil, err
	}
	return lock, nil
}

// Missing returns the packages that would have to be added to the image itself,
// and to the patch of each variant, so that no dependency is unmet: by the
// variant's name, specs.Latest for the image.
func Missing(ctx context.Context, client *fetch.Client, req Request) (map[string][]string, error) {
	m, err := newMaker(client, req)
	if err != nil {
		return nil, err
	}
	if err := m.findBase(ctx); err != nil {
		return nil, err
	}
	if err := m.fetchReleases(ctx); err != nil {
		return nil, err
	}
	added := map[string][]string{}
	for _, p := range req.Spec.Platforms {
		r, err := m.resolver(ctx, p)
		if err != nil {
			return nil, err
		}
		parts, err := r.parts()
		if err != nil {
			return nil, err
		}
		for _, part := range parts {
			for _, under := range append([]string{specs.Latest}, part.patches...) { // what those get, this one has, too
				part.Packages = union(part.Packages, added[under])
			}
			names, err := resolve.Missing(part.Request)
			if err != nil {
				return nil, err
			}
			if len(names) > 0 {
				added[part.name] = union(added[part.name], names)
			}
		}
	}
	return added, nil
}

// union returns a, and what b has besides.
func union(a, b []string) []string {
	a = slices.Clone(a)
	for _, name := range b {
		if !slices.Contains(a, name) {
			a = append(a, name)
		}
	}
	return a
}

// sections makes the section of each platform, or takes it from the previous
// lock when it is not to be made.
func (m *maker) sections(ctx context.Context) ([]specs.LockedPlatform, error) {
	var out []specs.LockedPlatform
	var results []*resolve.Result
	var resolvers []*resolver
	for _, p := range m.Spec.Platforms {
		if !m.anew(p) {
			kept, err := m.kept(p)
			if err != nil {
				return nil, err
			}
			out = append(out, *kept)
			continue
		}
		r, err := m.resolver(ctx, p)
		if err != nil {
			return nil, err
		}
		if err := r.run(); err != nil {
			return nil, err
		}
		out = append(out, specs.LockedPlatform{Platform: p})
		resolvers = append(resolvers, r)
		results = append(results, r.results...)
	}
	faults := resolve.Report(m.File, results...)
	if len(m.Platforms) == 0 { // a platform that was left out may need a waiver
		faults = errors.Join(faults, resolve.Unused(m.File, results...))
	}
	if faults != nil {
		return nil, faults
	}
	for _, r := range resolvers {
		i := slices.IndexFunc(out, func(s specs.LockedPlatform) bool { return s.Platform == r.platform })
		section, err := m.finish(ctx, r)
		if err != nil {
			return nil, err
		}
		out[i] = section
	}
	return out, m.unusedScripts()
}

// anew reports whether the section of p is to be made.
func (m *maker) anew(p specs.Platform) bool {
	return len(m.Platforms) == 0 || slices.Contains(m.Platforms, p)
}

// kept returns the previous section of p. Its image is never older than the one
// that it stands on, which may have been locked since.
func (m *maker) kept(p specs.Platform) (*specs.LockedPlatform, error) {
	if before, ok := m.before(p); ok {
		if err := m.checkKept(p); err != nil {
			return nil, err
		}
		section := *before
		if m.Parent != nil {
			section.Epoch = max(section.Epoch, m.epoch(p))
		}
		return &section, nil
	}
	return nil, diag.Usagef("%s: there is no lock of %s to keep", m.File, p).WithHint("lock all platforms once")
}

// settle takes from the previous lock what says the same: a section whose
// packages did not change keeps its release files, although the archive has
// newer ones. It returns the new sections that do not.
func (m *maker) settle(lock *specs.Lock) (changed []*specs.LockedPlatform) {
	for i := range lock.Platforms {
		now := &lock.Platforms[i]
		if !m.anew(now.Platform) {
			continue
		}
		if before, ok := m.before(now.Platform); ok && now.Epoch == before.Epoch && slices.Equal(now.Packages, before.Packages) && sameIndexes(now.Indexes, before.Indexes) && reflect.DeepEqual(now.Base, before.Base) {
			*now = *before
			continue
		}
		changed = append(changed, now)
	}
	return changed
}

// before returns a platform's section of the previous lock.
func (m *maker) before(p specs.Platform) (*specs.LockedPlatform, bool) {
	if m.Previous == nil {
		return nil, false
	}
	return m.Previous.Platform(p)
}

// verify follows the chain from the keys to the packages of changed sections
// through the signed files themselves. The resolver reads the cache's slim
// indexes, which nobody signed: a forged one must not choose a package. One that
// was made here, from the signed file, is as good as that.
func (m *maker) verify(ctx context.Context, lock *specs.Lock, changed []*specs.LockedPlatform) error {
	c := checker{lock: lock, keyring: m.Keyring, open: m.cache.Get}
	for _, section := range changed {
		if !slices.ContainsFunc(section.Indexes, func(ix specs.LockedIndex) bool { return !m.slims[ix.SHA256].made }) {
			continue
		}
		if err := c.section(ctx, section); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return diag.Failedf("%s: %w", m.File, err).
				WithHint("an index that basal's cache remembers differs from the signed one: remove the cache directory, and lock again")
		}
	}
	return nil
}

// sameIndexes reports whether a and b come from the same places, signed by the
// same keys.
func sameIndexes(a, b []specs.LockedIndex) bool {
	return slices.EqualFunc(a, b, func(x, y specs.LockedIndex) bool {
		return x.Archive == y.Archive && x.Suite == y.Suite && x.Component == y.Component && slices.Equal(x.Release.Keys, y.Release.Keys)
	})
}
