// Package digest names bytes by their sha256 and lets nothing else through.
//
// It is the ground on which every other package stands: an input, a layer, a
// manifest and a lock section are all named by a Digest.
package digest

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
)

// Digest is the sha256 of some bytes. It is comparable; the zero value names
// nothing and is refused wherever a digest is read from text.
type Digest [sha256.Size]byte

// ErrMismatch says that bytes are not the ones their name promises: a wrong
// digest, a wrong size or trailing data. It is what a lying server causes, as
// opposed to a failing one.
var ErrMismatch = errors.New("content does not match its digest")

const prefix = "sha256:"

// Of returns the digest of b.
func Of(b []byte) Digest { return sha256.Sum256(b) }

// Parse reads the form "sha256:" and 64 lower-case hexadecimal digits, the one
// spelling that the OCI image specification registers for sha256.
func Parse(s string) (Digest, error) {
	hexa, ok := strings.CutPrefix(s, prefix)
	if !ok {
		return Digest{}, fmt.Errorf("digest %q does not begin with %q", s, prefix)
	}
	d, err := ParseHex(hexa)
	if err != nil {
		return Digest{}, fmt.Errorf("digest %q: %w", s, err)
	}
	return d, nil
}

// ParseHex reads 64 lower-case hexadecimal digits, the form of Debian's indexes.
func ParseHex(s string) (Digest, error) {
	var d Digest
	if len(s) != hex.EncodedLen(len(d)) {
		return Digest{}, fmt.Errorf("want %d hexadecimal digits, found %d characters", hex.EncodedLen(len(d)), len(s))
	}
	if strings.ToLower(s) != s {
		return Digest{}, errors.New("want lower-case hexadecimal digits")
	}
	if _, err := hex.Decode(d[:], []byte(s)); err != nil {
		return Digest{}, fmt.Errorf("want hexadecimal digits: %w", err)
	}
	if d.IsZero() {
		return Digest{}, errors.New("all zeros names nothing")
	}
	return d, nil
}

// IsZero reports whether d names nothing.
func (d Digest) IsZero() bool { return d == Digest{} }

// Hex returns the 64 digits without a prefix.
func (d Digest) Hex() string { return hex.EncodeToString(d[:]) }

// String returns the form that Parse reads.
func (d Digest) String() string { return prefix + d.Hex() }

// MarshalText writes the form that Parse reads.
func (d Digest) MarshalText() ([]byte, error) {
	if d.IsZero() {
		return nil, errors.New("internal error: a zero digest is being written")
	}
	return []byte(d.String()), nil
}

// UnmarshalText reads the form that Parse reads.
func (d *Digest) UnmarshalText(b []byte) error {
	parsed, err := Parse(string(b))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// NewReader returns a reader of r's bytes that ends with io.EOF only when they
// were exactly size bytes with digest want. Anything else ends with an error
// that wraps ErrMismatch, before EOF is ever returned, so that a consumer that
// reads to the end cannot have been deceived.
func NewReader(r io.Reader, want Digest, size int64) io.Reader {
	v := &reader{r: r, want: want, size: size, left: size, h: sha256.New()}
	if size < 0 {
		v.err = fmt.Errorf("%w: want %d bytes, which nothing has", ErrMismatch, size)
	}
	return v
}

type reader struct {
	r    io.Reader
	h    hash.Hash
	want Digest
	size int64
	left int64
	err  error
}

func (v *reader) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if v.left == 0 {
		v.err = v.finish()
		return 0, v.err
	}
	if int64(len(p)) > v.left {
		p = p[:v.left]
	}
	n, err := v.r.Read(p)
	v.h.Write(p[:n])
	v.left -= int64(n)
	switch {
	case err == io.EOF && v.left > 0:
		v.err = fmt.Errorf("%w: want %d bytes, found %d", ErrMismatch, v.size, v.size-v.left)
	case err != nil && err != io.EOF:
		v.err = err
	}
	return n, v.err
}

// finish is called when all expected bytes were read: nothing may follow, and
// the digest must be right. The digest goes first: it is the stronger word.
func (v *reader) finish() error {
	if got := Digest(v.h.Sum(nil)); got != v.want {
		return fmt.Errorf("%w: want %s, found %s", ErrMismatch, v.want, got)
	}
	var one [1]byte
	for {
		n, err := v.r.Read(one[:])
		switch {
		case n > 0:
			return fmt.Errorf("%w: more than the expected %d bytes", ErrMismatch, v.size)
		case err != nil:
			return err // io.EOF when all is well
		}
	}
}
