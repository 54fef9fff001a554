package layout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/digest"
)

// Finder finds content of a layout by tag, by digest, and by what it refers to.
type Finder struct {
	layout *Layout
	refs   []oci.Descriptor // of index.json

	look      sync.Once
	referrers map[digest.Digest][]oci.Descriptor
	err       error
}

// Finder reads the layout's index.json.
func (l *Layout) Finder() (*Finder, error) {
	top, err := l.top()
	if err != nil {
		return nil, err
	}
	f := &Finder{layout: l, refs: top.Manifests}
	first := map[string]digest.Digest{}
	for _, d := range f.refs {
		tag := d.Annotations[oci.RefName]
		if known, ok := first[tag]; tag != "" && ok && known != d.Digest {
			return nil, fmt.Errorf("%s: %s has two documents with the tag %q", l.path, indexFile, tag)
		}
		first[tag] = d.Digest
	}
	return f, nil
}

// Document returns a document, checked against d.
func (f *Finder) Document(_ context.Context, d oci.Descriptor) (oci.Document, error) {
	return f.layout.Document(d)
}

// Open opens a blob; see Layout.Open.
func (f *Finder) Open(_ context.Context, d oci.Descriptor) (io.ReadCloser, error) {
	return f.layout.Open(d)
}

// Untagged returns the documents of index.json that have no tag and refer to no
// subject: images to which nobody gave a name.
func (f *Finder) Untagged() ([]oci.Document, error) {
	var out []oci.Document
	for _, d := range f.refs {
		if d.Annotations[oci.RefName] != "" || !isDocument(d) {
			continue
		}
		doc, subject, err := f.linked(d)
		if err != nil {
			return nil, err
		}
		if doc.Bytes == nil {
			return nil, fmt.Errorf("%s: document %s: %w", f.layout.path, d.Digest, fs.ErrNotExist)
		}
		if subject.IsZero() {
			out = append(out, doc)
		}
	}
	return out, nil
}

// Name returns the name that the images of a layout were given, without a tag;
// "" when they have none, or several.
func (f *Finder) Name() string {
	name := ""
	for _, d := range f.refs {
		full, ok := strings.CutSuffix(d.Annotations[oci.LoadedName], ":"+d.Annotations[oci.RefName])
		short := strings.TrimPrefix(full, containerdPrefix)
		if strings.Contains(short, "/") {
			short = full
		}
		switch {
		case !ok:
		case name != "" && name != short:
			return ""
		default:
			name = short
		}
	}
	return name
}

// Tags returns the tags, sorted. What no registry takes for a tag is an error.
func (f *Finder) Tags(context.Context) ([]string, error) {
	var tags []string
	for _, d := range f.refs {
		tag := d.Annotations[oci.RefName]
		if tag == "" {
			continue
		}
		if err := f.layout.checkTag(tag); err != nil {
			return nil, err
		}
		tags = append(tags, tag)
	}
	slices.Sort(tags)
	return slices.Compact(tags), nil
}

// Resolve returns what a tag names, or a digest, with the descriptor that
// index.json has. An error that wraps fs.ErrNotExist says that there is none.
func (f *Finder) Resolve(_ context.Context, name string) (oci.Document, error) {
	for _, d := range f.refs {
		if name != "" && d.Annotations[oci.RefName] == name || d.Digest.String() == name {
			d.Annotations = nil // they are about the place, not about the document
			return f.layout.Document(d)
		}
	}
	d, err := digest.Parse(name)
	if err != nil {
		return oci.Document{}, fmt.Errorf("%s: no tag %q: %w", f.layout.path, name, fs.ErrNotExist)
	}
	return f.unlisted(d)
}

// unlisted reads a document that index.json does not name. Its size is not known
// beforehand, and its type only from itself.
func (f *Finder) unlisted(d digest.Digest) (oci.Document, error) {
	r, err := f.layout.OpenUnsafe(d)
	if err != nil {
		return oci.Document{}, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err != nil {
		return oci.Document{}, err
	}
	doc := oci.Document{Bytes: b, Descriptor: oci.Descriptor{Digest: d, Size: int64(len(b))}}
	if len(b) > maxDocument {
		return oci.Document{}, f.layout.fault(doc.Descriptor, "has more than %d bytes", maxDocument)
	}
	if digest.Of(b) != d {
		return oci.Document{}, fmt.Errorf("%s: document %s: %w", f.layout.path, d, digest.ErrMismatch)
	}
	var kind struct {
		MediaType string `json:"mediaType"`
	}
	if err := f.layout.parse(doc, &kind); err != nil {
		return oci.Document{}, err
	}
	switch doc.Descriptor.MediaType = kind.MediaType; {
	case kind.MediaType != "":
	case bytes.Contains(b, []byte(`"manifests"`)): // OCI 1.0 lets both leave it out
		doc.Descriptor.MediaType = oci.MediaTypeIndex
	default:
		doc.Descriptor.MediaType = oci.MediaTypeManifest
	}
	return doc, nil
}

// Referrers returns what refers to subject, sorted by digest: what index.json
// names and has it as its subject, and what an index with the tag sha256-<hex>
// lists, in which tools keep referrers for registries without an interface.
func (f *Finder) Referrers(_ context.Context, subject digest.Digest) ([]oci.Descriptor, error) {
	f.look.Do(func() { f.referrers, f.err = f.findReferrers() })
	return f.referrers[subject], f.err
}

func (f *Finder) findReferrers() (map[digest.Digest][]oci.Descriptor, error) {
	found := map[digest.Digest][]oci.Descriptor{}
	for _, d := range f.refs {
		if !isDocument(d) {
			continue
		}
		tag := d.Annotations[oci.RefName]
		if hexa, ok := strings.CutPrefix(tag, "sha256-"); ok {
			if about, err := digest.ParseHex(hexa); err == nil {
				list, err := f.listed(d)
				if err != nil {
					return nil, err
				}
				found[about] = append(found[about], list...)
				continue
			}
		}
		doc, subject, err := f.linked(d)
		if err != nil {
			return nil, err
		}
		if !subject.IsZero() {
			found[subject] = append(found[subject], doc.Descriptor)
		}
	}
	for subject, list := range found {
		slices.SortFunc(list, func(a, b oci.Descriptor) int { return bytes.Compare(a.Digest[:], b.Digest[:]) })
		found[subject] = slices.CompactFunc(list, func(a, b oci.Descriptor) bool { return a.Digest == b.Digest })
	}
	return found, nil
}

// linked reads a document and its subject. One that is missing refers to nothing:
// whoever needs it will say so.
func (f *Finder) linked(d oci.Descriptor) (oci.Document, digest.Digest, error) {
	d.Annotations = nil
	doc, err := f.layout.Document(d)
	if errors.Is(err, fs.ErrNotExist) {
		return oci.Document{Descriptor: d}, digest.Digest{}, nil
	}
	if err != nil {
		return oci.Document{}, digest.Digest{}, err
	}
	var links struct {
		Subject struct {
			Digest digest.Digest `json:"digest"`
		} `json:"subject"`
	}
	err = f.layout.parse(doc, &links)
	return doc, links.Subject.Digest, err
}

// listed returns what an index names.
func (f *Finder) listed(d oci.Descriptor) ([]oci.Descriptor, error) {
	doc, err := f.layout.Document(d)
	if err != nil {
		return nil, err
	}
	var ix oci.Index
	if err := f.layout.parse(doc, &ix); err != nil {
		return nil, err
	}
	if len(ix.Manifests) > maxTags {
		return nil, f.layout.fault(d, "lists %d referrers, more than %d", len(ix.Manifests), maxTags)
	}
	return ix.Manifests, nil
}

// isDocument reports whether d may be an index or a manifest: index.json can name
// anything.
func isDocument(d oci.Descriptor) bool { return strings.HasSuffix(d.MediaType, "+json") }
