package unxz

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

// sequence is the content of the files in testdata, which the xz program made:
// the numbers from 1 to 5000, one on each line.
func sequence() []byte {
	var b bytes.Buffer
	for i := range 5000 {
		fmt.Fprintln(&b, i+1)
	}
	return b.Bytes()
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// memory is a file for parallel writers.
type memory struct {
	mu sync.Mutex
	b  []byte
}

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := int(off) + len(p); n > len(m.b) {
		m.b = append(m.b, make([]byte, n-len(m.b))...)
	}
	return copy(m.b[off:], p), nil
}

// decodeFile decodes through Open and Decode.
func decodeFile(b []byte, workers int) ([]byte, error) {
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	var out memory
	if err := f.Decode(&out, 0, workers); err != nil {
		return nil, err
	}
	if int64(len(out.b)) != f.Size() {
		return nil, fmt.Errorf("Size says %d, found %d", f.Size(), len(out.b))
	}
	return out.b, nil
}

// ways are all the ways to decode.
var ways = []struct {
	name   string
	decode func([]byte) ([]byte, error)
}{
	{"stream", func(b []byte) ([]byte, error) { return io.ReadAll(NewReader(bytes.NewReader(b))) }},
	{"bytewise", func(b []byte) ([]byte, error) {
		return io.ReadAll(iotest.OneByteReader(NewReader(iotest.OneByteReader(bytes.NewReader(b)))))
	}},
	{"file", func(b []byte) ([]byte, error) { return decodeFile(b, 1) }},
	{"parallel", func(b []byte) ([]byte, error) { return decodeFile(b, 3) }},
}

func TestDecodesWhatXzWrote(t *testing.T) {
	for name, want := range map[string][]byte{
		"small.xz": sequence()[:692], "single.xz": sequence(), "blocks.xz": sequence(), "sha256.xz": sequence(), "nocheck.xz": sequence(), "empty.xz": nil,
	} {
		b := fixture(t, name)
		for _, w := range ways {
			got, err := w.decode(b)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, %s: %d bytes, error %v; want %d bytes", name, w.name, len(got), err, len(want))
			}
		}
	}
}

func TestPrefixIsThatOfTheWhole(t *testing.T) {
	for _, name := range []string{"small.xz", "single.xz", "blocks.xz"} {
		b := fixture(t, name)
		whole, err := io.ReadAll(NewReader(bytes.NewReader(b)))
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{1, 100, 4096, 5000, len(whole) - 1, len(whole), len(whole) + 1} {
			got, err := io.ReadAll(NewPrefixReader(bytes.NewReader(b), int64(n)))
			if want := whole[:min(n, len(whole))]; err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: prefix of %d: %d bytes, %v", name, n, len(got), err)
			}
		}
	}
}

func TestOpenCountsBlocks(t *testing.T) {
	for name, want := range map[string]int{"single.xz": 1, "blocks.xz": 3, "empty.xz": 0} {
		b := fixture(t, name)
		f, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if len(f.blocks) != want {
			t.Errorf("%s: %d blocks, want %d", name, len(f.blocks), want)
		}
	}
}

func TestDecodeWritesFromOffset(t *testing.T) {
	b := fixture(t, "blocks.xz")
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	out := memory{b: []byte("head")}
	if err := f.Decode(&out, 4, 2); err != nil {
		t.Fatal(err)
	}
	if want := "head" + string(sequence()); string(out.b) != want {
		t.Errorf("got %.20q…, want %.20q…", out.b, want)
	}
}

func TestFlippedByteIsNoticed(t *testing.T) {
	for name, b := range map[string][]byte{
		"small.xz": fixture(t, "small.xz"), "empty.xz": fixture(t, "empty.xz"),
		"without sizes": container(checkCRC32, testBlock{lzma2: stored("hello"), content: "hello"}),
		"SHA-256":       container(checkSHA256, testBlock{lzma2: stored("hello"), content: "hello"}),
	} {
		for i := range b {
			b[i] ^= 0x10
			for _, w := range ways {
				if w.name == "bytewise" {
					continue
				}
				if _, err := w.decode(b); err == nil {
					t.Errorf("%s, %s: byte %d was changed without an error", name, w.name, i)
				}
			}
			b[i] ^= 0x10
		}
	}
}

func TestTruncationIsCorrupt(t *testing.T) {
	b := fixture(t, "small.xz")
	for n := range b {
		if _, err := ways[0].decode(b[:n]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("stream of %d bytes: %v, want ErrCorrupt", n, err)
		}
		if _, err := decodeFile(b[:n], 2); !errors.Is(err, ErrCorrupt) {
			t.Errorf("file of %d bytes: %v, want ErrCorrupt", n, err)
		}
	}
}

func TestRefusesWhatFollowsTheStream(t *testing.T) {
	b := fixture(t, "single.xz")
	for name, tail := range map[string][]byte{
		"second stream":  b,
		"stream padding": make([]byte, 4),
		"newline":        []byte("\n"),
		"garbage":        []byte("garbage!"),
	} {
		for _, w := range ways {
			if got, err := w.decode(append(bytes.Clone(b), tail...)); err == nil {
				t.Errorf("%s, %s: %d bytes and no error", name, w.name, len(got))
			}
		}
		_, err := ways[0].decode(append(bytes.Clone(b), tail...))
		if !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v, want ErrUnsupported", name, err)
		}
	}
}

func TestRefusesOtherFilters(t *testing.T) {
	for _, name := range []string{"x86.xz", "delta.xz"} {
		for _, w := range ways {
			_, err := w.decode(fixture(t, name))
			if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "2 filters") {
				t.Errorf("%s, %s: %v, want a refusal of 2 filters", name, w.name, err)
			}
		}
	}
}

func TestErrorsOfTheSourceComeThrough(t *testing.T) {
	b := fixture(t, "small.xz")
	broken := errors.New("the line is cut")
	for n := range b {
		r := io.MultiReader(bytes.NewReader(b[:n]), iotest.ErrReader(broken))
		if _, err := io.ReadAll(NewReader(r)); !errors.Is(err, broken) || errors.Is(err, ErrCorrupt) {
			t.Fatalf("after %d bytes: %v, want the source's error", n, err)
		}
	}
}

type fullDisk struct{ error }

func (d fullDisk) WriteAt([]byte, int64) (int, error) { return 0, d.error }

func TestErrorsOfTheTargetComeThrough(t *testing.T) {
	b := fixture(t, "blocks.xz")
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	full := errors.New("disk full")
	if err := f.Decode(fullDisk{full}, 0, 2); err != full {
		t.Errorf("%v, want %v", err, full)
	}
}

func TestReaderKeepsItsError(t *testing.T) {
	b := fixture(t, "single.xz")
	r := NewReader(bytes.NewReader(b[:len(b)-1]))
	_, first := io.ReadAll(r)
	_, again := r.Read(make([]byte, 1))
	if first == nil || again != first {
		t.Errorf("first %v, then %v", first, again)
	}
}

// The header may ask for 64 MiB; ten bytes of content take no such dictionary.
func TestMemoryFollowsTheContent(t *testing.T) {
	b := container(checkCRC64, testBlock{dict: 28, sizes: true, lzma2: stored("0123456789"), content: "0123456789"})
	for _, w := range ways {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, err := w.decode(b)
		runtime.ReadMemStats(&after)
		if err != nil || string(got) != "0123456789" {
			t.Fatalf("%s: %q, %v", w.name, got, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
			t.Errorf("%s: %d bytes allocated", w.name, used)
		}
	}
}
