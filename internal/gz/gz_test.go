package gz

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"strings"
	"testing"
)

func TestSelfCheck(t *testing.T) {
	if err := SelfCheck(); err != nil {
		t.Fatal(err)
	}
}

// TestName holds the version in Encoder to the version that go.mod pins.
func TestName(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	version := strings.Split(Encoder, "/")[1]
	want := "github.com/klauspost/compress v" + strings.TrimPrefix(version, "klauspost-")
	if !strings.Contains(string(mod), want) {
		t.Errorf("Encoder is %q, but go.mod does not say %q", Encoder, want)
	}
}

func TestHeaderAndRoundTrip(t *testing.T) {
	var out bytes.Buffer
	if err := Compress(&out, func(w io.Writer) error { _, err := w.Write(corpus()); return err }); err != nil {
		t.Fatal(err)
	}
	if want := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}; !bytes.HasPrefix(out.Bytes(), want) {
		t.Errorf("header is % x, want % x", out.Bytes()[:10], want)
	}
	r, err := gzip.NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	back, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(back, corpus()) {
		t.Errorf("round trip differs (error %v)", err)
	}
}

// TestWriteSizes: the caller's buffering must not reach the published bytes.
func TestWriteSizes(t *testing.T) {
	var want []byte
	for _, size := range []int{24 << 10, 1, 7, 512, 4096, 10000} {
		var out bytes.Buffer
		err := Compress(&out, func(w io.Writer) error {
			for b := corpus(); len(b) > 0; {
				n := min(size, len(b))
				if _, err := w.Write(b[:n]); err != nil {
					return err
				}
				b = b[n:]
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = out.Bytes()
		}
		if !bytes.Equal(out.Bytes(), want) {
			t.Errorf("writes of %d bytes change the output", size)
		}
	}
}

func BenchmarkGzip(b *testing.B) {
	data := bytes.Repeat(corpus(), 100)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if err := Compress(io.Discard, func(w io.Writer) error { _, err := w.Write(data); return err }); err != nil {
			b.Fatal(err)
		}
	}
}
