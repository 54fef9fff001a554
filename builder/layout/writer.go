package layout

import (
	"bytes"
	"context"
	"io"
	"slices"
	"sync"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/canonjson"
	"github.com/basal-project/basal/internal/digest"
)

// Writer collects a layout of images that Basal need not have built. Nothing is
// read or written before Commit. Its other methods may be called from several
// goroutines.
type Writer struct {
	path, name string

	mu    sync.Mutex
	docs  map[digest.Digest]oci.Document
	blobs map[digest.Digest]source
	tags  map[string]oci.Document
}

// source is a blob and where it comes from.
type source struct {
	oci.Descriptor
	open func(context.Context) (io.ReadCloser, error)
}

// NewWriter returns a writer of the layout at path, an archive when path ends in
// .tar. name is what engines that load the layout are to call its images; without
// one they are told the tags only.
func NewWriter(path, name string) *Writer {
	return &Writer{
		path: path, name: name,
		docs: map[digest.Digest]oci.Document{}, blobs: map[digest.Digest]source{}, tags: map[string]oci.Document{},
	}
}

// HasDocument reports whether the document was put.
func (w *Writer) HasDocument(_ context.Context, d oci.Descriptor) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.docs[d.Digest]
	return ok, nil
}

// PutBlob takes note of a blob. Commit opens it, with the context of its own.
func (w *Writer) PutBlob(_ context.Context, d oci.Descriptor, open func(context.Context) (io.ReadCloser, error)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.blobs[d.Digest] = source{d, open}
	return nil
}

// PutDocument takes a document.
func (w *Writer) PutDocument(_ context.Context, doc oci.Document) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.docs[doc.Descriptor.Digest] = doc
	return nil
}

// Tagged returns what the tag shall name, the zero digest when nothing.
func (w *Writer) Tagged(_ context.Context, tag string) (digest.Digest, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tags[tag].Descriptor.Digest, nil
}

// Tag lets a tag name a document.
func (w *Writer) Tag(_ context.Context, tag string, doc oci.Document) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tags[tag] = doc
	return nil
}

// Commit reads the blobs and writes the layout as Write does: whole or not at
// all, in place of the layout that is there, unless that has images which would be
// lost: an error of exit code 2, before anything is read. What no tag and no index names, and
// what refers to a subject, stands in index.json without a name.
func (w *Writer) Commit(ctx context.Context) error {
	if err := w.keepsOthers(ctx); err != nil {
		return err
	}
	c := &contents{name: w.name, blobs: map[digest.Digest]*once{}}
	for _, doc := range w.docs {
		if err := c.addDocument(doc); err != nil {
			return err
		}
	}
	for _, b := range w.blobs {
		if err := c.addBlob(b.Digest, b.Size, func() (io.ReadCloser, error) { return b.open(ctx) }); err != nil {
			return err
		}
	}
	for tag, doc := range w.tags {
		c.addRef(doc.Descriptor, tag)
		if load, ok := w.load(tag, doc); ok {
			c.loads = append(c.loads, load)
		}
	}
	loose, err := w.loose()
	if err != nil {
		return err
	}
	c.refs = append(c.refs, loose...)
	if err := c.sort(); err != nil {
		return err
	}
	return c.write(w.path)
}

// loose returns the documents that index.json lists without a tag.
func (w *Writer) loose() ([]oci.Descriptor, error) {
	named := map[digest.Digest]bool{} // by a tag, or by an index
	refers := map[digest.Digest]bool{}
	for d, doc := range w.docs {
		var links struct {
			Manifests []struct {
				Digest digest.Digest `json:"digest"`
			} `json:"manifests"`
			Subject *struct{} `json:"subject"`
		}
		if err := canonjson.UnmarshalForeign(doc.Bytes, &links); err != nil {
			return nil, err
		}
		for _, m := range links.Manifests {
			named[m.Digest] = true
		}
		refers[d] = links.Subject != nil
	}
	tagged := map[digest.Digest]bool{}
	for _, doc := range w.tags {
		tagged[doc.Descriptor.Digest] = true
	}
	var out []oci.Descriptor
	for d, doc := range w.docs {
		if !tagged[d] && (refers[d] || !named[d]) {
			doc.Descriptor.Annotations = nil
			out = append(out, doc.Descriptor)
		}
	}
	return out, nil
}

// The media types of images that Docker can load from an archive.
var (
	loadableConfigs = []string{oci.MediaTypeConfig, "application/vnd.docker.container.image.v1+json"}
	loadableLayers  = []string{oci.MediaTypeLayer, "application/vnd.docker.image.rootfs.diff.tar.gzip"}
)

// load returns what Docker's manifest.json says of a tagged document, if it is
// the manifest of an image.
func (w *Writer) load(tag string, doc oci.Document) (dockerImage, bool) {
	var m oci.Manifest
	if w.name == "" || isEvidence(tag) || bytes.Contains(doc.Bytes, []byte(`"manifests"`)) || canonjson.UnmarshalForeign(doc.Bytes, &m) != nil {
		return dockerImage{}, false
	}
	if !slices.Contains(loadableConfigs, m.Config.MediaType) || len(m.Layers) == 0 {
		return dockerImage{}, false
	}
	load := dockerImage{
		Config:   blobPath(m.Config.Digest),
		RepoTags: []string{w.name + ":" + tag},
		Layers:   []string{},
	}
	for _, l := range m.Layers {
		if !slices.Contains(loadableLayers, l.MediaType) {
			return dockerImage{}, false
		}
		load.Layers = append(load.Layers, blobPath(l.Digest))
	}
	return load, true
}
