package explain

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/canonjson"
	"github.com/basal-project/basal/internal/digest"
)

// side is one of the two images.
type side struct {
	name   string
	src    Source
	blobs  map[digest.Digest]blob // by the digest that names them
	faults []Fault
}

// blob is what was found under a name. The zero value says: nothing.
type blob struct {
	sum  digest.Digest
	size int64
}

func (s *side) fault(where, format string, args ...any) {
	s.faults = append(s.faults, Fault{s.name, where, fmt.Sprintf(format, args...)})
}

// check reads the blob d and reports once what is wrong with it.
func (s *side) check(where string, d oci.Descriptor) blob {
	if known, ok := s.blobs[d.Digest]; ok {
		return known
	}
	var found blob
	r, err := s.src.OpenUnsafe(d.Digest)
	if err == nil {
		found, err = sum(r)
		r.Close()
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.fault(where, "blob %s is missing", d.Digest)
	case err != nil:
		s.fault(where, "blob %s cannot be read: %v", d.Digest, err)
	case found.sum != d.Digest:
		s.fault(where, "blob %s does not match its name (found %s)", d.Digest, found.sum)
	case found.size != d.Size:
		s.fault(where, "blob %s has %d bytes, its descriptor says %d", d.Digest, found.size, d.Size)
	}
	s.blobs[d.Digest] = found
	return found
}

func sum(r io.Reader) (blob, error) {
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(r, maxBlob+1))
	if err != nil {
		return blob{}, err
	}
	if n > maxBlob {
		return blob{}, fmt.Errorf("more than %d bytes", int64(maxBlob))
	}
	return blob{digest.Digest(h.Sum(nil)), n}, nil
}

// document returns the bytes found for d, nil when there are none.
func (s *side) document(where string, d oci.Descriptor) []byte {
	found := s.check(where, d)
	if found.sum.IsZero() {
		return nil
	}
	if found.size > maxDocument {
		s.fault(where, "document %s has %d bytes, more than %d", d.Digest, found.size, maxDocument)
		return nil
	}
	r, err := s.src.OpenUnsafe(d.Digest)
	if err != nil {
		s.fault(where, "blob %s cannot be read: %v", d.Digest, err)
		return nil
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxDocument))
	if err != nil {
		s.fault(where, "blob %s cannot be read: %v", d.Digest, err)
		return nil
	}
	return b
}

// parse reads a document into v and reports whether it could. Keys that v does
// not have are passed over.
func (s *side) parse(where string, b []byte, v any) bool {
	if b == nil {
		return false
	}
	err := canonjson.UnmarshalForeign(b, v)
	if err != nil {
		s.fault(where, "document cannot be read: %v", err)
	}
	return err == nil
}
