package registry

import (
	"net"
	"net/netip"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// Reference names a repository, and a tag or a digest in it or both. The zero
// value names nothing.
type Reference struct {
	repository name.Repository
	tag        string
	digest     digest.Digest
}

// Repository returns "host/path".
func (r Reference) Repository() string { return display(r.repository) }

// Tag returns the tag, "" without one.
func (r Reference) Tag() string { return r.tag }

// Digest returns the digest, zero without one.
func (r Reference) Digest() digest.Digest { return r.digest }

// String returns "host/path", then ":tag" and "@digest" where there are any.
func (r Reference) String() string {
	s := r.Repository()
	if r.tag != "" {
		s += ":" + r.tag
	}
	if !r.digest.IsZero() {
		s += "@" + r.digest.String()
	}
	return s
}

// Parse reads HOST[:PORT]/PATH[:TAG][@DIGEST]. The host is never left to a
// default, so that nothing is published where nobody meant it to be. The error
// has exit code 2 and a hint.
func (c *Client) Parse(s string) (Reference, error) {
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		return Reference{}, diag.Usagef("reference %q begins with %s://", s, scheme).WithHint("write %s", rest)
	}
	var ref Reference
	base, dig, hasDigest := strings.Cut(s, "@")
	if hasDigest {
		d, err := digest.Parse(dig)
		if err != nil {
			return Reference{}, diag.Usagef("reference %q: %w", s, err).WithHint("a digest is sha256: and 64 lower-case hexadecimal digits")
		}
		ref.digest = d
	}
	if i := strings.LastIndexByte(base, ':'); i > strings.LastIndexByte(base, '/') {
		base, ref.tag = base[:i], base[i+1:]
		if !specs.IsTag(ref.tag) {
			return Reference{}, diag.Usagef("reference %q: %q cannot be a tag", s, ref.tag).
				WithHint("a tag has at most 128 letters, digits, dots, dashes and underscores, and begins with none of the first two marks")
		}
	}
	host, path, ok := strings.Cut(base, "/")
	if !ok || !specs.IsRegistry(host) {
		fault := diag.Usagef("reference %q names no registry, want HOST/PATH", s)
		if !specs.IsRepository(base) {
			return Reference{}, fault.WithHint("write HOST[:PORT]/PATH[:TAG], for instance registry.example/team/static:v1")
		}
		return Reference{}, fault.WithHint("the registry is never guessed: on Docker Hub, write docker.io/%s", hubPath(base))
	}
	if !specs.IsRepository(path) {
		return Reference{}, diag.Usagef("reference %q: %q cannot be a repository", s, path).
			WithHint("a repository is lower-case letters and digits, with single dots, underscores, dashes and slashes between them")
	}
	if host == "docker.io" || host == name.DefaultRegistry {
		path = hubPath(path)
	}
	repository, err := c.repositoryName(host, path)
	if err != nil {
		return Reference{}, diag.Usagef("reference %q: %q cannot be a registry", s, host).WithHint("write HOST[:PORT]/PATH[:TAG]")
	}
	ref.repository = repository
	return ref, nil
}

// repositoryName returns the name by which go-containerregistry speaks plain
// HTTP where that is allowed, and nowhere else.
func (c *Client) repositoryName(host, path string) (name.Repository, error) {
	var opts []name.Option
	if c.opt.Insecure || loopback(hostOnly(host)) {
		opts = append(opts, name.Insecure)
	}
	return name.NewRepository(host+"/"+path, opts...)
}

// display spells a repository as people do: Docker Hub is docker.io.
func display(r name.Repository) string {
	s := r.Name()
	if rest, ok := strings.CutPrefix(s, name.DefaultRegistry+"/"); ok {
		s = "docker.io/" + rest
	}
	return s
}

// hubPath returns the path of an image that Docker Hub knows by a short name.
func hubPath(path string) string {
	if strings.Contains(path, "/") {
		return path
	}
	return "library/" + path
}

// hostOnly returns host without its port and brackets.
func hostOnly(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return strings.Trim(host, "[]")
}

// loopback reports whether a host without its port is this machine for certain.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}
