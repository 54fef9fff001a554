package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// Limits of what is listed. More is an error, because a list that was cut off
// looks like a list.
const (
	maxTags      = 100_000
	maxReferrers = 10_000
	maxPages     = 1_000
	maxList      = 32 << 20 // bytes of all pages
)

// unlisted is a fault in a list without which no evidence can be found.
type unlisted struct{ error }

func (u unlisted) Unwrap() error { return u.error }

// Tags returns all tags, sorted; none when nothing in the repository has a tag,
// which registries tell in the same words as that there is no such repository.
// What cannot be a tag is left out.
func (r *Repository) Tags(ctx context.Context) ([]string, error) {
	var tags []string
	first := r.url("tags", "list") + "?n=1000"
	err := r.do(ctx, reading, "list tags", func(ctx context.Context, s *session) error {
		tags = nil
		pages := 0
		err := s.pages(ctx, first, nil, func(_ *http.Response, page []byte) error {
			pages++
			var list struct {
				Tags []string `json:"tags"`
			}
			if err := json.Unmarshal(page, &list); err != nil {
				return diag.Unavailablef("the answer is no list of tags: %w", err)
			}
			tags = append(tags, slices.DeleteFunc(list.Tags, func(t string) bool { return !specs.IsTag(t) })...)
			if len(tags) > maxTags {
				return diag.Unavailablef("there are more than %d tags", maxTags)
			}
			return nil
		})
		if pages == 0 && isStatus(err, http.StatusNotFound) {
			return nil
		}
		return listingFault(err)
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(tags)
	return slices.Compact(tags), nil
}

func listingFault(err error) error {
	if err == nil {
		return nil
	}
	return unlisted{err}
}

// isStatus reports whether err is an answer with one of the codes.
func isStatus(err error, codes ...int) bool {
	var answer *transport.Error
	return errors.As(err, &answer) && slices.Contains(codes, answer.StatusCode)
}

// Referrers returns the descriptors of the manifests whose subject is the one
// that is named, sorted by digest: those that the referrers API knows, and those
// in the index under the fallback tag. They have digest, size, media type and
// artifact type; the types are hints, because registries get them wrong.
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
		refused := r.knownReferrers(ctx, s, subject, add)
		if refused != nil && !refusesReferrers(refused) {
			return listingFault(refused)
		}
		tagged, err := r.taggedReferrers(ctx, s, subject, add)
		if err == nil && !tagged && !lacksReferrers(refused) {
			err = refused
		}
		return listingFault(err)
	})
	if err != nil {
		return nil, err
	}
	// Stable, so that the API's word about a manifest goes before the tag's.
	slices.SortStableFunc(all, func(a, b oci.Descriptor) int { return bytes.Compare(a.Digest[:], b.Digest[:]) })
	return slices.CompactFunc(all, func(a, b oci.Descriptor) bool { return a.Digest == b.Digest }), nil
}

// knownReferrers asks the referrers API.
func (r *Repository) knownReferrers(ctx context.Context, s *session, subject digest.Digest, add func([]oci.Descriptor) error) error {
	return s.pages(ctx, r.url("referrers", subject.String()), accept(oci.MediaTypeIndex), func(resp *http.Response, page []byte) error {
		if t, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); t != oci.MediaTypeIndex {
			return fmt.Errorf("%w: the answer is %s, want %s", errNoIndex, shorten(t), oci.MediaTypeIndex)
		}
		list, err := descriptors(page)
		if err != nil {
			return err
		}
		return add(list)
	})
}

var errNoIndex = errors.New("the list of referrers is none")

// lacksReferrers reports whether err is one of the ways in which a registry says
// that it has no referrers API.
func lacksReferrers(err error) bool {
	return err == nil || isStatus(err, http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusNotImplemented)
}

// refusesReferrers reports whether the fallback tag may answer instead: the API
// is not there, closed, or something else is in its place.
func refusesReferrers(err error) bool {
	return lacksReferrers(err) || errors.Is(err, errNoIndex) || errors.Is(err, errLoginPage) || isStatus(err, http.StatusUnauthorized, http.StatusForbidden)
}

// fallbackTag is the tag under which a registry without the referrers API keeps
// the index of a manifest's referrers.
func fallbackTag(subject digest.Digest) string { return "sha256-" + subject.Hex() }

// taggedReferrers reads the index under the fallback tag, and reports whether
// there is one.
func (r *Repository) taggedReferrers(ctx context.Context, s *session, subject digest.Digest, add func([]oci.Descriptor) error) (bool, error) {
	doc, err := r.resolve(ctx, s, fallbackTag(subject), claim{})
	if isStatus(err, http.StatusNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	switch t := doc.Descriptor.MediaType; {
	case !slices.Contains(strings.Split(accepted, ","), t):
		return false, diag.Failedf("tag %s, which lists referrers, is %s and cannot be read", fallbackTag(subject), shorten(t))
	case t != oci.MediaTypeIndex:
		return false, nil // somebody's image of that name, not a list of referrers
	}
	list, err := descriptors(doc.Bytes)
	if err != nil {
		return false, err
	}
	return true, add(list)
}

// descriptors returns what an index lists, without what nobody asks for: a list
// is kept as long as an image is moved.
func descriptors(index []byte) ([]oci.Descriptor, error) {
	var list struct {
		Manifests []json.RawMessage `json:"manifests"`
	}
	if err := json.Unmarshal(index, &list); err != nil {
		return nil, diag.Failedf("the list of referrers cannot be read: %w", err)
	}
	if len(list.Manifests) > maxReferrers {
		return nil, diag.Unavailablef("there are more than %d referrers", maxReferrers)
	}
	var out []oci.Descriptor
	for _, raw := range list.Manifests {
		var d struct {
			MediaType    string        `json:"mediaType"`
			ArtifactType string        `json:"artifactType"`
			Digest       digest.Digest `json:"digest"`
			Size         int64         `json:"size"`
		}
		if err := json.Unmarshal(raw, &d); err != nil {
			return nil, diag.Failedf("the list of referrers cannot be read: %w", err)
		}
		if d.Digest.IsZero() || d.Size < 0 {
			return nil, diag.Failedf("the list of referrers has one without digest or with a size of %d bytes", d.Size)
		}
		out = append(out, oci.Descriptor{MediaType: d.MediaType, ArtifactType: d.ArtifactType, Digest: d.Digest, Size: d.Size})
	}
	return out, nil
}

// pages reads a list that comes in several answers, each of which names the next
// in its Link header (RFC 8288).
func (s *session) pages(ctx context.Context, first string, header http.Header, read func(*http.Response, []byte) error) error {
	size := 0
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
		if size += len(page); size > maxList {
			return diag.Unavailablef("the list has more than %d MiB", maxList>>20)
		}
		if err := read(resp, page); err != nil {
			return err
		}
		if next, err = nextPage(resp.Request.URL, resp.Header.Values("Link")); err != nil {
			return err
		}
	}
	return nil
}
