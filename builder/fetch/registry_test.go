package fetch

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path/filepath"
	"testing"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// shelf is a registry with one answer.
type shelf struct {
	content []byte
	err     error
	asked   int
}

func (s *shelf) Open(context.Context, specs.Artifact) (io.ReadCloser, error) {
	s.asked++
	return io.NopCloser(bytes.NewReader(s.content)), s.err
}

func TestRegistry(t *testing.T) {
	a := specs.Artifact{SHA256: digest.Of(body), Size: int64(len(body)), Repository: "reg.example/base", MediaType: "layer"}
	dir := filepath.Join(t.TempDir(), "inputs")
	s := &shelf{content: body}
	c := clientWith(t, Options{Registry: s, Transport: noNetwork{t}})
	for range 2 {
		mustRead(t, c, a, body)
	}
	if err := c.Export(t.Context(), []specs.Artifact{a, a}, dir, 1); err != nil || s.asked != 1 {
		t.Errorf("%v, asked %d times, want once: then it is in the cache", err, s.asked)
	}
	inputs, err := OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	offline := clientWith(t, Options{Registry: s, Directory: inputs, Offline: true, Transport: noNetwork{t}})
	mustRead(t, offline, a, body)

	errAway := diag.Unavailablef("away")
	for name, c := range map[string]struct {
		opt  Options
		code diag.Code
		is   error
	}{
		"offline":     {Options{Registry: s, Offline: true}, diag.Unavailable, nil},
		"no registry": {Options{}, diag.Unavailable, nil},
		"away":        {Options{Registry: &shelf{err: errAway}}, diag.Unavailable, errAway},
		"other bytes": {Options{Registry: &shelf{content: bytes.ToUpper(append([]byte("x"), body[1:]...))}}, diag.Failed, digest.ErrMismatch},
		"cut off":     {Options{Registry: &shelf{content: body[1:]}}, diag.Failed, digest.ErrMismatch},
		"longer":      {Options{Registry: &shelf{content: append(bytes.Clone(body), 'x')}}, diag.Failed, digest.ErrMismatch},
	} {
		c.opt.Transport = noNetwork{t}
		client := clientWith(t, c.opt)
		_, err := client.Open(t.Context(), a)
		if diag.CodeOf(err) != c.code || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: got code %d, %v", name, diag.CodeOf(err), err)
		}
		if client.Cache().Has(a.SHA256, a.Size) {
			t.Errorf("%s: the cache has it", name)
		}
	}
}
