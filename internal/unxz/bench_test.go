package unxz

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/ulikunitz/xz"
)

// text is content that compresses about like documentation.
func text(n int) []byte {
	var b bytes.Buffer
	state := uint32(1)
	for b.Len() < n {
		state = state*1664525 + 1013904223
		fmt.Fprintf(&b, "%d %s ", state>>20, []string{"zone", "rule", "certificate", "the", "link", "of"}[state>>8%6])
	}
	return b.Bytes()[:n]
}

func compress(tb testing.TB, content []byte, blockSize int64) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := xz.WriterConfig{BlockSize: blockSize}.NewWriter(&b)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func BenchmarkUnxz(b *testing.B) {
	content := text(1 << 20)
	data := compress(b, content, 1<<18)
	run := func(name string, decode func() error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(content)))
			b.ReportAllocs()
			for b.Loop() {
				if err := decode(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	copied := func(r io.Reader) error {
		_, err := io.Copy(io.Discard, r)
		return err
	}
	run("stream", func() error { return copied(NewReader(bytes.NewReader(data))) })
	for _, workers := range []int{1, 2} {
		run(fmt.Sprintf("file/%d", workers), func() error {
			f, err := Open(bytes.NewReader(data), int64(len(data)))
			if err != nil {
				return err
			}
			return f.Decode(nowhere{}, 0, workers)
		})
	}
	run("ulikunitz", func() error {
		r, err := xz.NewReader(bufio.NewReaderSize(bytes.NewReader(data), bufferSize))
		if err != nil {
			return err
		}
		return copied(r)
	})
}

type nowhere struct{}

func (nowhere) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }

func TestAgainstItsEncoder(t *testing.T) {
	content := text(300_000)
	for _, blockSize := range []int64{0, 100_000, 299_999} {
		b := compress(t, content, blockSize)
		for _, w := range ways {
			if got, err := w.decode(b); err != nil || !bytes.Equal(got, content) {
				t.Errorf("blocks of %d, %s: %d bytes, %v", blockSize, w.name, len(got), err)
			}
		}
	}
}
