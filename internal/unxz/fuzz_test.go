package unxz

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

// fuzzLimit bounds what a fuzzed input may unpack to.
const fuzzLimit = 1 << 20

// FuzzUnxz holds the two ways to decode against each other and against the xz
// package, whose own container reader is the second opinion here.
func FuzzUnxz(f *testing.F) {
	names, err := filepath.Glob("testdata/*.xz")
	if err != nil || len(names) == 0 {
		f.Fatalf("no fixtures: %v", err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(container(checkSHA256, testBlock{sizes: true, lzma2: stored("hello"), content: "hello"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		stream, serr := io.ReadAll(io.LimitReader(NewReader(bytes.NewReader(b)), fuzzLimit))
		if len(stream) == fuzzLimit || errors.Is(serr, ErrUnsupported) {
			return
		}
		file, ferr := decodeFile(b, 2)
		if (serr == nil) != (ferr == nil) || serr == nil && !bytes.Equal(stream, file) {
			t.Fatalf("stream: %d bytes, %v; file: %d bytes, %v", len(stream), serr, len(file), ferr)
		}
		other, oerr := ulikunitz(b)
		// The xz package takes the end of the input behind any block for the end
		// of the stream, though no index and footer are there.
		if serr != nil && strings.HasSuffix(serr.Error(), "the data ends early") {
			return
		}
		if (serr == nil) != (oerr == nil) || serr == nil && !bytes.Equal(stream, other) {
			t.Fatalf("unxz: %d bytes, %v; xz: %d bytes, %v", len(stream), serr, len(other), oerr)
		}
	})
}

func ulikunitz(b []byte) ([]byte, error) {
	r, err := xz.ReaderConfig{SingleStream: true}.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, fuzzLimit))
}

// FuzzLZMA2 gets below the checksums: the input is the data of a block. A
// decoder that was used before must do what a new one does.
func FuzzLZMA2(f *testing.F) {
	f.Add(stored("hello"))
	f.Add([]byte{0xe0, 0, 0, 0, 4, 93, 0, 0, 0, 0, 0, 0})
	var b bytes.Buffer
	w, err := lzma.Writer2Config{DictCap: 4096}.NewWriter2(&b)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := w.Write(sequence()[:2000]); err != nil {
		f.Fatal(err)
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		var used, fresh decoder
		if _, err := decodeWith(&used, b.Bytes()); err != nil {
			t.Fatal(err)
		}
		again, uerr := decodeWith(&used, data)
		first, ferr := decodeWith(&fresh, data)
		if !bytes.Equal(again, first) || fmt.Sprint(uerr) != fmt.Sprint(ferr) {
			t.Fatalf("used: %d bytes, %v; fresh: %d bytes, %v", len(again), uerr, len(first), ferr)
		}
		r, err := lzma.Reader2Config{DictCap: 4096}.NewReader2(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		other, oerr := io.ReadAll(io.LimitReader(r, fuzzLimit))
		if ferr == nil && (oerr != nil || !bytes.Equal(first, other)) {
			t.Fatalf("unxz: %d bytes; lzma: %d bytes, %v", len(first), len(other), oerr)
		}
	})
}

func decodeWith(d *decoder, data []byte) ([]byte, error) {
	d.start(bufio.NewReader(bytes.NewReader(data)), lzma.MinDictCap)
	return io.ReadAll(io.LimitReader(d, fuzzLimit))
}
