package layout

import (
	"fmt"
	"slices"
	"strings"

	"github.com/basal-project/basal/builder/layer"
	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/canonjson"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

// Images returns the tagged images of the layout as Write was given them, sorted
// by tag. Each document is checked against its digest; layers are not read. A
// document that lacks what an image needs, or that has more than any image has,
// is an error.
func (l *Layout) Images() ([]Image, error) {
	top, err := l.top()
	if err != nil {
		return nil, err
	}
	var images []Image
	for _, d := range top.Manifests {
		tag := d.Annotations[oci.RefName]
		if d.MediaType != oci.MediaTypeIndex || tag == "" {
			continue // a platform's own tag, or something that no tag names
		}
		if err := l.checkTag(tag); err != nil {
			return nil, err
		}
		image, err := l.image(tag, d)
		if err != nil {
			return nil, err
		}
		images = append(images, image)
	}
	return images, nil
}

// checkTag refuses what cannot be a tag of a registry, and could be anything.
func (l *Layout) checkTag(tag string) error {
	if specs.IsTag(tag) {
		return nil
	}
	return diag.Failedf("%s: %s has the tag %.140q, which is none", l.path, indexFile, tag).
		WithHint("a tag is at most 128 letters, digits, dots, dashes and underscores")
}

// top reads index.json.
func (l *Layout) top() (oci.Index, error) {
	var top oci.Index
	b, err := l.File(indexFile)
	if err != nil {
		return top, fmt.Errorf("%s: %w", l.path, err)
	}
	if err := canonjson.UnmarshalForeign(b, &top); err != nil {
		return top, fmt.Errorf("%s: %s: %w", l.path, indexFile, err)
	}
	if len(top.Manifests) > maxTags {
		return top, fmt.Errorf("%s: %s has %d descriptors, more than %d", l.path, indexFile, len(top.Manifests), maxTags)
	}
	return top, nil
}

func (l *Layout) image(tag string, d oci.Descriptor) (Image, error) {
	d.Annotations = nil // the tag is no part of the document's own descriptor
	image := Image{Tag: tag}
	var err error
	if image.Index, err = l.Document(d); err != nil {
		return Image{}, err
	}
	var ix oci.Index
	if err := l.parse(image.Index, &ix); err != nil {
		return Image{}, err
	}
	if ix.SchemaVersion != 2 || ix.MediaType != oci.MediaTypeIndex || len(ix.Manifests) > maxPlatforms {
		return Image{}, l.fault(d, "want an OCI index of at most %d manifests", maxPlatforms)
	}
	for _, m := range ix.Manifests {
		if m.MediaType != oci.MediaTypeManifest || m.Platform == nil {
			return Image{}, l.fault(d, "holds %s of type %q, want manifests with platforms only", m.Digest, m.MediaType)
		}
		p, err := l.platform(m)
		if err != nil {
			return Image{}, err
		}
		image.Platforms = append(image.Platforms, p)
	}
	return image, nil
}

func (l *Layout) platform(d oci.Descriptor) (oci.Image, error) {
	image := oci.Image{Platform: specs.Platform{OS: d.Platform.OS, Arch: d.Platform.Architecture, Variant: d.Platform.Variant}}
	var err error
	if image.Manifest, err = l.Document(d); err != nil {
		return oci.Image{}, err
	}
	var m oci.Manifest
	if err := l.parse(image.Manifest, &m); err != nil {
		return oci.Image{}, err
	}
	if m.SchemaVersion != 2 || m.MediaType != oci.MediaTypeManifest || len(m.Layers) > maxLayers {
		return oci.Image{}, l.fault(d, "want an OCI manifest of at most %d layers", maxLayers)
	}
	if image.Config, err = l.Document(m.Config); err != nil {
		return oci.Image{}, err
	}
	var c oci.Config
	if err := l.parse(image.Config, &c); err != nil {
		return oci.Image{}, err
	}
	if len(c.RootFS.DiffIDs) != len(m.Layers) {
		return oci.Image{}, l.fault(m.Config, "has %d diff_ids for the manifest's %d layers", len(c.RootFS.DiffIDs), len(m.Layers))
	}
	lines := slices.DeleteFunc(c.History, func(l oci.HistoryLine) bool { return l.EmptyLayer })
	for i, b := range m.Layers {
		named := oci.NamedLayer{Layer: layer.Layer{DiffID: c.RootFS.DiffIDs[i], Digest: b.Digest, Size: b.Size}}
		if t := oci.LayerType(b.MediaType); t != oci.MediaTypeLayer {
			named.MediaType = t
		}
		if len(lines) == len(m.Layers) {
			named.Name = strings.TrimPrefix(lines[i].CreatedBy, "basal: ")
		}
		image.Layers = append(image.Layers, named)
	}
	return image, nil
}

func (l *Layout) parse(doc oci.Document, v any) error {
	if err := canonjson.UnmarshalForeign(doc.Bytes, v); err != nil {
		return l.fault(doc.Descriptor, "%v", err)
	}
	return nil
}

func (l *Layout) fault(d oci.Descriptor, format string, args ...any) error {
	return fmt.Errorf("%s: document %s: %s", l.path, d.Digest, fmt.Sprintf(format, args...))
}
