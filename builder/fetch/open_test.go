package fetch

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

func TestPlacesAreAskedInOrder(t *testing.T) {
	a := deb(body)
	stamp := "archive/debian/20260913T080000Z/" // a.Date and one day
	snapshot := files(t, map[string][]byte{stamp + pool: body})
	empty := files(t, nil)
	full := files(t, map[string][]byte{"debian/" + pool: body})

	c := clientWith(t, Options{Mirrors: mirrors(t, empty.URL, full.URL), Snapshot: snapshot.URL})
	mustRead(t, c, a, body)
	mustRead(t, c, a, body)
	if got := len(empty.requests()) + len(full.requests()); got != 2 || len(snapshot.requests()) != 0 {
		t.Errorf("mirrors were asked %d times, the snapshot service %d times; want 2 and 0", got, len(snapshot.requests()))
	}

	c = clientWith(t, Options{Mirrors: mirrors(t, empty.URL), Snapshot: snapshot.URL + "/"})
	mustRead(t, c, a, body)
	if got := snapshot.requests(); !slices.Equal(got, []string{"/" + stamp + pool}) {
		t.Errorf("the snapshot service was asked for %q", got)
	}

	dir := t.TempDir()
	mustWrite(t, filepath.Join(dir, "sha256", a.SHA256.Hex()), body)
	offline, err := OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	c = clientWith(t, Options{Mirrors: mirrors(t, full.URL), Directory: offline, Transport: noNetwork{t}})
	mustRead(t, c, a, body)
}

func TestArchiveURLIsItsOwnMirror(t *testing.T) {
	own := files(t, map[string][]byte{"apt/" + pool: body})
	other := files(t, nil)
	a := deb(body)
	a.Archive = own.URL + "/apt/"
	c := clientWith(t, Options{Mirrors: mirrors(t, other.URL), Snapshot: other.URL})
	mustRead(t, c, a, body)
	if len(other.requests()) != 0 {
		t.Errorf("others were asked for %q", other.requests())
	}
}

func TestOfflineOpensNoSocket(t *testing.T) {
	c := clientWith(t, Options{Mirrors: mirrors(t, "http://mirror.test"), Snapshot: SnapshotService, Offline: true, Transport: noNetwork{t}})
	a := deb(body)
	check := func(what string, err error) {
		t.Helper()
		if diag.CodeOf(err) != diag.Unavailable {
			t.Errorf("%s: %v, want exit code 3", what, err)
		}
		if err != nil {
			mustHave(t, err.Error(), "debian ")
		}
	}
	_, err := read(c, a)
	check("Open", err)
	mustHave(t, err.Error(), pool)
	mustHave(t, diag.HintOf(err), "basal fetch")
	check("Fetch", c.Fetch(t.Context(), a))
	_, err = c.Release(t.Context(), "debian", "trixie", nil)
	check("Release", err)
	_, err = c.Index(t.Context(), index(body), nil)
	check("Index", err)

	if err := c.keep(body, a.SHA256); err != nil {
		t.Fatal(err)
	}
	mustRead(t, c, a, body)
}

func TestDamagedCacheIsFetchedAnew(t *testing.T) {
	flipped := bytes.Clone(body)
	flipped[100] ^= 1
	for name, bad := range map[string][]byte{"flipped": flipped, "cut": body[:10], "empty": nil} {
		h := files(t, map[string][]byte{"debian/" + pool: body})
		dir := t.TempDir()
		c := clientWith(t, Options{Cache: cacheIn(t, dir), Mirrors: mirrors(t, h.URL)})
		a := deb(body)
		mustWrite(t, filepath.Join(dir, "sha256", a.SHA256.Hex()), bad)
		mustRead(t, c, a, body)
		mustRead(t, c, a, body)
		if n := len(h.requests()); n != 1 {
			t.Errorf("%s: %d requests, want 1", name, n)
		}
	}
}

func TestUnwritableCacheDoesNotStopABuild(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	mustWrite(t, file, nil)
	h := files(t, map[string][]byte{"debian/" + pool: body})
	store := cacheIn(t, filepath.Join(file, "cache"))
	c := clientWith(t, Options{Cache: store, Mirrors: mirrors(t, h.URL)})
	mustRead(t, c, deb(body), body)
	mustRead(t, c, deb(body), body)
	if n := len(h.requests()); n != 1 || store.Unwritable() == nil {
		t.Errorf("%d requests, want 1; Unwritable: %v", n, store.Unwritable())
	}
}

func TestNowhereToWriteIsAFaultOfThisSide(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	mustWrite(t, file, nil)
	t.Setenv("TMPDIR", file)
	h := files(t, map[string][]byte{"debian/" + pool: body})
	c := clientWith(t, Options{Cache: cacheIn(t, filepath.Join(file, "cache")), Mirrors: mirrors(t, h.URL, h.URL+"/two")})
	_, err := read(c, deb(body))
	if diag.CodeOf(err) != diag.Failed {
		t.Errorf("%v, want exit code 1", err)
	}
	if n := len(h.requests()); n != 0 {
		t.Errorf("%d requests were sent in vain", n)
	}
}

func TestCancelLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("interrupted")
	h := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		w.Write(body[:1000])
		w.(http.Flusher).Flush()
		cancel(stop)
		<-r.Context().Done()
	})
	dir := t.TempDir()
	c := clientWith(t, Options{Cache: cacheIn(t, dir), Mirrors: mirrors(t, h.URL, h.URL+"/two")})
	if _, err := c.Open(ctx, deb(body)); !errors.Is(err, stop) {
		t.Errorf("got %v, want the reason of the cancellation", err)
	}
	if n := len(h.requests()); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
	if left := tree(t, dir); len(left) != 0 {
		t.Errorf("files are left: %q", left)
	}
}

func TestRacingClientsOnOneCache(t *testing.T) {
	h := files(t, map[string][]byte{"debian/" + pool: body})
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 6 {
		c := clientWith(t, Options{Cache: cacheIn(t, dir), Mirrors: mirrors(t, h.URL)})
		wg.Go(func() {
			if got, err := read(c, deb(body)); err != nil || !bytes.Equal(got, body) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	wg.Wait()
}

func TestHostilePathIsNotAsked(t *testing.T) {
	h := files(t, map[string][]byte{"secret": body})
	c := client(t, h)
	for _, path := range []string{"../secret", "/secret", "", ".", "a//b", "a/../../secret"} {
		a := deb(body)
		a.Path = path
		if _, err := read(c, a); err == nil {
			t.Errorf("%q was fetched", path)
		}
	}
	if got := h.requests(); len(got) != 0 {
		t.Errorf("asked for %q", got)
	}
}

func TestOddNamesAreEscaped(t *testing.T) {
	name := "pool/main/x/x+y_1%3a2~rc1 ?#_all.deb"
	h := files(t, map[string][]byte{"debian/" + name: body})
	a := deb(body)
	a.Path = name
	mustRead(t, client(t, h), a, body)
}

func TestCredentialsStayOutOfErrors(t *testing.T) {
	h := files(t, nil)
	withUser := strings.Replace(h.URL, "http://", "http://user:hunter2@", 1)
	dead := strings.Replace(withUser, h.Listener.Addr().String(), "127.0.0.1:1", 1)
	a := deb(body)
	for _, base := range []string{withUser, dead} {
		c := clientWith(t, Options{Mirrors: mirrors(t, base)})
		_, err := read(c, a)
		if err == nil {
			t.Fatal("it was fetched")
		}
		if s := err.Error(); strings.Contains(s, "hunter2") || strings.Contains(s, "user") {
			t.Errorf("credentials in: %s", s)
		}
	}
}

func TestCredentialsAreSent(t *testing.T) {
	h := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "pw" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Write(body)
	})
	c := clientWith(t, Options{Mirrors: mirrors(t, strings.Replace(h.URL, "://", "://me:pw@", 1))})
	mustRead(t, c, deb(body), body)
}

func TestNoPlaceAtAll(t *testing.T) {
	_, err := read(clientWith(t, Options{Transport: noNetwork{t}}), deb(body))
	if diag.CodeOf(err) != diag.Unavailable {
		t.Fatalf("%v, want exit code 3", err)
	}
	mustHave(t, err.Error(), "debian "+pool, "no place")
	mustHave(t, diag.HintOf(err), "--mirror")
}

func TestEveryPlaceIsListed(t *testing.T) {
	wrong := bytes.Clone(body)
	wrong[7]++
	html := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(bytes.Repeat([]byte("<p>log in"), 200))
	})
	other := files(t, map[string][]byte{"debian/" + pool: wrong})
	none := files(t, nil)
	a := deb(body)
	_, err := read(client(t, html, other, none), a)
	if diag.CodeOf(err) != diag.Unavailable || !errors.Is(err, digest.ErrMismatch) {
		t.Fatalf("%v, want exit code 3 and digest.ErrMismatch", err)
	}
	mustHave(t, err.Error(),
		"debian "+pool+": none of 3 places has it",
		"mirror "+html.URL+"/debian: ", "a web page, 1,800 bytes",
		"mirror "+other.URL+"/debian: ", digest.Of(wrong).String(), "want "+a.SHA256.String()+" of 180,000 bytes",
		"mirror "+none.URL+"/debian: got 404 Not Found")
	mustHave(t, diag.HintOf(err), "proxy")
	if n := len(none.requests()); n != 1 {
		t.Errorf("a 404 was asked for %d times, want once", n)
	}
}

func TestZeroBytes(t *testing.T) {
	mustRead(t, client(t, files(t, map[string][]byte{"debian/" + pool: {}})), deb(nil), nil)
}

func TestAllFetchesEachOnceAndReportsInOrder(t *testing.T) {
	content := map[string][]byte{}
	var artifacts []specs.Artifact
	for _, name := range []string{"a", "b", "c", "d"} {
		a := deb([]byte(name))
		a.Path = "pool/" + name
		artifacts = append(artifacts, a, a)
		if name == "a" || name == "c" {
			content["debian/"+a.Path] = []byte(name)
		}
	}
	h := files(t, content)
	c := client(t, h)
	err := c.All(t.Context(), artifacts, 3)
	faults := diag.Flatten(err)
	if len(faults) != 2 {
		t.Fatalf("got %v, want two faults", err)
	}
	mustHave(t, faults[0].Error(), "pool/b")
	mustHave(t, faults[1].Error(), "pool/d")
	if n := len(h.requests()); n != 4 {
		t.Errorf("%d requests, want one for each digest", n)
	}
	if err := c.All(t.Context(), artifacts[:2], 0); err != nil {
		t.Errorf("nothing was missing: %v", err)
	}
	if n := len(h.requests()); n != 4 {
		t.Errorf("what was there was asked for again")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.All(ctx, artifacts, 2); err != context.Canceled {
		t.Errorf("cancelled: %v, want context.Canceled alone", err)
	}
}
