// Package inspect says what an image is by its documents alone: index, manifests
// and configs. It reads no layer, and takes nothing of what it reads for true but
// that it has the digest that names it.
//
// Whoever calls it brings the places where documents are; the package itself
// decides what to ask for, and how the answer looks as a value and as text.
package inspect

import (
	"context"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// Schema names the form of a Report in JSON.
const Schema = "basal.inspect/v1"

// The bounds on what an image may make its reader do.
const (
	maxDocument = 4 << 20 // bytes of one document
	maxChildren = 1000    // entries of an index
	maxImages   = 100     // images of an index that are read
	maxLayers   = 1000    // layers of an image
	maxSize     = 1 << 50 // bytes of one blob: no sum of layers overflows
	jobs        = 6       // requests at once
)

// Place is where an image is: a repository, a layout, or what a build made.
type Place interface {
	// Resolve returns the manifest or index of a tag, or of "sha256:<hex>".
	Resolve(ctx context.Context, name string) (oci.Document, error)
	// Document returns the manifest or index that d names.
	Document(ctx context.Context, d oci.Descriptor) (oci.Document, error)
	// Open opens the blob that d names.
	Open(ctx context.Context, d oci.Descriptor) (io.ReadCloser, error)
	// Referrers lists what refers to a document, by hearsay.
	Referrers(ctx context.Context, subject digest.Digest) ([]oci.Descriptor, error)
}

// Options says what to look at.
type Options struct {
	Name     string // of the image, as the user wrote it
	Tag      string // "" when it was asked for by digest
	Platform string // only this one, as in linux/arm64 or linux/arm; "" for all
	// Base finds the repository of a base by the name that an image gives it.
	// Without it bases are named and not looked at.
	Base func(ctx context.Context, name string) (Place, error)
}

// Report is what there is to say of an image. Text from documents is in it as it
// was found.
type Report struct {
	Schema        string            `json:"schema"`
	Name          string            `json:"name"`
	Tag           string            `json:"tag,omitempty"`
	Digest        digest.Digest     `json:"digest"`     // of the index, or of the manifest when there is no index
	MediaType     string            `json:"media-type"` // of the same
	Size          int64             `json:"size"`       // of the same, in bytes
	Annotations   map[string]string `json:"annotations,omitempty"`
	Platforms     []Platform        `json:"platforms"`
	Others        []Other           `json:"others,omitempty"` // what else the index names
	Evidence      []Evidence        `json:"evidence,omitempty"`
	EvidenceFault string            `json:"evidence-fault,omitempty"` // why the list may lack some
}

// Platform is the image of one platform.
type Platform struct {
	Platform    string            `json:"platform"`   // as in linux/arm64
	Digest      digest.Digest     `json:"digest"`     // of the manifest
	MediaType   string            `json:"media-type"` // of the manifest
	Size        int64             `json:"size"`       // of all layers, compressed, in bytes
	Created     string            `json:"created,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Artifact    string            `json:"artifact,omitempty"` // its type, when this is no image
	Config      *Config           `json:"config,omitempty"`
	Layers      []Layer           `json:"layers"` // lowest first
	Bases       []Base            `json:"bases,omitempty"`
	Notes       []string          `json:"notes,omitempty"` // what does not fit together
}

// Layer is a layer and where it is from.
type Layer struct {
	Digest    digest.Digest `json:"digest"`
	DiffID    digest.Digest `json:"diff-id,omitzero"`
	Size      int64         `json:"size"` // compressed, in bytes
	MediaType string        `json:"media-type"`
	CreatedBy string        `json:"created-by,omitempty"` // of the config's history
	MadeBy    string        `json:"made-by,omitempty"`    // the same, in short
	Base      digest.Digest `json:"base,omitzero"`        // the lowest base that has it
}

// Config is the part of the image's config that a runtime goes by.
type Config struct {
	User       string            `json:"user,omitempty"`
	Env        []string          `json:"env,omitempty"`
	Entrypoint []string          `json:"entrypoint,omitempty"`
	Cmd        []string          `json:"cmd,omitempty"`
	Workdir    string            `json:"workdir,omitempty"`
	Ports      []string          `json:"ports,omitempty"`
	Volumes    []string          `json:"volumes,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
	StopSignal string            `json:"stop-signal,omitempty"`
}

// Other is an entry of an index that is no image of a platform.
type Other struct {
	Kind      string        `json:"kind"` // attestation, artifact, index or unknown
	Digest    digest.Digest `json:"digest"`
	MediaType string        `json:"media-type"`
	Size      int64         `json:"size"` // of the document, in bytes
}

// Image reads the image that root is, at a place.
func Image(ctx context.Context, at Place, root oci.Document, opt Options) (*Report, error) {
	r := &Report{
		Schema: Schema, Name: opt.Name, Tag: opt.Tag,
		Digest: root.Descriptor.Digest, MediaType: root.Descriptor.MediaType, Size: int64(len(root.Bytes)),
		Platforms: []Platform{},
	}
	doc, err := parse(root)
	if err != nil {
		return nil, err
	}
	r.MediaType, r.Annotations = doc.MediaType, doc.Annotations
	images, others, err := doc.images(root.Descriptor)
	if err != nil {
		return nil, err
	}
	r.Others = others
	if images, err = choose(images, opt.Platform); err != nil {
		return nil, err
	}
	r.Platforms = make([]Platform, len(images))
	chains := newChains(opt.Base)
	patient, cancel := context.WithTimeoutCause(ctx, baseWait, errNoAnswer)
	defer cancel()
	work, each := errgroup.WithContext(ctx)
	work.SetLimit(jobs)
	for i, d := range images {
		work.Go(func() error {
			manifest := doc
			if doc.isIndex() {
				var err error
				if manifest, err = document(each, at, d); err != nil {
					return err
				}
			}
			p, err := readImage(each, at, d, manifest)
			if err != nil {
				return err
			}
			if p.Artifact == "" {
				chains.follow(patient, p, manifest.Annotations, r.Annotations)
			}
			r.Platforms[i] = *p
			return each.Err()
		})
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	if !doc.isIndex() {
		if err := only(r.Platforms[0], opt.Platform); err != nil {
			return nil, err
		}
	}
	r.evidence(ctx, at, doc.isIndex())
	return r, ctx.Err()
}

// document gets the manifest that d names, and parses it.
func document(ctx context.Context, at Place, d oci.Descriptor) (parsed, error) {
	if err := sane(d); err != nil {
		return parsed{}, err
	}
	doc, err := at.Document(ctx, d)
	if err != nil {
		return parsed{}, err
	}
	if got := digest.Of(doc.Bytes); got != d.Digest {
		return parsed{}, diag.Failedf("%w: want document %s, found %s", digest.ErrMismatch, d.Digest, got)
	}
	doc.Descriptor = d
	return parse(doc)
}
