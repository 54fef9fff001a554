package baseimage

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/canonjson"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// MaxDocument is the size, in bytes, above which a manifest, an index or a config
// is not read. Registries refuse larger manifests.
const MaxDocument = 4 << 20

const (
	maxManifests = 1000 // in an index
	maxLayers    = 1000
	maxHistory   = 4000 // lines
)

// descriptor is what any tool may have written into one.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	URLs        []string          `json:"urls"`
	Platform    *oci.Platform     `json:"platform"`
	Annotations map[string]string `json:"annotations"`
}

// blob returns d as a lock names it.
func (d descriptor) blob() (specs.LockedBlob, error) {
	sum, err := digest.Parse(d.Digest)
	if err != nil {
		return specs.LockedBlob{}, fmt.Errorf("%w; only sha256 is supported", err)
	}
	if d.Size < 1 {
		return specs.LockedBlob{}, fmt.Errorf("%s has a size of %d bytes", sum, d.Size)
	}
	return specs.LockedBlob{MediaType: d.MediaType, Digest: sum, Size: d.Size}, nil
}

// IsIndex reports whether mediaType is that of an index, OCI's or Docker's.
func IsIndex(mediaType string) bool {
	return mediaType == oci.MediaTypeIndex || mediaType == oci.DockerList
}

// isManifest reports whether mediaType is that of an image manifest.
func isManifest(mediaType string) bool {
	return mediaType == oci.MediaTypeManifest || mediaType == oci.DockerManifest
}

// CheckType refuses documents that are neither an index nor a manifest.
func CheckType(mediaType string) error {
	switch {
	case IsIndex(mediaType), isManifest(mediaType):
		return nil
	case strings.HasPrefix(mediaType, "application/vnd.docker.distribution.manifest.v1+"):
		return errors.New("it is a Docker schema 1 manifest, which names no config: push the image again with a tool of this decade")
	}
	return fmt.Errorf("its media type is %.100q, want an image index or an image manifest", mediaType)
}

// Choose returns the manifest that an index has for p: the one whose os,
// architecture and variant are p's, arm64 and arm64/v8 being one. Attestations,
// whose platform is unknown, are passed over.
func Choose(index oci.Document, p specs.Platform) (specs.LockedBlob, error) {
	var ix struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		Manifests     []descriptor `json:"manifests"`
	}
	if err := canonjson.UnmarshalForeign(index.Bytes, &ix); err != nil {
		return specs.LockedBlob{}, err
	}
	if ix.SchemaVersion != 2 || ix.MediaType != "" && ix.MediaType != index.Descriptor.MediaType {
		return specs.LockedBlob{}, fmt.Errorf("it calls itself %.100q of schema %d, want %s of schema 2", ix.MediaType, ix.SchemaVersion, index.Descriptor.MediaType)
	}
	if len(ix.Manifests) > maxManifests {
		return specs.LockedBlob{}, fmt.Errorf("it lists %d manifests, more than %d", len(ix.Manifests), maxManifests)
	}
	var found []specs.LockedBlob
	var has []string
	for _, d := range ix.Manifests {
		if d.Platform == nil || d.Platform.OS == "unknown" {
			continue
		}
		has = append(has, text(*d.Platform))
		if !same(*d.Platform, p) {
			continue
		}
		if IsIndex(d.MediaType) {
			return specs.LockedBlob{}, fmt.Errorf("for %s it has another index, %s: indexes within indexes are not supported", p, d.Digest)
		}
		if err := CheckType(d.MediaType); err != nil {
			return specs.LockedBlob{}, fmt.Errorf("%s: %w", d.Digest, err)
		}
		blob, err := d.blob()
		if err != nil {
			return specs.LockedBlob{}, err
		}
		if !slices.Contains(found, blob) {
			found = append(found, blob)
		}
	}
	switch len(found) {
	case 0:
		return specs.LockedBlob{}, &MissingError{p, has}
	case 1:
		return found[0], nil
	}
	return specs.LockedBlob{}, fmt.Errorf("ambiguous: it has %d different manifests for %s", len(found), p)
}

// MissingError says that a base has nothing for a platform.
type MissingError struct {
	Platform specs.Platform
	Has      []string
}

// Error lists what there is.
func (e *MissingError) Error() string {
	const most = 20
	has := strings.Join(e.Has[:min(len(e.Has), most)], ", ")
	if has == "" {
		has = "nothing with a platform"
	}
	return fmt.Sprintf("it has no image for %s, but %.500s", e.Platform, has)
}

// text writes a platform as people do.
func text(p oci.Platform) string {
	return strings.TrimSuffix(p.OS+"/"+p.Architecture+"/"+p.Variant, "/")
}

// same reports whether p is want in OCI's words.
func same(p oci.Platform, want specs.Platform) bool {
	variant := func(arch, v string) string {
		if arch == "arm64" && v == "v8" {
			return ""
		}
		return v
	}
	return p.OS == want.OS && p.Architecture == want.Arch && variant(want.Arch, p.Variant) == variant(want.Arch, want.Variant)
}
