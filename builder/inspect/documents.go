package inspect

import (
	"fmt"
	"strings"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/canonjson"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// The documents that Docker's registries have beside those of OCI.
const (
	dockerIndex    = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerConfig   = "application/vnd.docker.container.image.v1+json"
)

func isIndex(mediaType string) bool {
	return mediaType == oci.MediaTypeIndex || mediaType == dockerIndex
}

func isManifest(mediaType string) bool {
	return mediaType == oci.MediaTypeManifest || mediaType == dockerManifest
}

func isConfig(mediaType string) bool {
	return mediaType == oci.MediaTypeConfig || mediaType == dockerConfig
}

// parsed is a manifest or an index, whoever wrote it.
type parsed struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType"`
	Config        *oci.Descriptor   `json:"config"`
	Layers        []oci.Descriptor  `json:"layers"`
	Manifests     []oci.Descriptor  `json:"manifests"`
	Annotations   map[string]string `json:"annotations"`
}

func (p parsed) isIndex() bool { return isIndex(p.MediaType) }

// parse reads a document that the caller knows to have its digest. What the
// document says of its own type must be what it was announced as, or two readers
// could take it for two things.
func parse(doc oci.Document) (parsed, error) {
	var p parsed
	d := doc.Descriptor
	if err := unmarshal(doc.Bytes, &p); err != nil {
		return parsed{}, fault(d.Digest, "%v", err)
	}
	switch {
	case p.MediaType == "":
		p.MediaType = d.MediaType
	case d.MediaType != "" && d.MediaType != p.MediaType:
		return parsed{}, fault(d.Digest, "it says that it is %q, and is announced as %q", p.MediaType, d.MediaType)
	}
	switch {
	case p.SchemaVersion == 1 || strings.Contains(p.MediaType, ".v1+prettyjws"):
		return parsed{}, fault(d.Digest, "a manifest of Docker's schema 1, which names no config by digest").
			WithHint("push the image again with a tool of this decade")
	case p.SchemaVersion != 2:
		return parsed{}, fault(d.Digest, "schemaVersion is %d, want 2", p.SchemaVersion)
	case p.Manifests != nil && (p.Layers != nil || p.Config != nil):
		return parsed{}, fault(d.Digest, "it has the parts of a manifest and of an index")
	case isIndex(p.MediaType):
		if len(p.Manifests) > maxChildren {
			return parsed{}, fault(d.Digest, "an index of %d documents, more than %d", len(p.Manifests), maxChildren)
		}
	case isManifest(p.MediaType):
		if p.Config == nil || p.Manifests != nil {
			return parsed{}, fault(d.Digest, "a manifest without a config")
		}
		if len(p.Layers) > maxLayers {
			return parsed{}, fault(d.Digest, "a manifest of %d layers, more than %d", len(p.Layers), maxLayers)
		}
	default:
		return parsed{}, fault(d.Digest, "%q is neither an image manifest nor an index", p.MediaType)
	}
	return p, nil
}

// images tells the images of platforms from what else an index names. A manifest
// is the one image of itself.
func (p parsed) images(self oci.Descriptor) (images []oci.Descriptor, others []Other, err error) {
	if !p.isIndex() {
		self.MediaType = p.MediaType
		return []oci.Descriptor{self}, nil, nil
	}
	for _, d := range p.Manifests {
		if err := sane(d); err != nil {
			return nil, nil, fault(self.Digest, "%w", err)
		}
		if d.Digest == self.Digest {
			return nil, nil, fault(self.Digest, "an index that names itself")
		}
		if kind := kindOf(d); kind != "" {
			others = append(others, Other{kind, d.Digest, d.MediaType, d.Size})
			continue
		}
		images = append(images, d)
	}
	if len(images) > maxImages {
		return nil, nil, fault(self.Digest, "an index of %d images, more than %d", len(images), maxImages)
	}
	return images, others, nil
}

// kindOf returns what an entry of an index is when it is no image of a platform.
// BuildKit writes its attestations as images of an unknown platform.
func kindOf(d oci.Descriptor) string {
	switch {
	case isIndex(d.MediaType):
		return "index"
	case !isManifest(d.MediaType):
		return "unknown"
	case d.Annotations["vnd.docker.reference.type"] != "":
		return "attestation"
	case d.Platform != nil && d.Platform.OS == "unknown":
		return "attestation"
	case d.ArtifactType != "":
		return "artifact"
	}
	return ""
}

// sane refuses descriptors that name nothing.
func sane(d oci.Descriptor) error {
	switch {
	case d.Digest.IsZero():
		return diag.Failedf("a descriptor of type %q has no digest", d.MediaType)
	case d.Size < 0 || d.Size > maxSize:
		return fault(d.Digest, "a size of %d bytes, which nothing has", d.Size)
	}
	return nil
}

// unmarshal reads JSON that others wrote: keys that are not looked at are passed
// over, but a document with two meanings is refused.
func unmarshal(b []byte, v any) error {
	if len(b) > maxDocument {
		return fmt.Errorf("%d bytes, more than %d", len(b), maxDocument)
	}
	return canonjson.UnmarshalForeign(b, v)
}

func fault(d digest.Digest, format string, args ...any) *diag.Error {
	return diag.Failedf("document %s: %w", d, fmt.Errorf(format, args...))
}
