package fetch

import (
	"errors"
	"net/http"
	"testing"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

func TestPin(t *testing.T) {
	content := []byte("a program that somebody else has built")
	h := serve(t, func(w http.ResponseWriter, r *http.Request, _ int) { w.Write(content) })
	c := client(t)
	url := h.URL + "/tool/v1/tool-amd64"
	n, err := c.Pin(t.Context(), url, digest.Of(content), 100)
	if err != nil || n != int64(len(content)) {
		t.Fatalf("got %d, %v, want %d", n, err, len(content))
	}
	if n, err = c.Pin(t.Context(), url, digest.Of(content), 100); err != nil || n != int64(len(content)) || len(h.requests()) != 1 {
		t.Fatalf("the second time: got %d, %v and the requests %q", n, err, h.requests())
	}
	_, err = c.Pin(t.Context(), url, digest.Of([]byte("another")), 100)
	if !errors.Is(err, digest.ErrMismatch) || diag.CodeOf(err) != diag.Usage {
		t.Errorf("other bytes: got %v with exit code %d, want a mismatch with 2", err, diag.CodeOf(err))
	}
	mustHave(t, err.Error(), digest.Of(content).String(), digest.Of([]byte("another")).String())
	_, err = client(t).Pin(t.Context(), url, digest.Of(content), 10)
	if !errors.Is(err, digest.ErrMismatch) {
		t.Errorf("too large: got %v, want a mismatch", err)
	}
	mustHave(t, err.Error(), "at most 10 bytes")
}
