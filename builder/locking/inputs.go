package locking

import (
	"context"
	"crypto/sha256"
	"io"
	"strings"

	"github.com/basal-project/basal/builder/fetch"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// inputs pins the local files of the spec, and the files behind URLs.
func (m *maker) inputs(ctx context.Context) ([]specs.Input, error) {
	var out []specs.Input
	for _, path := range m.Spec.InputFiles() {
		in, err := m.pin(ctx, path)
		if err != nil {
			return nil, err
		}
		out = append(out, in)
	}
	return out, nil
}

// pin returns a file with its size and digest. The digests that the spec gives
// are what a file must have.
func (m *maker) pin(ctx context.Context, path string) (in specs.Input, err error) {
	wanted := m.Spec.InputDigests(path)
	if strings.HasPrefix(path, "https://") { // specs asks for the digest of a URL
		in = specs.Input{Path: path, SHA256: wanted[0]}
		if in.Size, err = m.client.Pin(ctx, path, wanted[0], fetch.MaxLocal); err != nil {
			return in, err
		}
	} else if in, err = m.input(path); err != nil {
		return in, diag.Usagef("%s: local file %q: %w", m.File, path, err)
	}
	for _, d := range wanted {
		if d != in.SHA256 {
			return in, diag.Usagef("%s: file %q is %s, and the spec says %s", m.File, path, in.SHA256, d).
				WithHint("write the digest of the file that is meant")
		}
	}
	return in, nil
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
