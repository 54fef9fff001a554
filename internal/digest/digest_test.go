package digest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

const (
	abc  = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // of "abc", FIPS 180-2
	zero = "0000000000000000000000000000000000000000000000000000000000000000"
)

func TestTextForm(t *testing.T) {
	d := Of([]byte("abc"))
	if d.String() != abc || "sha256:"+d.Hex() != abc || d.IsZero() {
		t.Errorf("got %s, want %s", d, abc)
	}
	back, err := Parse(abc)
	if err != nil || back != d {
		t.Errorf("got %s, %v", back, err)
	}
	b, err := json.Marshal(map[Digest]Digest{d: d})
	if err != nil || string(b) != `{"`+abc+`":"`+abc+`"}` {
		t.Errorf("got %s, %v", b, err)
	}
	var m map[Digest]Digest
	if err := json.Unmarshal(b, &m); err != nil || m[d] != d {
		t.Errorf("got %v, %v", m, err)
	}
	if b, err := json.Marshal(Digest{}); err == nil {
		t.Errorf("the zero digest is written as %s", b)
	}
}

func TestOneSpelling(t *testing.T) {
	hex := strings.TrimPrefix(abc, "sha256:")
	for _, bad := range []string{
		"", "sha256:", hex, "sha256:" + hex[1:], abc + "0", "SHA256:" + hex, "sha512:" + hex, "sha256:" + strings.ToUpper(hex),
		"sha256:" + hex[:63] + "g", "sha256: " + hex[1:], abc + "\n", "sha256:" + zero,
	} {
		if d, err := Parse(bad); err == nil {
			t.Errorf("%q is read as %s", bad, d)
		}
		d := Of(nil)
		if err := d.UnmarshalText([]byte(bad)); err == nil || d != Of(nil) {
			t.Errorf("%q is unmarshalled as %s", bad, d)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(abc)
	f.Add("sha256:" + zero)
	f.Add(strings.ToUpper(abc))
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := Parse(s); err == nil && d.String() != s {
			t.Errorf("%q is read as %s", s, d)
		}
	})
}

func TestReaderPassesTheRightBytes(t *testing.T) {
	for _, size := range []int{0, 1, 511, 512, 100_000} {
		b := bytes.Repeat([]byte("x"), size)
		for name, r := range map[string]io.Reader{
			"plain": bytes.NewReader(b), "bytewise": iotest.OneByteReader(bytes.NewReader(b)), "end with data": iotest.DataErrReader(bytes.NewReader(b)),
		} {
			got, err := io.ReadAll(NewReader(r, Of(b), int64(size)))
			if err != nil || !bytes.Equal(got, b) {
				t.Errorf("%d %s: %d bytes, %v", size, name, len(got), err)
			}
		}
	}
	if err := iotest.TestReader(NewReader(strings.NewReader("hello"), Of([]byte("hello")), 5), []byte("hello")); err != nil {
		t.Error(err)
	}
}

// Whatever is wrong, the reader fails before it says io.EOF, and keeps failing.
func TestReaderStopsWrongBytes(t *testing.T) {
	const good = "hello, world"
	for name, tt := range map[string]struct {
		bytes string
		size  int64
	}{
		"flipped":       {"hellO, world", 12},
		"cut":           {"hello, worl", 12},
		"empty":         {"", 12},
		"longer":        {"hello, world!", 12},
		"smaller claim": {good, 11},
		"larger claim":  {good, 13},
		"claim of none": {good, 0},
		"negative":      {good, -1},
	} {
		for how, wrap := range map[string]func(io.Reader) io.Reader{"plain": func(r io.Reader) io.Reader { return r }, "bytewise": iotest.OneByteReader, "end with data": iotest.DataErrReader} {
			r := NewReader(wrap(strings.NewReader(tt.bytes)), Of([]byte(good)), tt.size)
			b, err := io.ReadAll(r)
			if !errors.Is(err, ErrMismatch) {
				t.Errorf("%s, %s: read %q, %v, want ErrMismatch", name, how, b, err)
			}
			if int64(len(b)) > max(tt.size, 0) {
				t.Errorf("%s, %s: %d bytes came through", name, how, len(b))
			}
			if _, again := r.Read(make([]byte, 8)); !errors.Is(again, ErrMismatch) {
				t.Errorf("%s, %s: read again: %v", name, how, again)
			}
		}
	}
}

func TestReaderHandsOnErrors(t *testing.T) {
	cut := errors.New("the line is cut")
	for _, n := range []string{"", "he", "hello"} {
		r := NewReader(io.MultiReader(strings.NewReader(n), iotest.ErrReader(cut)), Of([]byte("hello")), 5)
		if _, err := io.ReadAll(r); !errors.Is(err, cut) || errors.Is(err, ErrMismatch) {
			t.Errorf("after %q: %v, want %v", n, err, cut)
		}
	}
	if n, err := NewReader(strings.NewReader(""), Of(nil), 0).Read(nil); n != 0 || err != nil {
		t.Errorf("an empty read says %d, %v", n, err)
	}
}
