package debtest

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"
)

// ServeHTTP serves the archive's files, with ranges, and keeps a record of
// requests.
func (a *Archive) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	a.mu.Lock()
	a.requests = append(a.requests, name)
	content, ok := a.files[name]
	fault := a.faults[name]
	a.mu.Unlock()
	switch {
	case fault != nil:
		fault(w, r)
	case !ok:
		http.NotFound(w, r)
	default:
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}
}

// Paths returns the paths of all files, sorted, without a leading slash.
func (a *Archive) Paths() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	paths := make([]string, 0, len(a.files))
	for name := range a.files {
		paths = append(paths, name)
	}
	sort.Strings(paths)
	return paths
}

// Requests returns the paths that were asked for, in order, and forgets them.
func (a *Archive) Requests() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := a.requests
	a.requests = nil
	return all
}

// File returns the content of a file as it would be served without faults.
func (a *Archive) File(t testing.TB, path string) []byte {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	content, ok := a.files[path]
	if !ok {
		t.Fatalf("debtest: no file %q", path)
	}
	return slices.Clone(content)
}

// Put adds or replaces a file.
func (a *Archive) Put(path string, content []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.files[path] = content
}

// Remove takes a file out of the archive.
func (a *Archive) Remove(path string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.files, path)
}

// Fault answers requests for path by handler instead, until Heal.
func (a *Archive) Fault(path string, handler http.HandlerFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults[path] = handler
}

// Corrupt serves damage(content) for path, until Heal.
func (a *Archive) Corrupt(t testing.TB, path string, damage func([]byte) []byte) {
	t.Helper()
	content := damage(a.File(t, path))
	a.Fault(path, func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	})
}

// Heal removes all faults.
func (a *Archive) Heal() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.faults)
}

// Flip returns a damage that changes one bit of byte n, counted from the end
// when n is negative.
func Flip(n int) func([]byte) []byte {
	return func(b []byte) []byte {
		if n < 0 {
			b[len(b)+n] ^= 1
		} else {
			b[n] ^= 1
		}
		return b
	}
}

// Truncate returns a damage that drops the last n bytes.
func Truncate(n int) func([]byte) []byte {
	return func(b []byte) []byte { return b[:max(0, len(b)-n)] }
}

// Append returns a damage that adds bytes at the end.
func Append(s string) func([]byte) []byte {
	return func(b []byte) []byte { return append(b, s...) }
}

// HTML is the damage of a proxy that answers with a page of its own.
func HTML([]byte) []byte {
	return []byte("<!DOCTYPE html>\n<html><body>Please log in</body></html>\n")
}

// Status returns a handler that fails with an HTTP status.
func Status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, fmt.Sprint(code), code) }
}
