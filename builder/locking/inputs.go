package locking

import (
	"crypto/sha256"
	"io"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// inputs pins the local files of the spec.
func (m *maker) inputs() ([]specs.Input, error) {
	var out []specs.Input
	for _, path := range m.Spec.InputFiles() {
		in, err := m.input(path)
		if err != nil {
			return nil, diag.Usagef("%s: local file %q: %w", m.File, path, err)
		}
		out = append(out, in)
	}
	return out, nil
}

func (m *maker) input(path string) (specs.Input, error) {
	f, err := m.Local(path)
	if err != nil {
		return specs.Input{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return specs.Input{Path: path, Size: n, SHA256: digest.Digest(h.Sum(nil))}, err
}
