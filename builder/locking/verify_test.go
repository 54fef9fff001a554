package locking

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/basal-project/basal/builder/debian"
	"github.com/basal-project/basal/builder/debian/debtest"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// alterations of a section that no signed file supports.
var alterations = map[string]func(ix *specs.LockedIndex, p *specs.LockedPackage){
	"version":          func(_ *specs.LockedIndex, p *specs.LockedPackage) { p.Version = "9" },
	"name":             func(_ *specs.LockedIndex, p *specs.LockedPackage) { p.Name = "hallo" },
	"architecture":     func(_ *specs.LockedIndex, p *specs.LockedPackage) { p.Architecture = "all" },
	"source":           func(_ *specs.LockedIndex, p *specs.LockedPackage) { p.Source = "other" },
	"path":             func(_ *specs.LockedIndex, p *specs.LockedPackage) { p.Path = "pool/x.deb" },
	"size":             func(_ *specs.LockedIndex, p *specs.LockedPackage) { p.Size++ },
	"sha256":           func(_ *specs.LockedIndex, p *specs.LockedPackage) { p.SHA256[0]++ },
	"suite of package": func(_ *specs.LockedIndex, p *specs.LockedPackage) { p.Suite = "sid" },
	"archive":          func(ix *specs.LockedIndex, p *specs.LockedPackage) { ix.Archive, p.Archive = "debian", "debian" },
	"suite":            func(ix *specs.LockedIndex, p *specs.LockedPackage) { ix.Suite, p.Suite = "sid", "sid" },
	"component":        func(ix *specs.LockedIndex, p *specs.LockedPackage) { ix.Component, p.Component = "contrib", "contrib" },
	"index path":       func(ix *specs.LockedIndex, _ *specs.LockedPackage) { ix.Path = "main/binary-amd64/Packages.gz" },
	"index size":       func(ix *specs.LockedIndex, _ *specs.LockedPackage) { ix.Size++ },
	"index sha256":     func(ix *specs.LockedIndex, _ *specs.LockedPackage) { ix.SHA256[0]++ },
	"another release": func(ix *specs.LockedIndex, _ *specs.LockedPackage) {
		ix.Release.SHA256, ix.Release.Size = ix.SHA256, ix.Size
	},
	"release date":      func(ix *specs.LockedIndex, _ *specs.LockedPackage) { ix.Release.Date++ },
	"valid-until":       func(ix *specs.LockedIndex, _ *specs.LockedPackage) { ix.Release.ValidUntil = ix.Release.Date + 1 },
	"keys":              func(ix *specs.LockedIndex, _ *specs.LockedPackage) { ix.Release.Keys = []string{"A"} },
	"size of release":   func(ix *specs.LockedIndex, _ *specs.LockedPackage) { ix.Release.Size = 1 << 40 },
	"sha256 of release": func(ix *specs.LockedIndex, _ *specs.LockedPackage) { ix.Release.SHA256[0]++ },
}

func TestVerifyNoticesEveryField(t *testing.T) {
	for kind, suite := range map[string]debtest.Suite{
		"sha256": {Packages: hello(), Archs: []string{"amd64"}},
		"sha512": {Packages: hello(), Archs: []string{"amd64"}, SHA512: true},
	} {
		r := newRig(t, suite)
		lock := r.lock(r.request("", "hello", "libhello"))
		if err := r.verify(lock); err != nil {
			t.Fatal(err)
		}
		for name, alter := range alterations {
			altered := clone(t, lock)
			alter(&altered.Platforms[0].Indexes[0], &altered.Platforms[0].Packages[0])
			if err := r.verify(altered); err == nil {
				t.Errorf("%s: the lock has another %s and passes", kind, name)
			}
		}
	}
}

// What the cache hands out need not be what the lock names.
func TestVerifyTrustsNoBytes(t *testing.T) {
	r := newRig(t, debtest.Suite{Packages: hello(), Archs: []string{"amd64"}})
	lock := r.lock(r.request("", "hello", "libhello"))
	ix := lock.Platforms[0].Indexes[0]
	for name, d := range map[string]digest.Digest{"InRelease": ix.Release.SHA256, "Packages": ix.SHA256} {
		for what, damage := range map[string]func([]byte) []byte{"flipped": debtest.Flip(40), "cut": debtest.Truncate(1), "longer": debtest.Append("x")} {
			open := func(asked digest.Digest, size int64) (io.ReadCloser, error) {
				f, err := r.open(asked, size)
				if err != nil || asked != d {
					return f, err
				}
				defer f.Close()
				b, err := io.ReadAll(f)
				return io.NopCloser(bytes.NewReader(damage(b))), err
			}
			if err := Verify(t.Context(), lock, r.keyring, open); !errors.Is(err, digest.ErrMismatch) {
				t.Errorf("%s %s: got %v, want ErrMismatch", name, what, err)
			}
		}
	}

	// A release that others signed is not the archive's, and dates do not matter.
	good := r.keys
	r.keys = debtest.NewKey(t, 0).Public(t)
	if err := r.verify(lock); !errors.Is(err, debian.ErrSignature) {
		t.Errorf("with other keys: %v", err)
	}
	r.keys = good
	r.now = r.now.Add(50 * 365 * 24 * time.Hour)
	if err := r.verify(lock); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Verify(ctx, lock, r.keyring, r.open); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
