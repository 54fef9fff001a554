package specs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/basal-project/basal/internal/digest"
)

// The annotations that name an image's base (OCI image-spec, annotations). They
// follow from the lock, so a spec does not set them.
const (
	BaseName   = "org.opencontainers.image.base.name"
	BaseDigest = "org.opencontainers.image.base.digest"
)

// From is a spec's from in parts.
type From struct {
	Repository string        // registry.example:5000/team/static
	Tag        string        // "" without
	Digest     digest.Digest // zero without
}

// Name returns the reference without its digest: repository and tag.
func (f From) Name() string {
	if f.Tag == "" {
		return f.Repository
	}
	return f.Repository + ":" + f.Tag
}

// ParseFrom reads REGISTRY/REPOSITORY[:TAG][@sha256:HEX], in the grammar of the
// OCI distribution specification. The registry is never left out: which one is
// meant would be for each program to guess. Tag, digest or both are there.
func ParseFrom(s string) (From, error) {
	const want = "want REGISTRY/REPOSITORY, then :TAG, @sha256:DIGEST or both"
	rest, hex, pinned := strings.Cut(s, "@")
	f := From{Repository: rest}
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, '/') {
		f.Repository, f.Tag = rest[:i], rest[i+1:]
		if !IsTag(f.Tag) {
			return From{}, fmt.Errorf("from is %s: %s is no tag, %s", quoted(s), quoted(f.Tag), want)
		}
	}
	host, path, ok := strings.Cut(f.Repository, "/")
	if !ok || !IsRegistry(host) || !IsRepository(path) {
		return From{}, fmt.Errorf("from is %s, %s", quoted(s), want)
	}
	if pinned {
		var err error
		if f.Digest, err = digest.Parse(hex); err != nil {
			return From{}, fmt.Errorf("from is %s: %w", quoted(s), err)
		}
	}
	if !pinned && f.Tag == "" {
		return From{}, fmt.Errorf("from is %s, with neither tag nor digest, %s", quoted(s), want)
	}
	return f, nil
}

func (c checker) from(s *Spec) {
	if s.From == "" {
		return
	}
	_, err := ParseFrom(s.From)
	if err != nil {
		hint := ""
		if isName(s.From) {
			hint = "an image that is part of basal is named by extends; Docker's own are docker.io/library/" + s.From + ":TAG"
		}
		c.report("from", err.Error(), hint)
	}
	c.want(s.Extends == "", "from", "found both from and extends, want one of them")
}

// base demands that the lock's base is what the spec's from names.
func (c lockChecker) base() {
	l := c.lock
	c.want((l.Base != nil) == (l.Spec.From != ""), "base", "the spec and its lock do not agree on whether there is a base")
	for i, p := range l.Platforms {
		c.want((p.Base != nil) == (l.Base != nil), fmt.Sprintf("platforms[%d].base", i), "the sections do not agree on whether there is a base")
	}
	if l.Base == nil {
		return
	}
	b := LockedBlob{l.Base.MediaType, l.Base.Digest, l.Base.Size}
	c.blob("base", b, slices.Concat(indexTypes, manifestTypes))
	if f, err := ParseFrom(l.Spec.From); err == nil {
		c.want(l.Base.Name == f.Name(), "base.name", "name is %s, and the spec says %s", quoted(l.Base.Name), quoted(f.Name()))
		c.want(l.Base.Repository == f.Repository, "base.repository", "repository is %s, and the spec says %s", quoted(l.Base.Repository), quoted(f.Repository))
		c.want(f.Digest.IsZero() || f.Digest == l.Base.Digest, "base.digest", "digest is %s, and the spec says %s", l.Base.Digest, f.Digest)
	}
	for i, p := range l.Platforms {
		if p.Base != nil {
			c.image(fmt.Sprintf("platforms[%d].base", i), p.Base)
		}
	}
}

// The media types that a base may have. Those of Docker's schema 2 are the
// ancestors of OCI's, with the same bytes in the blobs.
var (
	indexTypes    = []string{"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
	manifestTypes = []string{"application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"}
	configTypes   = []string{"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"}
	layerTypes    = []string{
		"application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.oci.image.layer.v1.tar+zstd",
		"application/vnd.docker.image.rootfs.diff.tar", "application/vnd.docker.image.rootfs.diff.tar.gzip", "application/vnd.docker.image.rootfs.diff.tar.zstd",
	}
)

const (
	maxManifest   = 4 << 20 // bytes; registries refuse larger ones
	maxBaseLayers = 1000
)

func (c lockChecker) image(at string, i *LockedImage) {
	c.blob(at+".manifest", LockedBlob{i.MediaType, i.Manifest, i.Size}, manifestTypes)
	c.blob(at+".config", i.Config, configTypes)
	c.want(i.Config.Size <= maxManifest, at+".config.size", "size is %d, want at most %d bytes", i.Config.Size, maxManifest)
	c.want(len(i.Layers) <= maxBaseLayers, at+".layers", "there are %d, want at most %d", len(i.Layers), maxBaseLayers)
	for n, l := range i.Layers {
		at := fmt.Sprintf("%s.layers[%d]", at, n)
		c.blob(at, l.LockedBlob, layerTypes)
		c.want(!l.DiffID.IsZero(), at+".diff-id", "there is none")
	}
}

func (c lockChecker) blob(at string, b LockedBlob, types []string) {
	c.want(slices.Contains(types, b.MediaType), at+".media-type", "media type is %s, want %s", quoted(b.MediaType), orList(types))
	c.want(!b.Digest.IsZero(), at+".digest", "there is none")
	c.size(at+".size", b.Size, 1)
	if slices.Contains(indexTypes, b.MediaType) || slices.Contains(manifestTypes, b.MediaType) {
		c.want(b.Size <= maxManifest, at+".size", "size is %d, want at most %d bytes", b.Size, maxManifest)
	}
}
