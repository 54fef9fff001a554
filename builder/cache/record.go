package cache

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/basal-project/basal/internal/digest"
)

// maxRecord bounds a record, in bytes. What is larger belongs into a blob that
// the record names.
const maxRecord = 1 << 20

// Record returns what SetRecord remembered: the result of some work of one kind
// on inputs that key stands for. A torn, damaged or misplaced record is absent.
//
// The check is against accidents only. Whoever can write the cache can forge a
// record, so nothing that is signed may rest on one.
func (c *Cache) Record(kind string, key digest.Digest) ([]byte, bool) {
	if !validKind(kind) {
		return nil, false
	}
	f, err := c.open(recordName(kind, key))
	if err != nil {
		return nil, false
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, sha256.Size+maxRecord+1))
	if err != nil || len(content) < sha256.Size || len(content) > sha256.Size+maxRecord {
		return nil, false
	}
	sum, b := content[:sha256.Size], content[sha256.Size:]
	if !bytes.Equal(sum, recordSum(kind, key, b)) {
		return nil, false
	}
	return b, true
}

// SetRecord remembers b, at most 1 MiB, in place of what was remembered before.
// A kind is lower-case letters, digits and "-"; it should name its version.
func (c *Cache) SetRecord(kind string, key digest.Digest, b []byte) error {
	if !validKind(kind) || len(b) > maxRecord {
		return fmt.Errorf("internal error: record of kind %q with %d bytes, want at most %d", kind, len(b), maxRecord)
	}
	t, err := c.create()
	if err != nil {
		return err
	}
	defer t.discard()
	if _, err := t.f.Write(append(recordSum(kind, key, b), b...)); err != nil {
		return err
	}
	if err := t.root.MkdirAll(records+"/"+kind, 0o755); err != nil {
		return err
	}
	return t.place(recordName(kind, key))
}

func recordName(kind string, key digest.Digest) string { return records + "/" + kind + "/" + key.Hex() }

// recordSum covers the name too, so that a record cannot answer for another.
func recordSum(kind string, key digest.Digest, b []byte) []byte {
	h := sha256.New()
	h.Write([]byte(kind))
	h.Write([]byte{0})
	h.Write(key[:])
	h.Write(b)
	return h.Sum(nil)
}

func validKind(kind string) bool {
	for _, r := range kind {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return kind != ""
}
