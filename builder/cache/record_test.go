package cache

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/basal-project/basal/internal/digest"
)

func TestRecordKeepsTheLast(t *testing.T) {
	dir := t.TempDir()
	key := digest.Of([]byte("key"))
	for _, b := range []string{"", "first", "second"} {
		if err := open(t, dir).SetRecord("layer-1", key, []byte(b)); err != nil {
			t.Fatal(err)
		}
		if got, ok := open(t, dir).Record("layer-1", key); !ok || string(got) != b {
			t.Errorf("got %q, %t, want %q", got, ok, b)
		}
	}
	if n := count(t, filepath.Join(dir, partial)); n != 0 {
		t.Errorf("%d temporary files are left", n)
	}
}

func TestDamagedRecordIsAbsent(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
	key, other := digest.Of([]byte("key")), digest.Of([]byte("other"))
	if err := c.SetRecord("layer", key, []byte("value")); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(dir, recordName("layer", key)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		mustWrite(t, filepath.Join(dir, recordName("layer", key)), bad)
		if _, ok := c.Record("layer", key); ok {
			t.Errorf("byte %d flipped: it is taken", i)
		}
		mustWrite(t, filepath.Join(dir, recordName("layer", key)), good[:i])
		if _, ok := c.Record("layer", key); ok {
			t.Errorf("cut off after %d bytes: it is taken", i)
		}
	}
	mustWrite(t, filepath.Join(dir, recordName("layer", other)), good)
	if _, ok := c.Record("layer", other); ok {
		t.Error("a record answers for another key")
	}
	mustWrite(t, filepath.Join(dir, recordName("index", key)), good)
	if _, ok := c.Record("index", key); ok {
		t.Error("a record answers for another kind")
	}
	mustWrite(t, filepath.Join(dir, recordName("layer", key)), good)
	if got, ok := c.Record("layer", key); !ok || string(got) != "value" {
		t.Errorf("the good one: %q, %t", got, ok)
	}
}

func TestRecordLimits(t *testing.T) {
	c := open(t, t.TempDir())
	key := digest.Of(nil)
	for _, kind := range []string{"", "..", "a/b", "A", "a.b"} {
		if c.SetRecord(kind, key, nil) == nil {
			t.Errorf("kind %q is taken", kind)
		}
		if _, ok := c.Record(kind, key); ok {
			t.Errorf("kind %q is read", kind)
		}
	}
	large := []byte(strings.Repeat("x", maxRecord))
	if err := c.SetRecord("layer", key, large); err != nil {
		t.Errorf("the largest record: %v", err)
	}
	if got, ok := c.Record("layer", key); !ok || !bytes.Equal(got, large) {
		t.Errorf("the largest record is not returned: %d bytes, %t", len(got), ok)
	}
	if c.SetRecord("layer", key, append(large, 'x')) == nil {
		t.Error("a record that is too large is taken")
	}
}
