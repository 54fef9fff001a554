package locking

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"

	"github.com/basal-project/basal/builder/baseimage"
	"github.com/basal-project/basal/builder/compose"
	"github.com/basal-project/basal/builder/debian"
	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

// Bases finds published images.
type Bases interface {
	// Resolve returns the index or the manifest that from names: the one with its
	// digest, or else the one that its tag names now.
	Resolve(ctx context.Context, from specs.From) (oci.Document, error)
}

// ground is what the images of one platform stand on. The zero value is scratch.
type ground struct {
	image    *specs.LockedImage // of this spec's own base
	created  int64              // seconds since 1970
	packages []debian.Package
}

// findBase decides what the spec's from stands for. What is pinned by digest and
// was locked before needs no network.
func (m *maker) findBase(ctx context.Context) error {
	if m.Spec.From == "" {
		return nil
	}
	from, err := specs.ParseFrom(m.Spec.From)
	if err != nil {
		return diag.Usagef("%s: %w", m.File, err)
	}
	if m.Previous != nil && m.Previous.Base != nil && m.Previous.Spec.From == m.Spec.From && m.Previous.Base.Digest == from.Digest {
		m.base = m.Previous.Base
		return nil
	}
	doc, err := m.Bases.Resolve(ctx, from)
	if err != nil {
		return fmt.Errorf("%s: from: %w", m.File, err)
	}
	m.noteTag(ctx, from)
	if err := baseimage.CheckType(doc.Descriptor.MediaType); err != nil {
		return diag.Usagef("%s: from: %s: %w", m.File, m.Spec.From, err).WithHint("choose another base")
	}
	m.base = &specs.LockedBase{
		Name:       from.Name(),
		Repository: from.Repository,
		MediaType:  doc.Descriptor.MediaType,
		Digest:     doc.Descriptor.Digest,
		Size:       doc.Descriptor.Size,
	}
	blob, err := m.cache.Create()
	if err != nil {
		return err
	}
	defer blob.Discard()
	if _, err := blob.Write(doc.Bytes); err != nil {
		return err
	}
	return blob.Commit(m.base.Digest, m.base.Size)
}

// checkKept refuses to keep a section whose base is no longer the spec's.
func (m *maker) checkKept(p specs.Platform) error {
	var before *specs.LockedBase
	if m.Previous != nil {
		before = m.Previous.Base
	}
	if reflect.DeepEqual(before, m.base) {
		return nil
	}
	return diag.Usagef("%s: the base is another one than that of the lock, and %s would keep the old one", m.File, p).
		WithHint("lock all platforms")
}

// baseOf returns what the lock says of the base for p, nil when the spec names
// none.
func (m *maker) baseOf(p specs.Platform) *specs.LockedImage { return m.grounds[p].image }

// ground reads what the images for p stand on: the base of this spec, or the one
// that it inherits.
func (m *maker) ground(ctx context.Context, p specs.Platform) (ground, error) {
	if g, ok := m.grounds[p]; ok {
		return g, nil
	}
	var g ground
	var err error
	switch root := rootOf(m.Parent); {
	case m.base != nil:
		g, err = m.ownGround(ctx, p)
	case root != nil && root.Base != nil:
		section, ok := root.Platform(p)
		if !ok || section.Base == nil {
			return g, fmt.Errorf("internal error: the lock of %s has no base for %s", root.Spec.Name, p)
		}
		g.packages, err = m.inspect(ctx, root.Base, section.Base, p)
	}
	if err == nil {
		m.grounds[p] = g
	}
	return g, err
}

// rootOf returns the lock at the end of what lock extends.
func rootOf(lock *specs.Lock) *specs.Lock {
	for lock != nil && lock.Extends != nil {
		lock = lock.Extends
	}
	return lock
}

func (m *maker) ownGround(ctx context.Context, p specs.Platform) (ground, error) {
	found, err := baseimage.Find(ctx, m.client, m.base, p)
	if err != nil {
		return ground{}, fmt.Errorf("%s: %w", m.File, err)
	}
	if found.Config.Created > specs.MaxEpoch {
		err := fmt.Errorf("it is dated %d, want at most %d seconds since 1970", found.Config.Created, int64(specs.MaxEpoch))
		return ground{}, baseimage.Unusable(m.base.Name, err)
	}
	m.noteDropped(found.Config)
	g := ground{image: &found.Locked, created: found.Config.Created}
	g.packages, err = m.inspect(ctx, m.base, g.image, p)
	return g, err
}

// noteTag says when the tag beside a digest is not the digest's: it is published
// as the base's name all the same. Only the digest decides, so that a registry
// that does not answer here is no fault.
func (m *maker) noteTag(ctx context.Context, from specs.From) {
	if m.Note == nil || from.Tag == "" || from.Digest.IsZero() {
		return
	}
	doc, err := m.Bases.Resolve(ctx, specs.From{Repository: from.Repository, Tag: from.Tag})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		m.Note(fmt.Sprintf("base %s: there is no such tag; the digest decides", from.Name()))
	case err == nil && doc.Descriptor.Digest != from.Digest:
		m.Note(fmt.Sprintf("base %s: the tag names %s now; the digest decides", from.Name(), doc.Descriptor.Digest))
	}
}

// noteDropped says once for all platforms what of the base's config is lost.
func (m *maker) noteDropped(c baseimage.Config) {
	if m.Note == nil || len(c.Dropped) == 0 {
		return
	}
	text := fmt.Sprintf("base %s: its config has %s, which OCI images cannot have: that is left out", m.base.Name, strings.Join(c.Dropped, ", "))
	if !slices.Contains(m.noted, text) {
		m.noted = append(m.noted, text)
		m.Note(text)
	}
}

// inspect brings the layers of a base into the cache, unpacks them, and returns
// the packages in them. Accounts that base and spec both have are a fault.
func (m *maker) inspect(ctx context.Context, base *specs.LockedBase, image *specs.LockedImage, p specs.Platform) ([]debian.Package, error) {
	var artifacts []specs.Artifact
	for _, l := range image.Layers {
		artifacts = append(artifacts, base.Artifact(l.LockedBlob))
	}
	if err := m.client.All(ctx, artifacts, downloads); err != nil {
		return nil, err
	}
	var files []interface{ Close() error }
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	scratch := func() (baseimage.Scratch, error) {
		f, err := m.Scratch()
		if err == nil {
			files = append(files, f)
		}
		return f, err
	}
	tree, err := baseimage.ReadTree(ctx, m.client, base, image, compose.BaseOrigin(base.Name), scratch, baseimage.InTurn)
	if err != nil {
		return nil, err
	}
	taken, err := compose.AccountsOf(tree)
	if err != nil {
		return nil, baseimage.Unusable(base.Name, err)
	}
	if err := m.checkTaken(base, taken); err != nil {
		return nil, err
	}
	if err := m.checkLists(base, tree); err != nil {
		return nil, err
	}
	packages, err := baseimage.Packages(tree, p.Debian())
	if err != nil {
		return nil, baseimage.Unusable(base.Name, err)
	}
	return packages, nil
}

// checkTaken refuses users and groups that the base has already.
func (m *maker) checkTaken(base *specs.LockedBase, taken specs.Accounts) error {
	own := []specs.Accounts{m.Spec.Accounts}
	for _, patch := range m.Spec.Variants {
		own = append(own, patch.Accounts)
	}
	var twice []string
	for _, a := range own {
		if c := clash(taken, a); c != "" {
			twice = append(twice, c)
		}
	}
	if len(twice) == 0 {
		return nil
	}
	slices.Sort(twice)
	return diag.Usagef("%s: accounts: %s is already in the base %s", m.File, twice[0], base.Name).
		WithHint("remove it here, or give it another name and number")
}

// checkLists refuses accounts for which the base has no place.
func (m *maker) checkLists(base *specs.LockedBase, tree rootfs.Tree) error {
	err := compose.CheckLists(tree, m.Spec.Accounts, m.Spec.Files)
	for _, patch := range m.Spec.Variants {
		if err == nil {
			err = compose.CheckLists(tree, patch.Accounts, slices.Concat(m.Spec.Files, patch.Files))
		}
	}
	if err != nil {
		return diag.Usagef("%s: accounts: %w in the base %s", m.File, err, base.Name).
			WithHint("leave the accounts out, or choose another base")
	}
	return nil
}
