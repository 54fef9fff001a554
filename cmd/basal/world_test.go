package main

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/basal-project/basal/builder/debian/debtest"
)

// world is what basal sees of the outside: below /mirror/ an archive with all
// the faults that a script wants, and below /snapshot/ a snapshot service that
// has what the archive ever had, without faults. /nothing is a service that has
// nothing.
type world struct {
	t       testing.TB
	archive *debtest.Archive
	debs    map[string][]debtest.Deb // by suite
	other   *debtest.Key
	stop    func()

	mu      sync.Mutex
	kept    map[string][]byte // what the snapshot service has
	blocked chan struct{}     // receives when a blocked file is asked for
}

type worldKey struct{}

func newWorld(t testing.TB) *world {
	return &world{
		t: t, archive: debtest.New(t), debs: map[string][]debtest.Deb{}, other: debtest.NewKey(t, 0),
		kept: map[string][]byte{}, blocked: make(chan struct{}, 100),
	}
}

// ServeHTTP implements http.Handler.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	place, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch place {
	case "mirror":
		// /mirror/debian/…
		_, file, _ := strings.Cut(rest, "/")
		http.StripPrefix(strings.TrimSuffix(r.URL.Path, file), w.archive).ServeHTTP(rw, r)
	case "snapshot":
		// /snapshot/archive/debian/20250601T120000Z/…
		if parts := strings.SplitN(rest, "/", 4); len(parts) == 4 {
			w.mu.Lock()
			b, ok := w.kept[parts[3]]
			w.mu.Unlock()
			if ok {
				rw.Write(b)
				return
			}
		}
		http.NotFound(rw, r)
	default:
		http.NotFound(rw, r)
	}
}

// set replaces the package of that name and architecture in a suite, or adds it.
func (w *world) set(suite string, d debtest.Deb) {
	w.drop(suite, d.Name, d.Arch)
	w.debs[suite] = append(w.debs[suite], d)
}

func (w *world) drop(suite, name, arch string) {
	w.debs[suite] = slices.DeleteFunc(w.debs[suite], func(o debtest.Deb) bool { return o.Name == name && o.Arch == arch })
}

// publish brings the archive up to date. Files of before stay, as on a mirror.
func (w *world) publish(s debtest.Suite) {
	s.Packages = w.debs[s.Name]
	w.archive.Publish(w.t, s)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, path := range w.archive.Paths() {
		w.kept[path] = w.archive.File(w.t, path)
	}
}

// paths returns the files whose paths contain part.
func (w *world) paths(part string) []string {
	return slices.DeleteFunc(w.archive.Paths(), func(p string) bool { return !strings.Contains(p, part) })
}

// block answers requests for a file with nothing, until the client goes away.
func (w *world) block(path string) {
	w.archive.Fault(path, func(_ http.ResponseWriter, r *http.Request) {
		w.blocked <- struct{}{}
		<-r.Context().Done()
	})
}

// awaitBlocked waits until somebody asks for a blocked file.
func (w *world) awaitBlocked() bool {
	select {
	case <-w.blocked:
		return true
	case <-time.After(20 * time.Second):
		return false
	}
}
