package locking

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/basal-project/basal/builder/debian"
	"github.com/basal-project/basal/builder/debian/debtest"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

func TestLockSaysWhatItSaw(t *testing.T) {
	end := debtest.DefaultDate.Add(7 * 24 * time.Hour)
	r := newRig(t, debtest.Suite{Packages: hello(), ValidUntil: end})
	lock := r.lock(r.request("files: [{path: /a, source: b.txt}]\n", "hello", "libhello"))
	if len(lock.Platforms) != 2 || lock.Platforms[0].Platform.String() != "linux/amd64" {
		t.Fatalf("platforms %v", lock.Platforms)
	}
	for _, section := range lock.Platforms {
		arch := section.Platform.Debian()
		if section.Epoch != debtest.DefaultTime.Add(time.Minute).Unix() {
			t.Errorf("%s: epoch %d, want the newest package's time", arch, section.Epoch)
		}
		release := r.archive.File(t, "dists/trixie/InRelease")
		index := "main/binary-" + arch + "/Packages.xz"
		packages := r.archive.File(t, "dists/trixie/"+index)
		if want := []specs.LockedIndex{{
			Archive: r.uri, Suite: "trixie", Component: "main", Path: index, Size: int64(len(packages)), SHA256: digest.Of(packages),
			Release: specs.LockedRelease{
				Date: debtest.DefaultDate.Unix(), ValidUntil: end.Unix(), Keys: []string{r.archive.Key.Fingerprint()},
				Size: int64(len(release)), SHA256: digest.Of(release),
			},
		}}; !reflect.DeepEqual(section.Indexes, want) {
			t.Errorf("got  %+v\nwant %+v", section.Indexes, want)
		}
		path := "pool/main/h/hello/hello_1.0_" + arch + ".deb"
		deb := r.archive.File(t, path)
		if got, want := section.Packages[0], (specs.LockedPackage{
			Name: "hello", Version: "1.0", Architecture: arch, Source: "hello", Archive: r.uri, Suite: "trixie", Component: "main",
			Path: path, Size: int64(len(deb)), SHA256: digest.Of(deb),
		}); got != want {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		if p := section.Packages[1]; p.Version != "2:1.0-1" || p.Source != "hello" || p.Architecture != "all" {
			t.Errorf("libhello is %+v", p)
		}
	}
	if want := []specs.Input{{Path: "b.txt", Size: 11, SHA256: digest.Of([]byte("local b.txt"))}}; !slices.Equal(lock.Inputs, want) {
		t.Errorf("inputs %v, want %v", lock.Inputs, want)
	}
	if err := r.verify(lock); err != nil {
		t.Error(err)
	}
}

func TestLockAgainChangesNothing(t *testing.T) {
	suite := debtest.Suite{Packages: hello()}
	r := newRig(t, suite)
	req := r.request("", "hello", "libhello")
	first := r.lock(req)
	req.Previous = first
	mustEqual(t, r.lock(req), first)
	r.fresh()
	mustEqual(t, r.lock(req), first)

	// The archive publishes itself anew, with one more package that is not ours.
	suite.Date = debtest.DefaultDate.Add(24 * time.Hour)
	suite.Packages = append(suite.Packages, debtest.Deb{Name: "unrelated"})
	r.archive.Publish(t, suite)
	req.Now = suite.Date
	mustEqual(t, r.lock(req), first)

	// Without the lock of before, the newer files are in it.
	req.Previous = nil
	if got := r.lock(req).Platforms[0].Indexes[0].Release.Date; got != suite.Date.Unix() {
		t.Errorf("date %d, want %d", got, suite.Date.Unix())
	}
}

func TestChanges(t *testing.T) {
	suite := debtest.Suite{Packages: hello()}
	r := newRig(t, suite)
	req := r.request("", "hello", "libhello", "other")
	before := r.lock(req)

	suite.Date = debtest.DefaultDate.Add(time.Hour)
	suite.Packages = hello()
	suite.Packages[0].Version = "1.1"
	suite.Packages[2].Files = map[string]string{"usr/share/hello": "built again"}
	suite.Packages = append(suite.Packages, debtest.Deb{Name: "new"})
	other := newRig(t, suite) // a new pool, in which a version may have other bytes
	after := other.lock(other.request("", "hello", "libhello", "new"))

	amd64, all := []specs.Platform{platform(t, "linux/amd64")}, []specs.Platform{platform(t, "linux/amd64"), platform(t, "linux/arm64")}
	want := []Change{
		{Package: "hello", Before: "1.0", After: "1.1", Platforms: amd64},
		{Package: "libhello", Before: "2:1.0-1", After: "2:1.0-1", Rebuilt: true, Platforms: all},
		{Package: "new", After: "1.0", Platforms: all},
		{Package: "other", Before: "1.0", Platforms: all},
	}
	if got := Changes(before, after); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := Changes(before, before); got != nil {
		t.Errorf("from a lock to itself: %+v", got)
	}
	if got := Changes(nil, before); len(got) != 3 || got[0].Before != "" {
		t.Errorf("from nothing: %+v", got)
	}
}

func TestRefusedReleases(t *testing.T) {
	good := debtest.Suite{Packages: hello()}
	stranger := debtest.NewKey(t, 0)
	later := debtest.DefaultDate.Add(48 * time.Hour)
	edit := func(change func(*debtest.Suite)) debtest.Suite {
		s := good
		change(&s)
		return s
	}
	for name, tt := range map[string]struct {
		suite debtest.Suite
		cause error
		code  diag.Code
		allow func(*Request)
	}{
		"unsigned":         {edit(func(s *debtest.Suite) { s.Unsigned = true }), debian.ErrSignature, diag.Failed, nil},
		"signed by others": {edit(func(s *debtest.Suite) { s.SignWith = []*debtest.Key{stranger} }), debian.ErrSignature, diag.Failed, nil},
		"expired":          {edit(func(s *debtest.Suite) { s.ValidUntil = debtest.DefaultDate.Add(time.Minute) }), debian.ErrExpired, diag.Failed, func(q *Request) { q.AllowExpiredUnsafe = true }},
		"rolled back":      {good, debian.ErrOlder, diag.Failed, func(q *Request) { q.AllowOlderUnsafe = true }},
		"another suite":    {edit(func(s *debtest.Suite) { s.Suite, s.Codename = "oldstable", "bookworm" }), debian.ErrSuite, diag.Failed, nil},
		"from the future":  {edit(func(s *debtest.Suite) { s.Date = later }), debian.ErrFuture, diag.Failed, nil},
		"no architecture": {edit(func(s *debtest.Suite) {
			s.EditRelease = func(text string) string { return strings.ReplaceAll(text, " arm64", "") }
		}), nil, diag.Usage, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tt.suite)
			req := r.request("", "hello", "libhello")
			if tt.cause == debian.ErrOlder {
				req.Previous = r.lock(req)
				for i := range req.Previous.Platforms {
					req.Previous.Platforms[i].Indexes[0].Release.Date += 60
				}
			}
			_, err := Make(t.Context(), r.client, req)
			if err == nil || tt.cause != nil && !errors.Is(err, tt.cause) || diag.CodeOf(err) != tt.code {
				t.Errorf("got code %d, %v; want %d, %v", diag.CodeOf(err), err, tt.code, tt.cause)
			}
			req.AllowExpiredUnsafe, req.AllowOlderUnsafe = tt.cause != debian.ErrExpired, tt.cause != debian.ErrOlder
			if _, err := Make(t.Context(), r.client, req); err == nil {
				t.Error("allowing something else allows it")
			}
			if tt.allow != nil {
				tt.allow(&req)
				r.lock(req)
			}
		})
	}
}

func TestDamagedArchive(t *testing.T) {
	r := newRig(t, debtest.Suite{Packages: hello(), NoByHash: true, Archs: []string{"amd64"}, Formats: []string{"xz"}})
	req := r.request("", "hello", "libhello")
	for _, path := range r.archive.Paths() {
		if strings.Contains(path, "arm64") || strings.Contains(path, "/other") || strings.HasSuffix(path, "Packages.xz") {
			continue // not asked for; and fetch waits for a mirror whose index is wrong
		}
		r.archive.Corrupt(t, path, debtest.Flip(len(r.archive.File(t, path))/2))
		r.fresh()
		lock, err := Make(t.Context(), r.client, req)
		if err == nil {
			t.Errorf("%s: locked %+v", path, lock.Platforms)
		}
		want := digest.ErrMismatch
		if strings.HasSuffix(path, "InRelease") {
			want = debian.ErrSignature
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", path, err, want)
		}
		r.archive.Heal()
	}
	r.lock(req)
}

func TestOnlyOnePlatformAnew(t *testing.T) {
	suite := debtest.Suite{Packages: hello()}
	r := newRig(t, suite)
	req := r.request("", "hello", "libhello")
	before := r.lock(req)

	suite.Date = debtest.DefaultDate.Add(time.Hour)
	suite.Packages = hello()
	suite.Packages[0].Version, suite.Packages[1].Version = "1.1", "1.1"
	r.archive.Publish(t, suite)
	req.Now = suite.Date
	req.Platforms = []specs.Platform{platform(t, "linux/arm64")}
	if _, err := Make(t.Context(), r.client, req); diag.CodeOf(err) != diag.Usage {
		t.Errorf("without a lock whose other sections could be kept: %v", err)
	}
	req.Previous = before
	after := r.lock(req)
	if !reflect.DeepEqual(after.Platforms[0], before.Platforms[0]) || after.Platforms[1].Packages[0].Version != "1.1" {
		t.Errorf("got %+v", after.Platforms)
	}
	req.Platforms = []specs.Platform{platform(t, "linux/s390x")}
	if _, err := Make(t.Context(), r.client, req); diag.CodeOf(err) != diag.Usage || !strings.Contains(err.Error(), "linux/s390x") {
		t.Errorf("a platform that is not in the spec: %v", err)
	}
}

func TestGroups(t *testing.T) {
	r := newRig(t, debtest.Suite{Packages: hello(), Archs: []string{"amd64"}})
	debug := "variants: {debug: {packages: [other]}}\n"
	for layers, want := range map[string]map[string][][]string{
		"per-package":   {"latest": {{"hello"}, {"libhello"}}, "debug": {{"other"}}},
		"single":        {"latest": {{"hello", "libhello"}}, "debug": {{"other"}}},
		"{budget: 2}":   {"latest": {{"hello", "libhello"}}, "debug": {{"other"}}},
		"{budget: 100}": {"latest": {{"hello", "libhello"}}, "debug": {{"other"}}}, // of one source
	} {
		lock := r.lock(r.request(debug+"layers: "+layers+"\n", "hello", "libhello"))
		if !maps.EqualFunc(lock.Groups, want, func(a, b [][]string) bool { return reflect.DeepEqual(a, b) }) {
			t.Errorf("%s: got %v, want %v", layers, lock.Groups, want)
		}
	}
	if lock := r.lock(r.request("")); lock.Groups != nil {
		t.Errorf("without packages: %v", lock.Groups)
	}
}

func TestSHA512Only(t *testing.T) {
	r := newRig(t, debtest.Suite{Packages: hello(), SHA512: true})
	req := r.request("", "hello", "libhello")
	lock := r.lock(req)
	for _, section := range lock.Platforms {
		for _, p := range section.Packages {
			if p.SHA256 != digest.Of(r.archive.File(t, p.Path)) {
				t.Errorf("%s: %s is not the .deb's sha256", p.Name, p.SHA256)
			}
		}
	}
	if err := r.verify(lock); err != nil {
		t.Error(err)
	}
	req.Previous = lock
	mustEqual(t, r.lock(req), lock)

	// Another .deb under the listed name is not the listed one.
	forged := clone(t, lock)
	p := &forged.Platforms[0].Packages[1]
	other := forged.Platforms[0].Packages[0]
	p.SHA256, p.Size = other.SHA256, other.Size
	if err := r.verify(forged); err == nil {
		t.Error("another .deb passes")
	}
	r.cache.Drop(lock.Platforms[0].Packages[1].SHA256)
	if err := r.verify(lock); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without the .deb: %v", err)
	}
}

func TestMissing(t *testing.T) {
	r := newRig(t, debtest.Suite{Packages: append(hello(), debtest.Deb{Name: "shell", Depends: "other"})})
	req := r.request("variants: {debug: {packages: [shell]}}\n", "hello")
	got, err := Missing(t.Context(), r.client, req)
	if want := map[string][]string{"latest": {"libhello"}, "debug": {"other"}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	text, err := specs.AddPackages("image.yaml", []byte(r.archive.ImageYAML(r.uri, "variants: {debug: {packages: [shell]}}\n", "hello")), got)
	if err != nil {
		t.Errorf("with %v: %v\n%s", got, err, text)
	}
	_, err = Make(t.Context(), r.client, req)
	if diag.CodeOf(err) != diag.Usage || !strings.Contains(err.Error(), "hello depends on libhello (>= 1)") || !strings.Contains(diag.HintOf(diag.Flatten(err)[0]), "packages: [") {
		t.Errorf("got code %d: %v", diag.CodeOf(err), err)
	}
}

func TestLocalFileThatIsNotThere(t *testing.T) {
	r := newRig(t, debtest.Suite{})
	req := r.request("files: [{path: /a, source: b.txt}]\n")
	req.Local = func(path string) (io.ReadCloser, error) { return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist) }
	if _, err := Make(t.Context(), r.client, req); !errors.Is(err, fs.ErrNotExist) || diag.CodeOf(err) != diag.Usage {
		t.Errorf("got code %d: %v", diag.CodeOf(err), err)
	}
}

// Whoever can write the cache cannot choose packages: the signed index decides.
func TestForgedSlimIndex(t *testing.T) {
	r := newRig(t, debtest.Suite{Packages: hello(), Archs: []string{"amd64"}})
	req := r.request("", "other")
	first := r.lock(req)

	evil := newRig(t, debtest.Suite{Packages: []debtest.Deb{{Name: "other", Version: "6.66", Files: map[string]string{"x": "evil"}}}, Archs: []string{"amd64"}})
	theirs := evil.lock(evil.request("", "other"))
	forged, ok := evil.cache.Record(slimKind, slimKey(theirs.Platforms[0].Indexes[0].SHA256))
	if !ok {
		t.Fatal("no slim index is remembered")
	}
	deb := theirs.Platforms[0].Packages[0]
	plant(t, evil, r, deb.SHA256, deb.Size)
	var text string
	var size int64
	if _, err := fmt.Sscan(string(forged), &text, &size); err != nil {
		t.Fatal(err)
	}
	slim, err := digest.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	plant(t, evil, r, slim, size)
	if err := r.cache.SetRecord(slimKind, slimKey(first.Platforms[0].Indexes[0].SHA256), forged); err != nil {
		t.Fatal(err)
	}
	for _, previous := range []*specs.Lock{nil, first} {
		req.Previous = previous
		lock, err := Make(t.Context(), r.client, req)
		if lock != nil || diag.CodeOf(err) != diag.Failed || !strings.Contains(fmt.Sprint(err), "does not list package other 6.66") || !strings.Contains(diag.HintOf(err), "cache") {
			t.Errorf("got %v, code %d, %v", lock, diag.CodeOf(err), err)
		}
	}
}

// plant copies a blob from one machine's cache to another's.
func plant(t *testing.T, from, to *rig, d digest.Digest, size int64) {
	t.Helper()
	src, err := from.cache.Get(d, size)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	blob, err := to.cache.Create()
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Discard()
	if _, err := io.Copy(blob, src); err != nil {
		t.Fatal(err)
	}
	if err := blob.Commit(d, size); err != nil {
		t.Fatal(err)
	}
}

func TestPackageFromTheFarFuture(t *testing.T) {
	r := newRig(t, debtest.Suite{Packages: []debtest.Deb{{Name: "late", MTime: time.Unix(specs.MaxEpoch+1, 0)}}})
	if _, err := Make(t.Context(), r.client, r.request("", "late")); err == nil || !strings.Contains(err.Error(), "package late 1.0: its .deb is dated 8589934592") {
		t.Errorf("got %v", err)
	}
}
