// Package oci makes the documents of an image: config, manifest and index, as
// version 1.1 of the OCI image specification defines them, in canonical JSON.
// Its types hold the fields that Basal writes and no others, so that nothing
// else can be written.
package oci

import (
	"cmp"
	"slices"
	"time"

	"github.com/basal-project/basal/builder/layer"
	"github.com/basal-project/basal/internal/canonjson"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// The media types of the documents and of layers.
const (
	MediaTypeIndex    = "application/vnd.oci.image.index.v1+json"
	MediaTypeManifest = "application/vnd.oci.image.manifest.v1+json"
	MediaTypeConfig   = "application/vnd.oci.image.config.v1+json"
	MediaTypeLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// RefName is the annotation by which an OCI layout's index names a tag.
const RefName = "org.opencontainers.image.ref.name"

// LoadedName is the annotation by which containerd, and a Docker engine that
// keeps its images there, names an image that it loads; without it they take the
// tag for the whole name.
const LoadedName = "io.containerd.image.name"

// Descriptor names a blob.
type Descriptor struct {
	MediaType    string            `json:"mediaType"`
	ArtifactType string            `json:"artifactType,omitempty"` // of documents that are no images
	Digest       digest.Digest     `json:"digest"`
	Size         int64             `json:"size"` // bytes
	Platform     *Platform         `json:"platform,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}

// Platform is the platform of a manifest in an index.
type Platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	Variant      string `json:"variant,omitempty"`
}

// Manifest is an image manifest.
type Manifest struct {
	SchemaVersion int               `json:"schemaVersion"` // 2
	MediaType     string            `json:"mediaType"`
	Config        Descriptor        `json:"config"`
	Layers        []Descriptor      `json:"layers"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// Index is an image index.
type Index struct {
	SchemaVersion int               `json:"schemaVersion"` // 2
	MediaType     string            `json:"mediaType"`
	Manifests     []Descriptor      `json:"manifests"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// Config is an image config.
type Config struct {
	Created      time.Time     `json:"created"`
	Architecture string        `json:"architecture"`
	OS           string        `json:"os"`
	Variant      string        `json:"variant,omitempty"`
	Config       RunConfig     `json:"config"`
	RootFS       RootFS        `json:"rootfs"`
	History      []HistoryLine `json:"history"`
}

// RunConfig is what a container runtime does by default.
type RunConfig struct {
	User         string              `json:"User,omitempty"`
	ExposedPorts map[string]struct{} `json:"ExposedPorts,omitempty"`
	Env          []string            `json:"Env,omitempty"`
	Entrypoint   []string            `json:"Entrypoint,omitempty"`
	Cmd          []string            `json:"Cmd,omitempty"`
	Volumes      map[string]struct{} `json:"Volumes,omitempty"`
	WorkingDir   string              `json:"WorkingDir,omitempty"`
	Labels       map[string]string   `json:"Labels,omitempty"`
	StopSignal   string              `json:"StopSignal,omitempty"`
}

// RootFS lists the layers of an image by diffID, lowest first.
type RootFS struct {
	Type    string          `json:"type"` // "layers"
	DiffIDs []digest.Digest `json:"diff_ids"`
}

// HistoryLine says what made a layer.
type HistoryLine struct {
	Created    time.Time `json:"created,omitzero"`
	CreatedBy  string    `json:"created_by,omitempty"`
	Author     string    `json:"author,omitempty"`
	Comment    string    `json:"comment,omitempty"`
	EmptyLayer bool      `json:"empty_layer,omitempty"`
}

// Document is a published JSON document and what names it.
type Document struct {
	Bytes      []byte
	Descriptor Descriptor
}

// Image is one platform of an image.
type Image struct {
	Platform specs.Platform
	Config   Document
	Manifest Document
	Layers   []NamedLayer // lowest first
}

// NamedLayer is a layer and the words that history has for it.
type NamedLayer struct {
	layer.Layer
	Name      string `json:"name"`
	MediaType string `json:"media-type,omitempty"` // MediaTypeLayer when empty
}

// NewImage makes config and manifest. epoch is the image's time, in seconds
// since 1970.
func NewImage(p specs.Platform, layers []NamedLayer, c specs.Config, epoch int64) (Image, error) {
	return NewImageOn(Base{}, p, layers, c, epoch)
}

// NewImageOn is NewImage for an image that stands on another one.
func NewImageOn(base Base, p specs.Platform, layers []NamedLayer, c specs.Config, epoch int64) (Image, error) {
	created := time.Unix(epoch, 0).UTC()
	config := Config{
		Created:      created,
		Architecture: p.Arch,
		OS:           p.OS,
		Variant:      p.Variant,
		Config:       base.runConfig(c),
		RootFS:       RootFS{Type: "layers", DiffIDs: []digest.Digest{}},
		History:      base.history(),
	}
	manifest := Manifest{SchemaVersion: 2, MediaType: MediaTypeManifest, Layers: []Descriptor{}, Annotations: c.Annotations}
	image := Image{Platform: p, Layers: slices.Concat(base.Layers, layers)}
	for _, l := range layers {
		config.History = append(config.History, HistoryLine{Created: created, CreatedBy: "basal: " + l.Name})
	}
	for _, l := range image.Layers {
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, l.DiffID)
		manifest.Layers = append(manifest.Layers, Descriptor{MediaType: cmp.Or(l.MediaType, MediaTypeLayer), Digest: l.Digest, Size: l.Size})
	}
	var err error
	if image.Config, err = document(MediaTypeConfig, config); err != nil {
		return Image{}, err
	}
	manifest.Config = image.Config.Descriptor
	if image.Manifest, err = document(MediaTypeManifest, manifest); err != nil {
		return Image{}, err
	}
	image.Manifest.Descriptor.Platform = &Platform{Architecture: p.Arch, OS: p.OS, Variant: p.Variant}
	return image, nil
}

// NewIndex makes the index of images, in their order.
func NewIndex(images []Image, annotations map[string]string) (Document, error) {
	ix := Index{SchemaVersion: 2, MediaType: MediaTypeIndex, Manifests: []Descriptor{}, Annotations: annotations}
	for _, i := range images {
		ix.Manifests = append(ix.Manifests, i.Manifest.Descriptor)
	}
	return document(MediaTypeIndex, ix)
}

func document(mediaType string, v any) (Document, error) {
	b, err := canonjson.Marshal(v)
	if err != nil {
		return Document{}, err
	}
	return Document{b, Descriptor{MediaType: mediaType, Digest: digest.Of(b), Size: int64(len(b))}}, nil
}

// runConfig returns what c sets, but for the environment.
func runConfig(c specs.Config) RunConfig {
	return RunConfig{
		User:         c.User,
		ExposedPorts: set(c.Ports),
		Entrypoint:   c.Entrypoint,
		Cmd:          c.Cmd,
		Volumes:      set(c.Volumes),
		WorkingDir:   c.Workdir,
		Labels:       c.Labels,
		StopSignal:   c.StopSignal,
	}
}

func set(names []string) map[string]struct{} {
	if len(names) == 0 {
		return nil
	}
	m := map[string]struct{}{}
	for _, n := range names {
		m[n] = struct{}{}
	}
	return m
}
