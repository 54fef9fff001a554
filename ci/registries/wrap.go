package registries

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
)

// refuse writes an error as the OCI distribution spec shapes it.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	type fault struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	json.NewEncoder(w).Encode(map[string][]fault{"errors": {{code, message}}})
}

// DeletesMoved is a registry that forgets a manifest when the last tag that named
// it moves to another one, even if an index needs the manifest, as zot does.
func DeletesMoved(next http.Handler) http.Handler {
	ask := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		next.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w
	}
	digestOf := func(path string) string { return ask(http.MethodHead, path).Header().Get("Docker-Content-Digest") }
	tagged := func(repository, digest string) bool {
		var list struct{ Tags []string }
		json.Unmarshal(ask(http.MethodGet, repository+"/tags/list").Body.Bytes(), &list)
		return slices.ContainsFunc(list.Tags, func(tag string) bool { return digestOf(repository+"/manifests/"+tag) == digest })
	}
	var mu sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		repository, name, found := strings.Cut(req.URL.Path, "/manifests/")
		if req.Method != http.MethodPut || !found || strings.Contains(name, ":") {
			next.ServeHTTP(w, req)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		before := digestOf(req.URL.Path)
		next.ServeHTTP(w, req)
		if before != "" && !tagged(repository, before) {
			ask(http.MethodDelete, repository+"/manifests/"+before)
		}
	})
}

// BlobsElsewhere is a registry that sends those who want a blob to another host,
// as registries on object storage do.
func BlobsElsewhere(base string) Wrapper {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.Method == http.MethodGet && strings.Contains(req.URL.Path, "/blobs/sha256:") {
				http.Redirect(w, req, base+req.URL.Path, http.StatusTemporaryRedirect)
				return
			}
			next.ServeHTTP(w, req)
		})
	}
}

// BasicAuth is a registry that wants a name and a password.
func BasicAuth(user, password string) Wrapper {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			u, p, _ := req.BasicAuth()
			if subtle.ConstantTimeCompare([]byte(u+"\x00"+p), []byte(user+"\x00"+password)) != 1 {
				w.Header().Set("WWW-Authenticate", `Basic realm="basal"`)
				refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
				return
			}
			next.ServeHTTP(w, req)
		})
	}
}

// Busy is a registry that answers every nth request with 429 and asks to come
// back after a second.
func Busy(nth int) Wrapper {
	return func(next http.Handler) http.Handler {
		turn := make(chan int, 1)
		turn <- 0
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			n := <-turn + 1
			turn <- n
			if n%nth == 0 {
				w.Header().Set("Retry-After", "1")
				refuse(w, http.StatusTooManyRequests, "TOOMANYREQUESTS", "slow down")
				return
			}
			next.ServeHTTP(w, req)
		})
	}
}

// Both wraps with inner first, then with outer.
func Both(outer, inner Wrapper) Wrapper {
	return func(next http.Handler) http.Handler { return outer(inner(next)) }
}
