package builder

import (
	"slices"
	"time"

	"github.com/basal-project/basal/builder/layer"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// checkEpochs holds the times that the locks of the chains give against those of
// the packages that were read: an epoch becomes the image's created, and nobody
// signs it. It is that of the newest package, and not older than the parent's or
// the base's.
// When only some variants are built, some packages are not read; then it is at
// least the newest of the others.
func (a *assembly) checkEpochs(chains []chain) error {
	times := map[digest.Digest]int64{}
	for key, p := range a.packages {
		times[key.sha256] = p.MTime
	}
	var done []*specs.LockedPlatform
	for _, c := range chains {
		for _, f := range c.floors {
			section, ok := f.lock.Platform(c.platform)
			if !ok || slices.Contains(done, section) {
				continue
			}
			done = append(done, section)
			if err := checkEpoch(f.lock, section, times, a.created(c)); err != nil {
				return err
			}
		}
	}
	return nil
}

// created returns the time of the base that c stands on, 0 when there is none.
func (a *assembly) created(c chain) int64 {
	if c.base == nil {
		return 0
	}
	return a.bases[c.base.id()].Created
}

func checkEpoch(lock *specs.Lock, section *specs.LockedPlatform, times map[digest.Digest]int64, base int64) error {
	var newest int64
	all := true
	for _, p := range section.Packages {
		t, ok := times[p.SHA256]
		newest, all = max(newest, t), all && ok
	}
	if lock.Extends != nil || lock.Base != nil || len(section.Packages) == 0 {
		newest = max(newest, layer.Epoch)
	}
	if lock.Base != nil {
		newest = max(newest, base)
	}
	for l := lock.Extends; l != nil; l = l.Extends {
		if below, ok := l.Platform(section.Platform); ok {
			newest = max(newest, below.Epoch)
		}
	}
	if section.Epoch == newest || section.Epoch > newest && !all {
		return nil
	}
	say := func(t int64) string { return time.Unix(t, 0).UTC().Format(time.RFC3339) }
	return diag.Usagef("the lock of %s gives %s the time %s, and its packages say %s", lock.Spec.Name, section.Platform, say(section.Epoch), say(newest)).
		WithHint("run basal lock to make a new one")
}
