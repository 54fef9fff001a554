package fetch

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// Who fetches from an address of a spec's own is told nothing of Debian's mirrors.
func TestHints(t *testing.T) {
	own, mirror := place{theArchive, "https://example.org/x"}, place{"mirror", "https://example.org/debian"}
	for _, c := range []struct {
		err                 error
		ofAddress, ofMirror string
	}{
		{refusef("got 404 Not Found"), "check the address", "check the names"},
		{errors.New("connection refused"), "check the network and the address", "check the network, or"},
		{refusef("%w: got 1 byte", digest.ErrMismatch), "may have been replaced", "were signed for"},
		{refusef("%w: got %w", digest.ErrMismatch, errHTML), "in the place of the server", "in the place of the mirror"},
	} {
		for p, want := range map[place]string{own: c.ofAddress, mirror: c.ofMirror} {
			got := diag.HintOf(exhausted("x", []error{failure{p, c.err}}))
			if !strings.Contains(got, want) || p == own && strings.Contains(strings.ToLower(got), "mirror") {
				t.Errorf("%v at a %s: hint %q, want %q", c.err, p.kind, got, want)
			}
		}
	}
	if got := diag.HintOf(exhausted("x", []error{failure{own, fmt.Errorf("%w", errors.New("x"))}, failure{mirror, errors.New("y")}})); !strings.Contains(got, "--mirror") {
		t.Errorf("got %q", got)
	}
}
