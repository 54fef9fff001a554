// Package ocidir reads an OCI image layout, for tests and for the golden
// digests. It shares no code with the program that writes layouts, so that it
// can judge it.
package ocidir

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A Descriptor names a blob (OCI image spec, descriptor.md).
type Descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations"`
	Platform    *Platform         `json:"platform"`
}

// Platform is what a manifest in an index is for.
type Platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant"`
}

// String returns os/architecture or os/architecture/variant.
func (p Platform) String() string {
	return strings.TrimSuffix(p.OS+"/"+p.Architecture+"/"+p.Variant, "/")
}

// An Index is one variant of the image: a reference in index.json, and what it
// leads to.
type Index struct {
	Ref    string
	Digest string
	Images []Image // in the index's order
}

// Arch returns the first image for an architecture, the zero value when there
// is none.
func (ix Index) Arch(arch string) Image {
	for _, im := range ix.Images {
		if im.Platform.Architecture == arch {
			return im
		}
	}
	return Image{}
}

// An Image is one platform's manifest with its config.
type Image struct {
	Platform Platform
	Digest   string
	Config   Descriptor
	Layers   []Descriptor
	DiffIDs  []string
}

const (
	refName   = "org.opencontainers.image.ref.name"
	indexType = "application/vnd.oci.image.index.v1+json"
)

// Read returns the indexes that the layout in dir holds, in the order of
// index.json; references that lead to a single manifest are passed over. Each
// document is checked against the digest and the size that name it.
func Read(dir string) ([]Index, error) {
	var top struct{ Manifests []Descriptor }
	b, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &top); err != nil {
		return nil, fmt.Errorf("index.json: %w", err)
	}
	var all []Index
	for _, d := range top.Manifests {
		if d.MediaType != indexType {
			continue
		}
		ix := Index{Ref: d.Annotations[refName], Digest: d.Digest}
		var doc struct{ Manifests []Descriptor }
		if err := document(dir, d, &doc); err != nil {
			return nil, err
		}
		for _, m := range doc.Manifests {
			im, err := image(dir, m)
			if err != nil {
				return nil, err
			}
			ix.Images = append(ix.Images, im)
		}
		all = append(all, ix)
	}
	return all, nil
}

func image(dir string, m Descriptor) (Image, error) {
	im := Image{Digest: m.Digest}
	if m.Platform != nil {
		im.Platform = *m.Platform
	}
	var doc struct {
		Config Descriptor
		Layers []Descriptor
	}
	if err := document(dir, m, &doc); err != nil {
		return im, err
	}
	im.Config, im.Layers = doc.Config, doc.Layers
	var config struct {
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	if err := document(dir, doc.Config, &config); err != nil {
		return im, err
	}
	im.DiffIDs = config.RootFS.DiffIDs
	if len(im.DiffIDs) != len(im.Layers) {
		return im, fmt.Errorf("%s: got %d diffIDs for %d layers", m.Digest, len(im.DiffIDs), len(im.Layers))
	}
	return im, nil
}

// Path returns the file that holds the blob.
func Path(dir, digest string) string {
	algorithm, hex, _ := strings.Cut(digest, ":")
	return filepath.Join(dir, "blobs", algorithm, hex)
}

func document(dir string, d Descriptor, v any) error {
	b, err := os.ReadFile(Path(dir, d.Digest))
	if err != nil {
		return err
	}
	if got := fmt.Sprintf("sha256:%x", sha256.Sum256(b)); got != d.Digest || int64(len(b)) != d.Size {
		return fmt.Errorf("blob is %s with %d bytes, want %s with %d", got, len(b), d.Digest, d.Size)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", d.Digest, err)
	}
	return nil
}
