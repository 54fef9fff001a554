package fetch

import (
	"bytes"
	"context"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

var (
	inRelease = []byte("-----BEGIN PGP SIGNED MESSAGE-----\n")
	errSigned = errors.New("signature is wrong")
)

// signed stands for the verification of a signature.
func signed(b []byte) error {
	if !bytes.Equal(b, inRelease) {
		return diag.Failedf("%w", errSigned).WithHint("look at the keys")
	}
	return nil
}

const inReleasePath = "debian/dists/trixie/InRelease"

func TestReleaseTakesTheFirstThatIsAccepted(t *testing.T) {
	page := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, "<html>log in</html>")
	})
	forged := files(t, map[string][]byte{inReleasePath: []byte("forged")})
	large := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		for range 17 {
			w.Write(make([]byte, 1<<20))
		}
	})
	flaky := serve(t, func(w http.ResponseWriter, r *http.Request, n int) {
		if r.Header.Get("Cache-Control") != "max-age=0" {
			t.Error("a proxy may answer from its cache")
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(inRelease)))
		if n == 1 {
			w.Write(inRelease[:5])
			return
		}
		w.Write(inRelease)
	})
	c := client(t, page, forged, large, flaky)
	rel, err := c.Release(t.Context(), "debian", "trixie", signed)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(rel.Bytes, inRelease) || rel.SHA256 != digest.Of(inRelease) || rel.Base() != flaky.URL+"/debian" {
		t.Errorf("got %q, %s from %s", rel.Bytes, rel.SHA256, rel.Base())
	}
	if err := c.Cache().Check(rel.SHA256, int64(len(inRelease))); err != nil {
		t.Errorf("it is not in the cache: %v", err)
	}

	_, err = client(t, page, forged, large).Release(t.Context(), "debian", "trixie", signed)
	if diag.CodeOf(err) != diag.Failed || !errors.Is(err, errSigned) || diag.HintOf(err) != "look at the keys" {
		t.Errorf("got code %d, hint %q: %v; want those of the check", diag.CodeOf(err), diag.HintOf(err), err)
	}
	mustHave(t, err.Error(), "debian dists/trixie/InRelease", "a web page, 19 bytes", "signature is wrong", "more than 16,777,216 bytes")

	_, err = client(t, page).Release(t.Context(), "debian", "trixie", signed)
	if diag.CodeOf(err) != diag.Unavailable {
		t.Errorf("got %v, want exit code 3 when there was nothing to check", err)
	}
}

func TestReleaseFromSnapshotWithoutMirrors(t *testing.T) {
	snapshot := files(t, map[string][]byte{"archive/debian/20261122T094601Z/dists/trixie/InRelease": inRelease})
	c := clientWith(t, Options{Snapshot: snapshot.URL})
	if _, err := c.Release(t.Context(), "debian", "trixie", signed); err != nil {
		t.Error(err)
	}
}

func TestReleaseOfAHostileSuite(t *testing.T) {
	h := files(t, map[string][]byte{"InRelease": inRelease})
	if _, err := client(t, h).Release(t.Context(), "debian", "../..", signed); err == nil || len(h.requests()) != 0 {
		t.Errorf("asked for %q: %v", h.requests(), err)
	}
}

const indexDir = "debian/dists/trixie/main/binary-amd64/"

func TestIndexByHashThenByName(t *testing.T) {
	ix := index(body)
	hashed := indexDir + "by-hash/SHA256/" + ix.SHA256.Hex()
	plain := indexDir + "Packages.xz"
	for name, tt := range map[string]struct {
		content map[string][]byte
		asked   []string
	}{
		"by hash":          {map[string][]byte{hashed: body, plain: []byte("newer")}, []string{hashed}},
		"no by-hash":       {map[string][]byte{plain: body}, []string{hashed, plain}},
		"a broken by-hash": {map[string][]byte{hashed: body[1:], plain: body}, []string{hashed, plain}},
	} {
		h := files(t, tt.content)
		c := client(t, h)
		for range 2 { // the second time from the cache
			if d, err := c.Index(t.Context(), ix, nil); err != nil || d != ix.SHA256 {
				t.Fatalf("%s: %s, %v", name, d, err)
			}
		}
		var got []string
		for _, path := range h.requests() {
			got = append(got, strings.TrimPrefix(path, "/"))
		}
		if !slices.Equal(got, tt.asked) {
			t.Errorf("%s: asked for %q, want %q", name, got, tt.asked)
		}
		mustRead(t, c, ix.Artifact(ix.SHA256), body)
	}
}

func TestIndexKnownBySHA512Only(t *testing.T) {
	sum := sha512.Sum512(body)
	ix := index(body)
	ix.SHA256, ix.SHA512 = digest.Digest{}, sum[:]
	hashed := fmt.Sprintf("%sby-hash/SHA512/%x", indexDir, sum)
	wrong := bytes.Clone(body)
	wrong[3]++
	bad, good := files(t, map[string][]byte{hashed: wrong}), files(t, map[string][]byte{hashed: body})
	c := client(t, bad, good)
	for range 2 {
		if d, err := c.Index(t.Context(), ix, nil); err != nil || d != digest.Of(body) {
			t.Fatalf("%s, %v", d, err)
		}
	}
	if n := len(good.requests()); n != 1 {
		t.Errorf("%d requests, want 1: the second time it is in the cache", n)
	}
	mustRead(t, c, ix.Artifact(digest.Of(body)), body)

	// A record that points elsewhere does not make other bytes the index.
	if err := c.keep(wrong, digest.Of(wrong)); err != nil {
		t.Fatal(err)
	}
	c.remember512(want{sha512: sum[:]}, digest.Of(wrong))
	if d, err := c.Index(t.Context(), ix, nil); err != nil || d != digest.Of(body) {
		t.Errorf("with a forged record: %s, %v", d, err)
	}

	ix.SHA512 = nil
	if _, err := c.Index(t.Context(), ix, nil); err == nil {
		t.Error("an index without a digest was fetched")
	}
}

func TestMirrorInTheMiddleOfAnUpdate(t *testing.T) {
	ix := index(body)
	newer := bytes.Clone(body)
	newer[9]++
	updating := serve(t, func(w http.ResponseWriter, r *http.Request, n int) {
		if strings.Contains(r.URL.Path, "by-hash") {
			http.NotFound(w, r)
			return
		}
		w.Write(newer)
	})
	_, err := client(t, updating).Index(t.Context(), ix, nil)
	if !errors.Is(err, ErrMidUpdate) || diag.CodeOf(err) != diag.Unavailable {
		t.Fatalf("got %v, want ErrMidUpdate and exit code 3", err)
	}
	mustHave(t, err.Error(), "the mirror is in the middle of an update", updating.URL, digest.Of(newer).String())
	mustHave(t, diag.HintOf(err), "a few minutes")
	if n := len(updating.requests()); n != 8 {
		t.Errorf("%d requests, want 4 times 2", n)
	}

	finished := serve(t, func(w http.ResponseWriter, r *http.Request, n int) {
		switch {
		case strings.Contains(r.URL.Path, "by-hash"):
			http.NotFound(w, r)
		case n < 3:
			w.Write(newer)
		default:
			w.Write(body)
		}
	})
	if _, err := client(t, updating, finished).Index(t.Context(), ix, nil); err != nil {
		t.Errorf("the next mirror has it: %v", err)
	}
}

func TestIndexComesFromWhereTheReleaseCameFrom(t *testing.T) {
	other := files(t, nil)
	own := files(t, map[string][]byte{inReleasePath: inRelease, indexDir + "Packages.xz": body})
	c := client(t, other, own)
	rel, err := c.Release(context.Background(), "debian", "trixie", signed)
	if err != nil {
		t.Fatal(err)
	}
	before := len(other.requests())
	if _, err := c.Index(t.Context(), index(body), rel); err != nil {
		t.Fatal(err)
	}
	if n := len(other.requests()) - before; n != 0 {
		t.Errorf("the other mirror was asked %d times", n)
	}
}

func TestIndexBehindALoginPage(t *testing.T) {
	page := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, "<html>log in</html>")
	})
	_, err := client(t, page).Index(t.Context(), index(body), nil)
	if err == nil || errors.Is(err, ErrMidUpdate) || diag.CodeOf(err) != diag.Unavailable {
		t.Fatalf("got %v, want exit code 3 and no word of an update", err)
	}
	mustHave(t, diag.HintOf(err), "proxy")
	if n := len(page.requests()); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}
