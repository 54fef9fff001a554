package specs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/basal-project/basal/internal/canonjson"
)

// Caps on a lock.
const (
	maxLockSize = 16 << 20 // bytes
	maxExtends  = 8        // locks within locks
)

// ParseLock reads a lock.json and refuses whatever basal lock would not have
// written: a lock is read by builders that trust nobody. Only white space and
// the order of keys are free. file is its name in messages. The error joins all
// faults as *diag.Error with exit code 2; each names its place in the document,
// as in platforms[0].packages[2].path. Whether this program knows the recipe and
// the encoder is for the builder to say.
func ParseLock(file string, b []byte) (*Lock, error) {
	f := &faults{file: file}
	l, err := decodeLock(b)
	if err != nil {
		f.add(place{}, err.Error(), "restore the file, or remove it and run basal lock again")
		return nil, f.err()
	}
	checkLock(l, "", 0, f)
	if err := f.err(); err != nil {
		return nil, err
	}
	return l, nil
}

// Encode returns the lock's one form as a file: canonical JSON and a newline.
func (l *Lock) Encode() ([]byte, error) { return canonjson.MarshalFile(l) }

// decodeLock reads the JSON. encoding/json forgives much: keys in another case,
// null, second keys, defaults written out. So what was read is written again and
// must be the same; then nothing was forgiven.
func decodeLock(b []byte) (*Lock, error) {
	if len(b) > maxLockSize {
		return nil, fmt.Errorf("the lock has %d bytes, want at most %d", len(b), maxLockSize)
	}
	l, err := unmarshalLock(b)
	if err == nil {
		// The usual case, without making the canonical form of b first.
		if again, err := l.Encode(); err == nil && bytes.Equal(b, again) {
			return l, nil
		}
	}
	canon, err := canonjson.Canonicalize(b)
	if err != nil {
		return nil, err
	}
	if l, err = unmarshalLock(canon); err != nil {
		return nil, err
	}
	again, err := canonjson.Marshal(l)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(canon, again) {
		return nil, fmt.Errorf("not as basal writes it: found %s, want %s", around(canon, again), around(again, canon))
	}
	return l, nil
}

func unmarshalLock(b []byte) (*Lock, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	l := &Lock{}
	return l, dec.Decode(l)
}

// around returns the part of a that first differs from b.
func around(a, b []byte) string {
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	return quoted(strings.ToValidUTF8(string(a[max(0, i-20):min(len(a), i+20)]), ""))
}

// Platform returns the section of p.
func (l *Lock) Platform(p Platform) (*LockedPlatform, bool) {
	for i := range l.Platforms {
		if l.Platforms[i].Platform == p {
			return &l.Platforms[i], true
		}
	}
	return nil, false
}
