package cache

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/basal-project/basal/internal/digest"
)

// open returns a cache in dir that is closed with the test.
func open(t testing.TB, dir string) *Cache {
	t.Helper()
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// put stores b and returns its digest.
func put(t testing.TB, c *Cache, b []byte) digest.Digest {
	t.Helper()
	blob, err := c.Create()
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Discard()
	if _, err := blob.Write(b); err != nil {
		t.Fatal(err)
	}
	d, size, err := blob.Finish()
	if err != nil || d != digest.Of(b) || size != int64(len(b)) {
		t.Fatalf("Finish: %s, %d, %v", d, size, err)
	}
	return d
}

// get reads what d names to its end.
func get(c *Cache, d digest.Digest, size int) ([]byte, error) {
	r, err := c.Get(d, int64(size))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func mustWrite(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, dir string) int {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return len(entries)
}

func TestGetReturnsWhatWasPut(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	for _, size := range []int{0, 1, 4096, 100_000} {
		b := make([]byte, size)
		rand.Read(b)
		d := put(t, open(t, dir), b)
		c := open(t, dir) // another process
		got, err := get(c, d, size)
		if err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%d bytes: got %d bytes, %v", size, len(got), err)
		}
		if !c.Has(d, int64(size)) || c.Has(d, int64(size)+1) {
			t.Errorf("%d bytes: Has is wrong", size)
		}
	}
	if n := count(t, filepath.Join(dir, partial)); n != 0 {
		t.Errorf("%d temporary files are left", n)
	}
}

func TestOpenMakesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	c := open(t, dir)
	d := digest.Of([]byte("x"))
	if _, err := c.Get(d, 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Get: %v, want fs.ErrNotExist", err)
	}
	if c.Has(d, 1) {
		t.Error("Has reports what is not there")
	}
	if _, ok := c.Record("layer", d); ok {
		t.Error("Record returns what is not there")
	}
	c.Drop(d)
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading made the directory: %v", err)
	}
}

func TestDamageIsFound(t *testing.T) {
	b := bytes.Repeat([]byte("good"), 10_000)
	flipped := bytes.Clone(b)
	flipped[20_000] ^= 1
	for name, bad := range map[string][]byte{
		"flipped":   flipped,
		"truncated": b[:len(b)-1],
		"empty":     nil,
		"longer":    append(bytes.Clone(b), 0),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c := open(t, dir)
			d := put(t, c, b)
			mustWrite(t, filepath.Join(dir, blobs, d.Hex()), bad)
			if _, err := get(c, d, len(b)); !errors.Is(err, digest.ErrMismatch) {
				t.Errorf("Get: %v, want digest.ErrMismatch", err)
			}
			if err := c.Check(d, int64(len(b))); !errors.Is(err, digest.ErrMismatch) {
				t.Errorf("Check: %v, want digest.ErrMismatch", err)
			}
			c.Drop(d)
			if _, err := c.Get(d, int64(len(b))); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("after Drop: %v, want fs.ErrNotExist", err)
			}
			put(t, c, b)
			if err := c.Check(d, int64(len(b))); err != nil {
				t.Errorf("after it was written anew: %v", err)
			}
		})
	}
}

func TestOddFilesAreAbsent(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	b := []byte("secret")
	d := digest.Of(b)
	mustWrite(t, filepath.Join(outside, d.Hex()), b)
	name := filepath.Join(dir, blobs, d.Hex())
	for kind, make := range map[string]func() error{
		"symlink out": func() error { return os.Symlink(filepath.Join(outside, d.Hex()), name) },
		"symlink in":  func() error { return os.Symlink("../other", name) },
		"directory":   func() error { return os.Mkdir(name, 0o755) },
		"folder elsewhere": func() error {
			if err := os.Remove(filepath.Dir(name)); err != nil {
				return err
			}
			return os.Symlink(outside, filepath.Dir(name))
		},
	} {
		os.RemoveAll(filepath.Dir(name))
		mustWrite(t, filepath.Join(dir, "other"), b)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := make(); err != nil {
			t.Fatal(err)
		}
		c := open(t, dir)
		if _, err := c.Get(d, int64(len(b))); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want fs.ErrNotExist", kind, err)
		}
		if c.Has(d, int64(len(b))) {
			t.Errorf("%s: Has takes it for a blob", kind)
		}
	}
}

func TestCommitRefusesOtherBytes(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
	for _, tt := range []struct {
		want digest.Digest
		size int64
	}{
		{digest.Of([]byte("other")), 5},
		{digest.Of([]byte("bytes")), 6},
	} {
		blob, err := c.Create()
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(blob, "bytes")
		if err := blob.Commit(tt.want, tt.size); !errors.Is(err, digest.ErrMismatch) {
			t.Errorf("Commit(%s, %d): %v, want digest.ErrMismatch", tt.want, tt.size, err)
		}
		blob.Discard()
	}
	for _, sub := range []string{blobs, partial} {
		if n := count(t, filepath.Join(dir, sub)); n != 0 {
			t.Errorf("%d files are left in %s", n, sub)
		}
	}
}

func TestResetStartsOver(t *testing.T) {
	c := open(t, t.TempDir())
	blob, err := c.Create()
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(blob, "a longer beginning")
	if err := blob.Reset(); err != nil || blob.Size() != 0 {
		t.Fatalf("Reset: %v, size %d", err, blob.Size())
	}
	io.WriteString(blob, "end")
	if err := blob.Commit(digest.Of([]byte("end")), 3); err != nil {
		t.Fatal(err)
	}
	if err := c.Check(digest.Of([]byte("end")), 3); err != nil {
		t.Error(err)
	}
}

func TestBlobIsUnseenUntilFinished(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
	blob, err := c.Create()
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(blob, "x")
	d := digest.Of([]byte("x"))
	if c.Has(d, 1) {
		t.Error("it can be seen before Finish")
	}
	blob.Discard()
	blob.Discard()
	if c.Has(d, 1) || count(t, filepath.Join(dir, partial)) != 0 {
		t.Error("Discard left something")
	}
}

// A cache whose directory cannot be made or written still works. The tests may
// run as root, whom no permission stops, so other obstacles stand in the way.
func TestUnwritableDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	mustWrite(t, file, nil)
	taken := t.TempDir()
	mustWrite(t, filepath.Join(taken, partial), nil) // where the directory tmp should be
	old := []byte("written when it was writable")
	mustWrite(t, filepath.Join(taken, blobs, digest.Of(old).Hex()), old)

	for name, dir := range map[string]string{"below a file": filepath.Join(file, "cache"), "no tmp": taken, "none": ""} {
		t.Run(name, func(t *testing.T) {
			tmp := t.TempDir()
			t.Setenv("TMPDIR", tmp)
			c := open(t, dir)
			b := []byte("new")
			d := put(t, c, b)
			if got, err := get(c, d, len(b)); err != nil || !bytes.Equal(got, b) {
				t.Errorf("Get: %q, %v", got, err)
			}
			if err := c.SetRecord("layer", d, b); err != nil {
				t.Errorf("SetRecord: %v", err)
			}
			if got, ok := c.Record("layer", d); !ok || !bytes.Equal(got, b) {
				t.Errorf("Record: %q, %t", got, ok)
			}
			if (c.Unwritable() != nil) != (dir != "") {
				t.Errorf("Unwritable: %v", c.Unwritable())
			}
			if dir == taken {
				if err := c.Check(digest.Of(old), int64(len(old))); err != nil {
					t.Errorf("what was there cannot be read: %v", err)
				}
			}
			if err := c.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			if n := count(t, tmp); n != 0 {
				t.Errorf("Close left %d private directories", n)
			}
			if dir == taken && c.Has(d, int64(len(b))) {
				t.Error("something was written to the directory")
			}
		})
	}
}

func TestNowhereToWrite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	mustWrite(t, file, nil)
	t.Setenv("TMPDIR", file)
	if _, err := open(t, filepath.Join(file, "cache")).Create(); err == nil {
		t.Error("Create succeeded without any place to write to")
	}
}

func TestRacingWritersAndReaders(t *testing.T) {
	dir := t.TempDir()
	b := bytes.Repeat([]byte("same"), 50_000)
	d := digest.Of(b)
	var wg sync.WaitGroup
	errs := make(chan error, 100)
	for range 8 {
		c := open(t, dir) // each its own, like processes
		wg.Go(func() {
			for range 5 {
				blob, err := c.Create()
				if err != nil {
					errs <- err
					return
				}
				blob.Write(b)
				if err := blob.Commit(d, int64(len(b))); err != nil {
					errs <- err
				}
				if err := c.Check(d, int64(len(b))); err != nil {
					errs <- err
				}
				if err := c.SetRecord("layer", d, d[:]); err != nil {
					errs <- err
				}
				if got, ok := c.Record("layer", d); !ok || !bytes.Equal(got, d[:]) {
					errs <- errors.New("record is torn")
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	if n := count(t, filepath.Join(dir, partial)); n != 0 {
		t.Errorf("%d temporary files are left", n)
	}
}

func TestSweepRemovesOldLeftoversOnly(t *testing.T) {
	dir := t.TempDir()
	old, young := filepath.Join(dir, partial, "OLD"), filepath.Join(dir, partial, "YOUNG")
	mustWrite(t, old, []byte("x"))
	mustWrite(t, young, []byte("x"))
	past := time.Now().Add(-sweepAge - time.Hour)
	if err := os.Chtimes(old, past, past); err != nil {
		t.Fatal(err)
	}
	put(t, open(t, dir), []byte("y"))
	if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the old file is still there: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("a file that may be in use is gone: %v", err)
	}
}

func TestTidy(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	c := open(t, dir)
	d := put(t, c, []byte("x"))
	c.Tidy()
	if count(t, dir) != 1 || !c.Has(d, 1) {
		t.Errorf("want the blob's folder alone, found %d entries", count(t, dir))
	}
	c.Drop(d)
	c.Tidy()
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the empty directory is still there: %v", err)
	}
}

func BenchmarkWarmTenSmallFiles(b *testing.B) {
	dir := b.TempDir()
	c := open(b, dir)
	var names []digest.Digest
	for i := range 10 {
		names = append(names, put(b, c, fmt.Appendf(nil, "%4096d", i)))
	}
	for b.Loop() {
		c := open(b, dir)
		for _, d := range names {
			if err := c.Check(d, 4096); err != nil {
				b.Fatal(err)
			}
		}
		c.Close()
	}
}
