package fetch

import (
	"bytes"
	"crypto/sha512"
	"errors"
	"testing"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

func TestFindBySHA512(t *testing.T) {
	sum := sha512.Sum512(body)
	f := File{Archive: "debian", Path: pool, Size: int64(len(body)), SHA512: sum[:]}
	wrong := bytes.Clone(body)
	wrong[7]++
	bad, good := files(t, map[string][]byte{"debian/" + pool: wrong}), files(t, map[string][]byte{"debian/" + pool: body})
	c := client(t, bad, good)
	for range 2 {
		if d, err := c.Find(t.Context(), f); err != nil || d != digest.Of(body) {
			t.Fatalf("%s, %v", d, err)
		}
	}
	if n := len(good.requests()); n != 1 {
		t.Errorf("%d requests, want 1: the second time it is in the cache", n)
	}
	mustRead(t, c, deb(body), body)

	_, err := client(t, bad).Find(t.Context(), f)
	if !errors.Is(err, digest.ErrMismatch) || errors.Is(err, ErrMidUpdate) || diag.CodeOf(err) != diag.Unavailable {
		t.Errorf("got %v, want ErrMismatch and exit code 3", err)
	}
	f.SHA512 = nil
	if _, err := c.Find(t.Context(), f); err == nil {
		t.Error("a file without a digest was found")
	}
	offline := clientWith(t, Options{Offline: true, Transport: noNetwork{t}})
	if _, err := offline.Find(t.Context(), File{Archive: "debian", Path: pool, Size: 1, SHA512: sum[:]}); diag.CodeOf(err) != diag.Unavailable {
		t.Errorf("offline: %v, want exit code 3", err)
	}
}
