package deb

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// full is a scratch file without space.
type full struct{ Scratch }

var errFull = errors.New("no space left")

func (full) WriteAt([]byte, int64) (int, error) { return 0, errFull }

func TestFullScratchDoesNotBlameThePackage(t *testing.T) {
	for _, ext := range []string{"", ".gz", ".xz", ".zst"} {
		b := arFile(parts(t, ext, file("a", strings.Repeat("a", 100_000)))...)
		_, err := Read(bytes.NewReader(b), full{}, Options{})
		if !errors.Is(err, errFull) || strings.Contains(err.Error(), ".deb") {
			t.Errorf("data.tar%s: got %v, want an error of the temporary file alone", ext, err)
		}
	}
}
