package registry

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// listing answers each page of a list with the page's body and a link to the
// next one.
func listing(t *testing.T, mediaType string, page func(n int) (body, link string)) *server {
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/v2/" {
			return
		}
		if strings.Contains(req.URL.Path, "/manifests/") {
			complain(w, http.StatusNotFound, "MANIFEST_UNKNOWN")
			return
		}
		n := 0
		fmt.Sscan(req.URL.Query().Get("page"), &n)
		body, link := page(n)
		w.Header().Set("Content-Type", mediaType)
		if link != "" {
			w.Header().Set("Link", link)
		}
		fmt.Fprint(w, body)
	}), nil)
}

func tagPage(tags ...string) string { return `{"tags":["` + strings.Join(tags, `","`) + `"]}` }

func TestListsInPages(t *testing.T) {
	s := listing(t, "application/json", func(n int) (string, string) {
		if n == 3 {
			return tagPage("b", "a"), ""
		}
		return tagPage("b", fmt.Sprint("c", n)), fmt.Sprintf(`</v2/team/image/tags/list?page=%d>; rel="next"`, n+1)
	})
	tags, err := s.repository(t).Tags(context.Background())
	if got := strings.Join(tags, " "); err != nil || got != "a b c0 c1 c2" {
		t.Errorf("got %q, %v", got, err)
	}

	described := func(n int) string {
		return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":7}`, oci.MediaTypeManifest, digest.Of([]byte{byte(n), byte(n >> 8)}))
	}
	s = listing(t, oci.MediaTypeIndex, func(n int) (string, string) {
		link := ""
		if n < 2 {
			link = fmt.Sprintf(`<?page=%d>; rel="next"`, n+1)
		}
		return `{"schemaVersion":2,"manifests":[` + described(n) + `,` + described(9) + `]}`, link
	})
	all, err := s.repository(t).Referrers(context.Background(), digest.Of(nil))
	if err != nil || len(all) != 4 {
		t.Errorf("got %v, %v; want 4", all, err)
	}
}

func TestListsThatAreRefused(t *testing.T) {
	one := fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":7}`, oci.MediaTypeManifest, digest.Of(nil))
	next := func(n int) string { return fmt.Sprintf(`<?page=%d>; rel="next"`, n+1) }
	referrers := func(r *Repository) error {
		_, err := r.Referrers(context.Background(), digest.Of(nil))
		return err
	}
	tags := func(r *Repository) error { _, err := r.Tags(context.Background()); return err }
	cases := []struct {
		name string
		call func(*Repository) error
		page func(n int) (body, link string)
		code diag.Code
		text string
	}{
		{"another host", tags, func(int) (string, string) { return tagPage("a"), `<http://localhost:1/v2/>; rel="next"` }, diag.Unavailable, "another host"},
		{"no end", tags, func(n int) (string, string) { return tagPage("a"), next(0) }, diag.Unavailable, "more than 1000 pages"},
		{"too many tags", tags, func(n int) (string, string) {
			return tagPage(strings.Split(strings.Repeat("a ", 60_000), " ")...), next(n)
		}, diag.Unavailable, "more than 100000 tags"},
		{"no list", tags, func(int) (string, string) { return "<html>", "" }, diag.Unavailable, "no list"},
		{"too many referrers", referrers, func(n int) (string, string) {
			return `{"manifests":[` + strings.Repeat(one+",", 5000) + one + `]}`, next(n)
		}, diag.Unavailable, "more than 10000 referrers"},
		{"sha512", referrers, func(int) (string, string) {
			return `{"manifests":[{"mediaType":"x","digest":"sha512:` + strings.Repeat("1", 128) + `","size":7}]}`, ""
		}, diag.Failed, "sha512"},
		{"no digest", referrers, func(int) (string, string) { return `{"manifests":[{"mediaType":"x","size":7}]}`, "" }, diag.Failed, "without digest"},
		{"negative size", referrers, func(int) (string, string) {
			return `{"manifests":[` + strings.Replace(one, "7", "-7", 1) + `]}`, ""
		}, diag.Failed, ""},
	}
	for _, c := range cases {
		s := listing(t, oci.MediaTypeIndex, c.page)
		err := c.call(s.repository(t))
		if err == nil || diag.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: got %v, exit code %d; want %q and %d", c.name, err, diag.CodeOf(err), c.text, c.code)
		}
	}
}

// Registries without the referrers API say so in many ways.
func TestNoReferrersAPI(t *testing.T) {
	for _, status := range []int{200, 400, 401, 403, 404, 405, 406, 501} {
		subject := manifest(t, "subject", nil)
		s := serve(t, plainRegistry(false), func(w http.ResponseWriter, req *http.Request) bool {
			if !strings.Contains(req.URL.Path, "/referrers/") {
				return false
			}
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
			return true
		})
		referrer := manifest(t, "a", &subject.Descriptor)
		s.put(t, "/v2/team/image/manifests/"+referrer.Descriptor.Digest.String(), referrer)
		s.put(t, "/v2/team/image/manifests/"+fallbackTag(subject.Descriptor.Digest), index(t, referrer.Descriptor))
		got, err := s.repository(t).Referrers(context.Background(), subject.Descriptor.Digest)
		if err != nil || len(got) != 1 {
			t.Errorf("%d: got %v, %v", status, got, err)
		}
	}
}

func TestFallbackTagOfSomethingElse(t *testing.T) {
	s := serve(t, plainRegistry(false), nil)
	subject := manifest(t, "subject", nil)
	s.put(t, "/v2/team/image/manifests/"+fallbackTag(subject.Descriptor.Digest), manifest(t, "an image", nil))
	if got, err := s.repository(t).Referrers(context.Background(), subject.Descriptor.Digest); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v; want none", got, err)
	}
}

// Registries say of a repository without tags what they say of none at all.
func TestNoTags(t *testing.T) {
	s := serve(t, nil, func(w http.ResponseWriter, req *http.Request) bool {
		if strings.HasSuffix(req.URL.Path, "/tags/list") {
			complain(w, http.StatusNotFound, "NAME_UNKNOWN")
			return true
		}
		return false
	})
	if tags, err := s.repository(t).Tags(context.Background()); err != nil || len(tags) != 0 {
		t.Errorf("got %q, %v; want none", tags, err)
	}
	s = listing(t, "application/json", func(int) (string, string) { return tagPage("a"), `</v2/gone/manifests/x>; rel=next` })
	if tags, err := s.repository(t).Tags(context.Background()); err == nil {
		t.Errorf("a list whose second page is not there: got %q", tags)
	}
}

func TestWhatCannotBeATag(t *testing.T) {
	s := listing(t, "application/json", func(int) (string, string) {
		return tagPage("a", strings.Repeat("b", 129), "", `\u001b[2J`, "c/d", strings.Repeat("e", 128)), ""
	})
	if tags, err := s.repository(t).Tags(context.Background()); err != nil || len(tags) != 2 {
		t.Errorf("got %q, %v", tags, err)
	}
}

func TestListsHaveALimit(t *testing.T) {
	pages := 0
	s := listing(t, "application/json", func(n int) (string, string) {
		pages++
		return `{"tags":[],"x":"` + strings.Repeat("x", 4_000_000) + `"}`, fmt.Sprintf(`<?page=%d>; rel="next"`, n+1)
	})
	_, err := s.repository(t).Tags(context.Background())
	if diag.CodeOf(err) != diag.Unavailable || !strings.Contains(fmt.Sprint(err), "32 MiB") || pages > 9 {
		t.Errorf("got %v after %d pages", err, pages)
	}
}

// A refusal to list is no answer, and says how to go on without evidence.
func TestRefusedLists(t *testing.T) {
	ctx := context.Background()
	calls := map[string]func(*Repository) error{
		"/tags/list":   func(r *Repository) error { _, err := r.Tags(ctx); return err },
		"/referrers/":  func(r *Repository) error { _, err := r.Referrers(ctx, digest.Of(nil)); return err },
		"/manifests/s": func(r *Repository) error { _, err := r.Referrers(ctx, digest.Of(nil)); return err },
	}
	for path, call := range calls {
		for _, status := range []int{200, 302, 303, 401, 403, 405, 501} {
			if path == "/referrers/" && status > 403 {
				continue // no such API
			}
			s := serve(t, plainRegistry(false), func(w http.ResponseWriter, req *http.Request) bool {
				if !strings.Contains(req.URL.Path, path) {
					return false
				}
				w.Header().Set("Content-Type", "text/html")
				if status/100 == 3 {
					w.Header().Set("Location", "http://elsewhere.example/login?s3cret")
				}
				w.WriteHeader(status)
				return true
			})
			err := call(s.repository(t))
			if diag.CodeOf(err) != diag.Unavailable || !strings.Contains(diag.HintOf(err), "--no-evidence") || strings.Contains(fmt.Sprint(err), "s3cret") {
				t.Errorf("%s, %d: got %v, exit code %d, hint %q", path, status, err, diag.CodeOf(err), diag.HintOf(err))
			}
			if strings.Contains(diag.HintOf(err), "say --insecure") {
				t.Errorf("%s, %d: hint %q", path, status, diag.HintOf(err))
			}
		}
	}
}

func TestSpellingsOfTheMediaType(t *testing.T) {
	one := fmt.Sprintf(`{"manifests":[{"mediaType":%q,"digest":%q,"size":7,"annotations":{"a":"b"},"data":"eA=="}]}`, oci.MediaTypeManifest, digest.Of(nil))
	for _, mediaType := range []string{oci.MediaTypeIndex + "; charset=utf-8", strings.ToUpper(oci.MediaTypeIndex), oci.MediaTypeIndex + ";charset"} {
		s := listing(t, mediaType, func(int) (string, string) { return one, "" })
		got, err := s.repository(t).Referrers(context.Background(), digest.Of(nil))
		if err != nil || len(got) != 1 || got[0].Annotations != nil {
			t.Errorf("%s: got %v, %v", mediaType, got, err)
		}
	}
}

func TestFallbackTagThatCannotBeRead(t *testing.T) {
	for body, mediaType := range map[string]string{
		`{"schemaVersion":2,"manifests":[`: oci.MediaTypeIndex,
		`<xml/>`:                           "application/xml",
		`{"manifests":[]}`:                 "application/vnd.example.list+json",
		`{"schemaVersion":1,"mediaType":"application/vnd.docker.distribution.manifest.v1+json"}`: "",
	} {
		s := serve(t, plainRegistry(false), func(w http.ResponseWriter, req *http.Request) bool {
			if !strings.Contains(req.URL.Path, "/manifests/sha256-") {
				return false
			}
			w.Header().Set("Content-Type", mediaType)
			fmt.Fprint(w, body)
			return true
		})
		if got, err := s.repository(t).Referrers(context.Background(), digest.Of(nil)); err == nil {
			t.Errorf("%s: got %v, no error", body, got)
		}
	}
}
