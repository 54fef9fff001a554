// Package gz is the one compressor of published bytes. The encoder is an input
// of every image: other versions, levels and libraries write other bytes, so
// its exact name stands in the lock, and a test and a self-check hold it.
package gz

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/basal-project/basal/internal/digest"
)

// Encoder is the name under which a lock records this compressor: format,
// implementation with its version, and level.
const Encoder = "gzip/klauspost-1.20.3/6"

const level = 6

// Writer compresses; Close ends the stream and does not close what is below.
type Writer = gzip.Writer

var pool = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(io.Discard, level)
	if err != nil {
		panic("internal error: gzip level: " + err.Error()) // level is a constant
	}
	return z
}}

// Compress calls write with a writer whose bytes arrive compressed at w. The
// gzip header has no name, no time and no operating system (RFC 1952: OS 255).
func Compress(w io.Writer, write func(io.Writer) error) error {
	z := pool.Get().(*gzip.Writer)
	defer pool.Put(z)
	z.Reset(w)
	z.ModTime = time.Unix(0, 0) // its zero value would be written as a date in the year 1
	if err := write(z); err != nil {
		return err
	}
	return z.Close()
}

// selfCheckDigest is the digest of the compressed corpus of SelfCheck.
const selfCheckDigest = "sha256:157d358becc21d9be21709876446afbaeb6c2db5ef09a8b51cfc0cbc0269b2b2"

// SelfCheck compresses a small fixed corpus and reports an error when the
// result is not what Encoder's name promises: basal was then linked with
// another version of the library, and every digest that it makes would be its
// own. It is run once before a build.
func SelfCheck() error {
	var out bytes.Buffer
	err := Compress(&out, func(w io.Writer) error {
		_, err := w.Write(corpus())
		return err
	})
	if err != nil {
		return err
	}
	if got := digest.Of(out.Bytes()).String(); got != selfCheckDigest {
		return fmt.Errorf("internal error: this program's gzip encoder is not %s: self-check gives %s, want %s", Encoder, got, selfCheckDigest)
	}
	return nil
}

// corpus mixes runs, text-like repetition and noise, so that literals, short
// and long matches and stored blocks all occur. It comes from a linear
// congruential generator: no data file, the same everywhere.
func corpus() []byte {
	b := make([]byte, 0, 24<<10)
	x := uint32(1)
	next := func() byte {
		x = x*1664525 + 1013904223
		return byte(x >> 24)
	}
	for len(b) < 8<<10 {
		b = append(b, "usr/share/zoneinfo/"...)
		b = append(b, 'A'+next()%26, 'a'+next()%26, '/', 'a'+next()%26, 0)
	}
	for len(b) < 16<<10 {
		b = append(b, next())
	}
	return append(b, make([]byte, 8<<10)...)
}
