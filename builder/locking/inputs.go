package locking

import (
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// inputs pins the local files of the spec.
func (m *maker) inputs() ([]specs.Input, error) {
	var out []specs.Input
	for _, path := range m.Spec.LocalFiles() {
		b, err := m.Local(path)
		if err != nil {
			return nil, diag.Usagef("%s: local file %q: %w", m.File, path, err)
		}
		out = append(out, specs.Input{Path: path, Size: int64(len(b)), SHA256: digest.Of(b)})
	}
	return out, nil
}
