package locking

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/basal-project/basal/builder/debian"
	"github.com/basal-project/basal/builder/fetch"
	"github.com/basal-project/basal/builder/resolve"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/internal/unxz"
	"github.com/basal-project/basal/specs"
)

// suite names an InRelease file.
type suite struct{ archive, name string }

// signedRelease is an InRelease file whose signature is good.
type signedRelease struct {
	*debian.Release
	file *fetch.Release
}

// fetchReleases brings the InRelease file of every suite and verifies it. A spec
// without packages asks nobody.
func (m *maker) fetchReleases(ctx context.Context) error {
	if !m.needsPackages() {
		return nil
	}
	var errs []error
	list, up := archives(m.Spec, m.Parent)
	for _, a := range list {
		keys, err := m.Keyring(up, a.SignedBy)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, name := range a.Suites {
			id := suite{a.URI, name}
			r, err := m.fetchRelease(ctx, id, keys)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			m.releases[id] = r
		}
	}
	return errors.Join(errs...)
}

func (m *maker) fetchRelease(ctx context.Context, id suite, keys []byte) (*signedRelease, error) {
	var r signedRelease
	var err error
	r.file, err = m.client.Release(ctx, id.archive, id.name, func(b []byte) (err error) {
		if r.Release, err = debian.VerifyInRelease(b, keys); err != nil {
			return diag.Failedf("%s %s: InRelease: %w", id.archive, id.name, err).
				WithHint("the keys are those of signed-by in %s; somebody may stand between you and the archive", m.File)
		}
		return m.acceptable(id, r.Release)
	})
	if err != nil {
		return nil, err
	}
	return &r, nil
}

// acceptable judges a well-signed release by its dates and names.
func (m *maker) acceptable(id suite, r *debian.Release) error {
	err := r.Check(m.Now, id.name, m.previousDate(id))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, debian.ErrSuite), errors.Is(err, debian.ErrFuture):
	case errors.Is(err, debian.ErrExpired) && !m.AllowExpiredUnsafe:
		return diag.Failedf("%s: %w", id.archive, err).WithHint("the mirror may have stopped; --allow-expired accepts it all the same")
	case errors.Is(err, debian.ErrOlder) && !m.AllowOlderUnsafe:
		return diag.Failedf("%s: %w", id.archive, err).WithHint("the mirror lags behind, or replays an old state; --allow-older accepts it all the same")
	default:
		return nil
	}
	return diag.Failedf("%s: %w", id.archive, err)
}

// previousDate returns the newest date that the previous lock has seen for a
// suite, zero when it has seen none.
func (m *maker) previousDate(id suite) time.Time {
	var newest int64
	if m.Previous != nil {
		for _, p := range m.Previous.Platforms {
			for _, ix := range p.Indexes {
				if ix.Archive == id.archive && ix.Suite == id.name {
					newest = max(newest, ix.Release.Date)
				}
			}
		}
	}
	if newest == 0 {
		return time.Time{}
	}
	return time.Unix(newest, 0).UTC()
}

// index brings one Packages file into the cache, slimmed, and returns what the
// lock and the resolver want to know of it.
func (m *maker) index(ctx context.Context, id suite, component, arch string) (specs.LockedIndex, resolve.Index, error) {
	none := func(err error) (specs.LockedIndex, resolve.Index, error) {
		return specs.LockedIndex{}, resolve.Index{}, err
	}
	r := m.releases[id]
	file, err := r.Packages(component, arch)
	if err != nil {
		return none(diag.Usagef("%s: %s %s: %w", m.File, id.archive, id.name, err))
	}
	want := fetch.Index{
		Archive: id.archive, Suite: id.name, Path: file.Path, Size: file.Size,
		SHA256: file.SHA256, Date: r.Date.Unix(),
	}
	if file.SHA512 != (debian.SHA512{}) {
		want.SHA512 = file.SHA512[:]
	}
	sum, err := m.client.Index(ctx, want, r.file)
	if err != nil {
		return none(err)
	}
	locked := specs.LockedIndex{
		Archive: id.archive, Suite: id.name, Component: component, Path: file.Path, Size: file.Size, SHA256: sum,
		Release: specs.LockedRelease{
			Date: r.Date.Unix(), ValidUntil: validUntil(r.Release), Keys: r.Keys, Size: int64(len(r.file.Bytes)), SHA256: r.file.SHA256,
		},
	}
	slim := resolve.Index{Archive: id.archive, Suite: id.name, Component: component}
	slim.Open = func() (io.ReadCloser, error) { return m.openSlim(ctx, want.Artifact(sum), file.Format) }
	return locked, slim, nil
}

// validUntil returns the end of r in seconds since 1970, 0 when it has none.
func validUntil(r *debian.Release) int64 {
	if r.ValidUntil.IsZero() {
		return 0
	}
	return r.ValidUntil.Unix()
}

// slimKind is where the cache remembers the slim form of an index: a digest and
// a size, as text, under slimKey.
const slimKind = "slim"

// slimKey names the slim form of an index; another format is another name.
func slimKey(index digest.Digest) digest.Digest {
	return digest.Of([]byte(debian.SlimFormat + "\n" + index.Hex()))
}

// slimForm is the slim form of an index in the cache.
type slimForm struct {
	digest digest.Digest
	size   int64 // bytes
	made   bool  // here, from the signed index, and not by whoever last wrote the cache
}

// openSlim opens the slim form of an index, which is made when it is not there.
func (m *maker) openSlim(ctx context.Context, index specs.Artifact, format string) (io.ReadCloser, error) {
	form, ok := m.slims[index.SHA256]
	if !ok {
		form, ok = m.rememberedSlim(index.SHA256)
	}
	if !ok {
		var err error
		if form, err = m.makeSlim(ctx, index, format); err != nil {
			return nil, err
		}
	}
	m.slims[index.SHA256] = form
	return m.cache.Get(form.digest, form.size)
}

// rememberedSlim returns the form that an earlier run left in the cache.
func (m *maker) rememberedSlim(index digest.Digest) (form slimForm, ok bool) {
	b, ok := m.cache.Record(slimKind, slimKey(index))
	if !ok {
		return form, false
	}
	var text string
	if _, err := fmt.Sscan(string(b), &text, &form.size); err != nil {
		return form, false
	}
	var err error
	form.digest, err = digest.Parse(text)
	return form, err == nil && m.cache.Check(form.digest, form.size) == nil
}

func (m *maker) makeSlim(ctx context.Context, index specs.Artifact, format string) (slimForm, error) {
	src, err := m.client.Open(ctx, index)
	if err != nil {
		return slimForm{}, err
	}
	defer src.Close()
	blob, err := m.cache.Create()
	if err != nil {
		return slimForm{}, err
	}
	defer blob.Discard()
	if err := slim(blob, src, format); err != nil {
		return slimForm{}, diag.Failedf("%s %s: %w", index.Archive, index.Path, err)
	}
	form := slimForm{made: true}
	if form.digest, form.size, err = blob.Finish(); err != nil {
		return slimForm{}, err
	}
	_ = m.cache.SetRecord(slimKind, slimKey(index.SHA256), fmt.Append(nil, form.digest, " ", form.size)) // only a later run is slower without it
	return form, nil
}

func slim(w io.Writer, r io.Reader, format string) error {
	plain, err := unpack(r, format)
	if err != nil {
		return err
	}
	return debian.Slim(w, plain)
}

// unpack returns the text of a Packages file.
func unpack(r io.Reader, format string) (io.Reader, error) {
	switch format {
	case "xz":
		return unxz.NewReader(r), nil
	case "gz":
		return gzip.NewReader(r)
	case "":
		return r, nil
	}
	return nil, fmt.Errorf("internal error: index format %q", format)
}

// formatOf is the compression of a Packages file by its name.
func formatOf(path string) string {
	_, format, _ := strings.Cut(path[strings.LastIndexByte(path, '/')+1:], ".")
	return format
}
