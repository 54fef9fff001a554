package baseimage

import (
	"fmt"
	"strings"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/canonjson"
	"github.com/basal-project/basal/specs"
)

// Manifest is what an image manifest names.
type Manifest struct {
	Config specs.LockedBlob
	Layers []specs.LockedBlob // lowest first
}

// ParseManifest reads an image manifest, OCI's or Docker's (schema 2). Layers
// that only others may distribute, or that are no tar archives, are refused.
func ParseManifest(doc oci.Document) (Manifest, error) {
	var m struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		Config        descriptor   `json:"config"`
		Layers        []descriptor `json:"layers"`
	}
	if err := canonjson.UnmarshalForeign(doc.Bytes, &m); err != nil {
		return Manifest{}, err
	}
	if m.SchemaVersion != 2 || m.MediaType != "" && m.MediaType != doc.Descriptor.MediaType {
		return Manifest{}, fmt.Errorf("it calls itself %.100q of schema %d, want %s of schema 2", m.MediaType, m.SchemaVersion, doc.Descriptor.MediaType)
	}
	if len(m.Layers) > maxLayers {
		return Manifest{}, fmt.Errorf("it has %d layers, more than %d", len(m.Layers), maxLayers)
	}
	if m.Config.MediaType != oci.MediaTypeConfig && m.Config.MediaType != oci.DockerConfig {
		return Manifest{}, fmt.Errorf("it is no image: its config is of type %.100q", m.Config.MediaType)
	}
	out := Manifest{Layers: []specs.LockedBlob{}}
	var err error
	if out.Config, err = m.Config.blob(); err != nil {
		return Manifest{}, fmt.Errorf("config: %w", err)
	}
	if out.Config.Size > MaxDocument {
		return Manifest{}, fmt.Errorf("config: %d bytes are more than %d", out.Config.Size, MaxDocument)
	}
	for i, d := range m.Layers {
		if strings.Contains(d.MediaType, "nondistributable") || strings.Contains(d.MediaType, "foreign") || len(d.URLs) > 0 {
			return Manifest{}, fmt.Errorf("layer %d is a foreign one, kept outside of the registry: it cannot be published again", i+1)
		}
		if oci.LayerType(d.MediaType) == "" {
			return Manifest{}, fmt.Errorf("layer %d is of type %.100q, want a tar archive, plain or compressed with gzip or zstd", i+1, d.MediaType)
		}
		blob, err := d.blob()
		if err != nil {
			return Manifest{}, fmt.Errorf("layer %d: %w", i+1, err)
		}
		out.Layers = append(out.Layers, blob)
	}
	return out, nil
}

// Lock returns what a lock says of an image for p: the manifest that at names,
// with the layers and the diffIDs that manifest and config give. A config that
// is for another platform, or for other layers, is an error.
func Lock(p specs.Platform, at specs.LockedBlob, m Manifest, c Config) (specs.LockedImage, error) {
	said := c.Platform
	if said.Variant == "" {
		said.Variant = p.Variant // which configs of older tools leave out
	}
	if !same(said, p) {
		return specs.LockedImage{}, fmt.Errorf("its config is for %s, want %s", text(c.Platform), p)
	}
	if len(c.DiffIDs) != len(m.Layers) {
		return specs.LockedImage{}, fmt.Errorf("its config has %d diff_ids for the manifest's %d layers", len(c.DiffIDs), len(m.Layers))
	}
	image := specs.LockedImage{MediaType: at.MediaType, Manifest: at.Digest, Size: at.Size, Config: m.Config, Layers: []specs.LockedLayer{}}
	for i, blob := range m.Layers {
		image.Layers = append(image.Layers, specs.LockedLayer{LockedBlob: blob, DiffID: c.DiffIDs[i]})
	}
	return image, nil
}
