package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// Limits of what is listed. More is an error, because a list that was cut off
// looks like a list.
const (
	maxTags      = 100_000
	maxReferrers = 10_000
	maxPages     = 1_000
)

// Tags returns all tags, sorted.
func (r *Repository) Tags(ctx context.Context) ([]string, error) {
	var tags []string
	first := r.url("tags", "list") + "?n=1000"
	err := r.do(ctx, reading, "list tags", func(ctx context.Context, s *session) error {
		tags = nil
		return s.pages(ctx, first, nil, func(resp *http.Response, page []byte) error {
			var list struct {
				Tags []string `json:"tags"`
			}
			if err := json.Unmarshal(page, &list); err != nil {
				return diag.Unavailablef("the answer is no list of tags: %w", err)
			}
			if tags = append(tags, list.Tags...); len(tags) > maxTags {
				return diag.Unavailablef("there are more than %d tags", maxTags)
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(tags)
	return slices.Compact(tags), nil
}

// Referrers returns the descriptors of the manifests whose subject is the one
// that is named, sorted by digest: those that the referrers API knows, and those
// in the index under the fallback tag. What they say but for digest and size is
// a hint: registries get the artifact type wrong.
func (r *Repository) Referrers(ctx context.Context, subject digest.Digest) ([]oci.Descriptor, error) {
	var all []oci.Descriptor
	add := func(list []oci.Descriptor) error {
		if all = append(all, list...); len(all) > maxReferrers {
			return diag.Unavailablef("there are more than %d referrers", maxReferrers)
		}
		return nil
	}
	err := r.do(ctx, reading, "list referrers of "+subject.String(), func(ctx context.Context, s *session) error {
		all = nil
		if err := r.knownReferrers(ctx, s, subject, add); err != nil {
			return err
		}
		return r.taggedReferrers(ctx, s, subject, add)
	})
	if err != nil {
		return nil, err
	}
	// Stable, so that the API's word about a manifest goes before the tag's.
	slices.SortStableFunc(all, func(a, b oci.Descriptor) int { return bytes.Compare(a.Digest[:], b.Digest[:]) })
	return slices.CompactFunc(all, func(a, b oci.Descriptor) bool { return a.Digest == b.Digest }), nil
}

// knownReferrers asks the referrers API. A registry without one says so in
// several ways.
func (r *Repository) knownReferrers(ctx context.Context, s *session, subject digest.Digest, add func([]oci.Descriptor) error) error {
	err := s.pages(ctx, r.url("referrers", subject.String()), accept(oci.MediaTypeIndex), func(resp *http.Response, page []byte) error {
		if t := resp.Header.Get("Content-Type"); t != oci.MediaTypeIndex {
			return errNoAPI
		}
		list, err := descriptors(page)
		if err != nil {
			return err
		}
		return add(list)
	})
	var answer *transport.Error
	switch {
	case errors.Is(err, errNoAPI):
		return nil
	case errors.As(err, &answer) && slices.Contains([]int{http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusNotImplemented}, answer.StatusCode):
		return nil
	}
	return err
}

var errNoAPI = errors.New("no referrers API")

// fallbackTag is the tag under which a registry without the referrers API keeps
// the index of a manifest's referrers.
func fallbackTag(subject digest.Digest) string { return "sha256-" + subject.Hex() }

func (r *Repository) taggedReferrers(ctx context.Context, s *session, subject digest.Digest, add func([]oci.Descriptor) error) error {
	resp, err := s.ask(ctx, http.MethodGet, r.url("manifests", fallbackTag(subject)), accept(accepted), http.StatusOK, http.StatusNotFound)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return nil
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if t, err := mediaType(b, resp.Header); err != nil || t != oci.MediaTypeIndex {
		return nil // somebody's tag of that name, not a list of referrers
	}
	list, err := descriptors(b)
	if err != nil {
		return err
	}
	return add(list)
}

// descriptors returns what an index lists.
func descriptors(index []byte) ([]oci.Descriptor, error) {
	var list struct {
		Manifests []oci.Descriptor `json:"manifests"`
	}
	if err := json.Unmarshal(index, &list); err != nil {
		return nil, diag.Failedf("the list of referrers cannot be read: %w", err)
	}
	for _, d := range list.Manifests {
		if d.Digest.IsZero() || d.Size < 0 {
			return nil, diag.Failedf("the list of referrers has one without digest or with a size of %d bytes", d.Size)
		}
	}
	return list.Manifests, nil
}

// pages reads a list that comes in several answers, each of which names the next
// in its Link header (RFC 8288).
func (s *session) pages(ctx context.Context, first string, header http.Header, read func(*http.Response, []byte) error) error {
	for n, next := 0, first; next != ""; n++ {
		if n == maxPages {
			return diag.Unavailablef("the list has more than %d pages", maxPages)
		}
		resp, err := s.ask(ctx, http.MethodGet, next, header, http.StatusOK)
		if err != nil {
			return err
		}
		page, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return err
		}
		if err := read(resp, page); err != nil {
			return err
		}
		if next, err = nextPage(resp.Request.URL, resp.Header.Get("Link")); err != nil {
			return err
		}
	}
	return nil
}

// nextPage returns the address that link names, "" when it names none. A list
// goes on at the host where it began.
func nextPage(from *url.URL, link string) (string, error) {
	target, params, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(link), "<"), ">")
	if !ok || !strings.Contains(strings.ReplaceAll(params, `"`, ""), "rel=next") {
		return "", nil
	}
	u, err := from.Parse(target)
	if err != nil {
		return "", diag.Unavailablef("the list goes on at %q, which is no address", shorten(target))
	}
	if u.Host != from.Host {
		return "", diag.Unavailablef("the list goes on at another host, %s, which is refused", shorten(u.Host))
	}
	return u.String(), nil
}
