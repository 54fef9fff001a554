package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// accepted are the media types of documents that can be read. Docker's schema 1,
// whose layers have no digests that hold, is none of them.
const accepted = oci.MediaTypeIndex + "," + oci.MediaTypeManifest +
	",application/vnd.docker.distribution.manifest.list.v2+json" +
	",application/vnd.docker.distribution.manifest.v2+json" +
	",application/vnd.oci.artifact.manifest.v1+json"

func accept(types string) http.Header { return http.Header{"Accept": {types}} }

// url returns the address of something in the repository.
func (r *Repository) url(elem ...string) string {
	u := url.URL{Scheme: r.name.Scheme(), Host: r.name.RegistryStr(), Path: "/v2/" + r.name.RepositoryStr() + "/" + strings.Join(elem, "/")}
	return u.String()
}

// ask sends a request without a body and returns an answer with one of the
// statuses that are wanted; any other is a *transport.Error.
func (s *session) ask(ctx context.Context, method, url string, header http.Header, want ...int) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, header)
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, err
	}
	err = transport.CheckError(resp, want...)
	if err == nil && resp.StatusCode == http.StatusOK && isPage(resp.Header) && ctx.Value(bulk{}) == nil {
		err = errLoginPage
	}
	if err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// errLoginPage is an answer for people, where no registry gives one.
var errLoginPage = errors.New("got an HTML page, want the answer of a registry")

func isPage(h http.Header) bool {
	t, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return t == "text/html"
}

// Document returns the manifest or index that d names, at most 4 MiB, checked
// against d. When d has no media type, the document's own is filled in.
func (r *Repository) Document(ctx context.Context, d oci.Descriptor) (oci.Document, error) {
	what := "read manifest " + d.Digest.String()
	if d.Size > maxAnswer {
		return oci.Document{}, r.explain(ctx, reading, what, tooLarge(fmt.Sprintf("it is said to have %d bytes", d.Size)))
	}
	doc := oci.Document{Descriptor: d}
	err := r.do(ctx, reading, what, func(ctx context.Context, s *session) error {
		resp, err := s.ask(ctx, http.MethodGet, r.url("manifests", d.Digest.String()), accept(accepted), http.StatusOK)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if doc.Bytes, err = io.ReadAll(digest.NewReader(resp.Body, d.Digest, d.Size)); err != nil {
			return err
		}
		t, err := mediaType(doc.Bytes, resp.Header)
		if d.MediaType == "" {
			doc.Descriptor.MediaType = t
		}
		return err
	})
	if err != nil {
		return oci.Document{}, err
	}
	return doc, nil
}

// Resolve returns the document that name stands for: a tag, or "sha256:" and 64
// hexadecimal digits. A tag's digest is computed from the bytes.
func (r *Repository) Resolve(ctx context.Context, name string) (oci.Document, error) {
	what, want, err := identify(name)
	if err != nil {
		return oci.Document{}, err
	}
	var doc oci.Document
	err = r.do(ctx, reading, "read "+what, func(ctx context.Context, s *session) (err error) {
		doc, err = r.resolve(ctx, s, name, want)
		return err
	})
	return doc, err
}

// resolve reads a document whose size, and often digest, are not known before.
func (r *Repository) resolve(ctx context.Context, s *session, name string, want claim) (oci.Document, error) {
	resp, err := s.ask(ctx, http.MethodGet, r.url("manifests", name), accept(accepted), http.StatusOK)
	if err != nil {
		return oci.Document{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return oci.Document{}, err
	}
	d := oci.Descriptor{Digest: digest.Of(b), Size: int64(len(b))}
	if err := want.check(d.Digest, resp.Header); err != nil {
		return oci.Document{}, err
	}
	if d.MediaType, err = mediaType(b, resp.Header); err != nil {
		return oci.Document{}, err
	}
	return oci.Document{Bytes: b, Descriptor: d}, nil
}

// claim is the digest that a document is asked for by, zero for a tag.
type claim digest.Digest

// identify says what name stands for.
func identify(name string) (what string, want claim, err error) {
	if strings.Contains(name, ":") {
		d, err := digest.Parse(name)
		if err != nil {
			return "", claim{}, diag.Usagef("%w", err).WithHint("a digest is sha256: and 64 lower-case hexadecimal digits")
		}
		return "manifest " + name, claim(d), nil
	}
	return "tag " + name, claim{}, checkTag(name)
}

// check compares the digest of what came with what was asked for and with what
// the registry says it is.
func (c claim) check(got digest.Digest, h http.Header) error {
	if want := digest.Digest(c); !want.IsZero() && got != want {
		return fmt.Errorf("%w: want %s, found %s", digest.ErrMismatch, want, got)
	}
	said, err := contentDigest(h)
	if err == nil && !said.IsZero() && got != said {
		err = fmt.Errorf("%w: the registry says %s, found %s", digest.ErrMismatch, said, got)
	}
	return err
}

// contentDigest returns the digest that a registry says its answer has, zero
// when it says none.
func contentDigest(h http.Header) (digest.Digest, error) {
	s := h.Get("Docker-Content-Digest")
	if s == "" {
		return digest.Digest{}, nil
	}
	d, err := digest.Parse(s)
	if err != nil {
		return digest.Digest{}, diag.Unavailablef("the registry names it by %s; only sha256 is understood", shorten(s))
	}
	return d, nil
}

// mediaType returns what a document is, by its own word where it has one. A
// header that says something else is an attempt to have two readers see two
// documents.
func mediaType(b []byte, h http.Header) (string, error) {
	header, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	var own struct {
		SchemaVersion int    `json:"schemaVersion"`
		MediaType     string `json:"mediaType"`
	}
	if err := json.Unmarshal(b, &own); err != nil {
		return "", diag.Failedf("not a manifest: %w", err)
	}
	switch {
	case own.SchemaVersion == 1, strings.HasPrefix(header, "application/vnd.docker.distribution.manifest.v1+"):
		return "", diag.Failedf("the image has Docker's schema 1, whose layers nothing vouches for").WithHint("push it anew with a current Docker, Podman or Skopeo")
	case own.MediaType == "" && header == "":
		return "", diag.Failedf("the answer says nowhere what it is")
	case own.MediaType == "":
		return header, nil
	case header != "" && header != own.MediaType && strings.Contains(accepted, header):
		return "", diag.Failedf("the manifest says that it is %s, the registry that it is %s", shorten(own.MediaType), shorten(header))
	}
	return own.MediaType, nil
}
