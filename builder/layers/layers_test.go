package layers

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/basal-project/basal/builder"
	"github.com/basal-project/basal/builder/cache"
	"github.com/basal-project/basal/builder/layer"
	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/digest"
)

// store is what both kinds of it can do.
type store interface {
	builder.Layers
	Open(d digest.Digest, size int64) (io.ReadCloser, error)
}

func cached(t *testing.T) (Cached, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "cache")
	c, err := cache.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return Cached{c}, dir
}

func private(t *testing.T) *Private {
	t.Helper()
	dir := t.TempDir()
	p := NewPrivate(func() (builder.ScratchFile, error) { return os.CreateTemp(dir, "") })
	t.Cleanup(p.Close)
	return p
}

// put writes a blob in two pieces.
func put(t *testing.T, s store, content string) digest.Digest {
	t.Helper()
	b, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Discard()
	for _, piece := range []string{content[:1], content[1:]} {
		if _, err := io.WriteString(b, piece); err != nil {
			t.Fatal(err)
		}
	}
	d := digest.Of([]byte(content))
	if err := b.Commit(d, int64(len(content))); err != nil {
		t.Fatal(err)
	}
	return d
}

func read(s store, d digest.Digest, size int64) (string, error) {
	r, err := s.Open(d, size)
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return string(b), err
}

func TestBlobs(t *testing.T) {
	c, _ := cached(t)
	for name, s := range map[string]store{"cached": c, "private": private(t)} {
		d := put(t, s, "hello")
		put(t, s, "hello") // the same blob again replaces it
		if got, err := read(s, d, 5); err != nil || got != "hello" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		if _, err := s.Open(digest.Of([]byte("other")), 5); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a blob that is not there: %v", name, err)
		}
		b, err := s.Create()
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(b, "short")
		if err := b.Commit(digest.Of([]byte("short")), 6); !errors.Is(err, digest.ErrMismatch) {
			t.Errorf("%s: another size: %v", name, err)
		}
		b.Discard()
		b.Discard()
		if _, err := s.Open(digest.Of([]byte("short")), 5); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a discarded blob: %v", name, err)
		}
	}
}

func TestBlobUnderAnotherName(t *testing.T) {
	p := private(t)
	b, err := p.Create()
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(b, "hello")
	wrong := digest.Of([]byte("other"))
	if err := b.Commit(wrong, 5); err != nil {
		t.Fatal(err)
	}
	if got, err := read(p, wrong, 5); !errors.Is(err, digest.ErrMismatch) {
		t.Errorf("got %q, %v, want ErrMismatch when it is read", got, err)
	}
}

func named(d digest.Digest, size int64) oci.NamedLayer {
	return oci.NamedLayer{Layer: layer.Layer{DiffID: digest.Of([]byte("diff")), Digest: d, Size: size}, Name: "tzdata 1"}
}

func TestCachedRemembers(t *testing.T) {
	c, _ := cached(t)
	key, d := digest.Of([]byte("key")), put(t, c, "hello")
	if _, ok := c.Recall(key); ok {
		t.Error("an empty cache recalls something")
	}
	list := []oci.NamedLayer{named(d, 5)}
	c.Remember(key, list)
	if got, ok := c.Recall(key); !ok || !reflect.DeepEqual(got, list) {
		t.Errorf("got %v, %v, want %v", got, ok, list)
	}
	if _, ok := c.Recall(d); ok {
		t.Error("another key recalls it")
	}
	for what, gone := range map[string]oci.NamedLayer{"gone": named(digest.Of([]byte("gone")), 5), "of another size": named(d, 6)} {
		c.Remember(key, append(list, gone))
		if _, ok := c.Recall(key); ok {
			t.Errorf("layers are recalled although one is %s", what)
		}
	}
	if err := c.Cache.SetRecord(recordKind, key, []byte(`[{"name":1}]`)); err != nil {
		t.Fatal(err)
	}
	if got, ok := c.Recall(key); ok {
		t.Errorf("an unreadable record is recalled as %v", got)
	}
	p := private(t)
	p.Remember(key, list)
	if _, ok := p.Recall(key); ok {
		t.Error("a private store remembers")
	}
}

// Damage shows when a blob is read; Drop then makes room for a good one.
func TestDamagedCache(t *testing.T) {
	c, dir := cached(t)
	key, d, sound := digest.Of([]byte("key")), put(t, c, "hello"), put(t, c, "sound")
	list := []oci.NamedLayer{named(d, 5), named(sound, 5)}
	c.Remember(key, list)
	if err := os.WriteFile(filepath.Join(dir, "sha256", d.Hex()), []byte("hellO"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := read(c, d, 5); !errors.Is(err, digest.ErrMismatch) {
		t.Errorf("got %q, %v, want ErrMismatch", got, err)
	}
	c.Drop(list)
	if _, ok := c.Recall(key); ok {
		t.Error("a damaged layer is recalled")
	}
	if got, err := read(c, sound, 5); err != nil || got != "sound" {
		t.Errorf("the sound blob reads %q, %v", got, err)
	}
	put(t, c, "hello")
	if got, ok := c.Recall(key); !ok || len(got) != 2 {
		t.Errorf("made again: %v, %v", got, ok)
	}
}
