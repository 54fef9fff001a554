package locking

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/basal-project/basal/builder/debian"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// Opener opens bytes by digest and size; they are checked again here.
type Opener func(d digest.Digest, size int64) (io.ReadCloser, error)

// Verify checks a lock again, without the network: for every package, that the
// Packages file which the lock names lists it, that the InRelease file lists
// that, and that a key of the spec's signed the InRelease file. The files come
// from open, usually the cache. Nothing of the lock but digests is believed.
//
// Dates are not judged: a lock does not expire, its release files may.
func Verify(ctx context.Context, lock *specs.Lock, keyring Keyring, open Opener) error {
	for l, level := lock, 0; l != nil; l, level = l.Extends, level+1 {
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(2) // one index takes most of a processor and 40 MB
		for i := range l.Platforms {
			c := checker{l, level, keyring, open}
			g.Go(func() error { return c.section(ctx, &l.Platforms[i]) })
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// checker checks one lock of a chain of them, level levels up.
type checker struct {
	lock    *specs.Lock
	level   int
	keyring Keyring
	open    Opener
}

func (c checker) section(ctx context.Context, section *specs.LockedPlatform) error {
	for _, pkg := range section.Packages {
		if section.Index(pkg) == nil {
			return diag.Failedf("%s: the lock names no index for package %s", section.Platform, pkg.Name)
		}
	}
	for _, ix := range section.Indexes {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.index(section, ix); err != nil {
			return fmt.Errorf("%s: %s %s: %w", section.Platform, ix.Archive, ix.Suite, err)
		}
	}
	return nil
}

func (c checker) index(section *specs.LockedPlatform, ix specs.LockedIndex) error {
	list, up := archives(&c.lock.Spec, c.lock.Extends)
	i := slices.IndexFunc(list, func(a specs.Archive) bool {
		return a.URI == ix.Archive && slices.Contains(a.Suites, ix.Suite) && slices.Contains(a.Components, ix.Component)
	})
	if i < 0 {
		return diag.Failedf("the spec names no such archive")
	}
	keys, err := c.keyring(c.level+up, list[i].SignedBy)
	if err != nil {
		return err
	}
	if err := verifyRelease(ix, section.Platform, keys, c.open); err != nil {
		return err
	}
	var wanted []specs.LockedPackage
	for _, pkg := range section.Packages {
		if pkg.Archive == ix.Archive && pkg.Suite == ix.Suite && pkg.Component == ix.Component {
			wanted = append(wanted, pkg)
		}
	}
	return verifyPackages(ix, wanted, c.open)
}

// verifyRelease checks the InRelease file, and that it lists the index.
func verifyRelease(ix specs.LockedIndex, p specs.Platform, keys []byte, open Opener) error {
	if ix.Release.Size > debian.MaxInRelease {
		return diag.Failedf("InRelease of %d bytes, want at most %d", ix.Release.Size, debian.MaxInRelease)
	}
	r, err := open(ix.Release.SHA256, ix.Release.Size)
	if err != nil {
		return err
	}
	defer r.Close()
	b, err := io.ReadAll(digest.NewReader(r, ix.Release.SHA256, ix.Release.Size))
	if err != nil {
		return fmt.Errorf("InRelease: %w", err)
	}
	release, err := debian.VerifyInRelease(b, keys)
	if err != nil {
		return diag.Failedf("InRelease: %w", err)
	}
	if ix.Suite != release.Suite && ix.Suite != release.Codename {
		return diag.Failedf("InRelease is of suite %s (%s)", release.Codename, release.Suite)
	}
	if release.Date.Unix() != ix.Release.Date || validUntil(release) != ix.Release.ValidUntil || !slices.Equal(release.Keys, ix.Release.Keys) {
		return diag.Failedf("the lock has other dates, or other keys, than InRelease")
	}
	file, err := release.Packages(ix.Component, p.Debian())
	if err != nil {
		return diag.Failedf("InRelease: %w", err)
	}
	if file.Path != ix.Path || file.Size != ix.Size || !file.SHA256.IsZero() && file.SHA256 != ix.SHA256 {
		return diag.Failedf("InRelease lists another %s", ix.Path)
	}
	if !file.SHA256.IsZero() {
		return nil
	}
	index, err := open(ix.SHA256, ix.Size)
	if err != nil {
		return err
	}
	defer index.Close()
	if _, err := io.Copy(io.Discard, file.Checksums.NewReader(digest.NewReader(index, ix.SHA256, ix.Size))); err != nil {
		return fmt.Errorf("%s: %w", ix.Path, err)
	}
	return nil
}

// verifyPackages checks that the index lists the packages as the lock has them.
func verifyPackages(ix specs.LockedIndex, wanted []specs.LockedPackage, open Opener) error {
	r, err := open(ix.SHA256, ix.Size)
	if err != nil {
		return err
	}
	defer r.Close()
	file := digest.NewReader(r, ix.SHA256, ix.Size)
	text, err := unpack(file, formatOf(ix.Path))
	if err != nil {
		return err
	}
	left := map[string]specs.LockedPackage{}
	for _, pkg := range wanted {
		left[pkg.Name] = pkg
	}
	stanzas := debian.NewScanner(text)
	for stanzas.Scan() {
		s := stanzas.Stanza()
		pkg, ok := left[string(s.Get("Package"))]
		if ok && string(s.Get("Version")) == pkg.Version && string(s.Get("Architecture")) == pkg.Architecture && sourceOf(s) == pkg.Source &&
			string(s.Get("Filename")) == pkg.Path && string(s.Get("Size")) == fmt.Sprint(pkg.Size) {
			same, err := listsBytes(s, pkg, open)
			if err != nil {
				return err
			}
			if same {
				delete(left, pkg.Name)
			}
		}
	}
	// The file is read to its end whatever became of it: a wrong digest explains
	// what could not be unpacked.
	_, err = io.Copy(io.Discard, file)
	if err == nil {
		err = stanzas.Err()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", ix.Path, err)
	}
	for _, pkg := range wanted {
		if _, missing := left[pkg.Name]; missing {
			return diag.Failedf("%s does not list package %s %s as the lock has it", ix.Path, pkg.Name, pkg.Version)
		}
	}
	return nil
}

// sourceOf returns the name of the source package: Source may add a version in
// parentheses, and is absent when the name is the package's own.
func sourceOf(s *debian.Stanza) string {
	if words := strings.Fields(string(s.Get("Source"))); len(words) > 0 {
		return words[0]
	}
	return string(s.Get("Package"))
}

// listsBytes reports whether a stanza lists the .deb that the lock names. An
// archive that has only its sha512 lists it by that, so the .deb itself must be
// at hand.
func listsBytes(s *debian.Stanza, pkg specs.LockedPackage, open Opener) (bool, error) {
	if sum := s.Get("SHA256"); len(sum) > 0 {
		return string(sum) == pkg.SHA256.Hex(), nil
	}
	r, err := open(pkg.SHA256, pkg.Size)
	if err != nil {
		return false, err
	}
	defer r.Close()
	h := sha512.New()
	if _, err := io.Copy(h, digest.NewReader(r, pkg.SHA256, pkg.Size)); err != nil {
		return false, fmt.Errorf("package %s %s: %w", pkg.Name, pkg.Version, err)
	}
	return string(s.Get("SHA512")) == hex.EncodeToString(h.Sum(nil)), nil
}
