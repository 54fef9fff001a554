package transfer

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/basal-project/basal/builder/layout"
	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/canonjson"
	"github.com/basal-project/basal/internal/digest"
)

// A layout is both ends.
var (
	_ Finder = (*layout.Finder)(nil)
	_ Writer = (*layout.Writer)(nil)
)

// memory is a place without a disk or a network: a Finder and a Writer that
// writes down what it is asked.
type memory struct {
	mu    sync.Mutex
	docs  map[digest.Digest]oci.Document
	blobs map[digest.Digest][]byte
	tags  map[string]digest.Digest
	log   []string
	on    func(m *memory, event string) error // called before each event, with the lock held
	lists map[digest.Digest][]oci.Descriptor  // more that is listed as referrers
	deaf  bool                                // lists no referrers of its own
}

func newMemory() *memory {
	return &memory{
		docs: map[digest.Digest]oci.Document{}, blobs: map[digest.Digest][]byte{}, tags: map[string]digest.Digest{},
		lists: map[digest.Digest][]oci.Descriptor{},
	}
}

// event notes what is done, and fails if the test wants it to.
func (m *memory) event(format string, args ...any) error {
	e := fmt.Sprintf(format, args...)
	m.log = append(m.log, e)
	if m.on != nil {
		return m.on(m, e)
	}
	return nil
}

func (m *memory) Document(_ context.Context, d oci.Descriptor) (oci.Document, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	doc, ok := m.docs[d.Digest]
	if !ok {
		return doc, fmt.Errorf("document %s: %w", d.Digest, fs.ErrNotExist)
	}
	return oci.Document{Bytes: doc.Bytes, Descriptor: d}, m.event("get %s", short(d.Digest))
}

func (m *memory) Open(_ context.Context, d oci.Descriptor) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.blobs[d.Digest]
	if !ok {
		return nil, fmt.Errorf("blob %s: %w", d.Digest, fs.ErrNotExist)
	}
	return io.NopCloser(digest.NewReader(bytes.NewReader(b), d.Digest, d.Size)), m.event("open %s", short(d.Digest))
}

func (m *memory) Resolve(_ context.Context, name string) (oci.Document, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, ok := m.tags[name]
	if !ok {
		d, _ = digest.Parse(name) // else zero, which nothing has
	}
	doc, ok := m.docs[d]
	if !ok {
		return doc, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return doc, m.event("resolve %s", name)
}

func (m *memory) Tags(context.Context) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.tags)), m.event("tags")
}

func (m *memory) Referrers(_ context.Context, subject digest.Digest) ([]oci.Descriptor, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := slices.Clone(m.lists[subject])
	for _, doc := range m.docs {
		if p, err := parse(doc); err == nil && p.subject == subject && !m.deaf {
			list = append(list, doc.Descriptor)
		}
	}
	slices.SortFunc(list, func(a, b oci.Descriptor) int { return cmp.Compare(a.Digest.Hex(), b.Digest.Hex()) })
	return list, m.event("referrers %s", short(subject))
}

func (m *memory) HasDocument(_ context.Context, d oci.Descriptor) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.docs[d.Digest]
	return ok, m.event("has %s", short(d.Digest))
}

func (m *memory) PutBlob(ctx context.Context, d oci.Descriptor, open func(context.Context) (io.ReadCloser, error)) error {
	m.mu.Lock()
	_, ok := m.blobs[d.Digest]
	err := m.event("blob %s", short(d.Digest))
	m.mu.Unlock()
	if ok || err != nil {
		return err
	}
	r, err := open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.blobs[d.Digest] = b
	return m.event("upload %s", short(d.Digest))
}

// PutDocument is as strict as a good registry: what a document names is there.
func (m *memory) PutDocument(_ context.Context, doc oci.Document) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, err := parse(doc)
	if err != nil {
		return err
	}
	for _, d := range p.documents {
		if _, ok := m.docs[d.Digest]; !ok {
			return fmt.Errorf("%s before its child %s", short(doc.Descriptor.Digest), short(d.Digest))
		}
	}
	for _, d := range p.blobs {
		if _, ok := m.blobs[d.Digest]; !ok {
			return fmt.Errorf("%s before its blob %s", short(doc.Descriptor.Digest), short(d.Digest))
		}
	}
	if _, ok := m.docs[p.subject]; !ok && !p.subject.IsZero() {
		return fmt.Errorf("%s before its subject %s", short(doc.Descriptor.Digest), short(p.subject))
	}
	m.docs[doc.Descriptor.Digest] = doc
	return m.event("put %s", short(doc.Descriptor.Digest))
}

func (m *memory) Tagged(_ context.Context, tag string) (digest.Digest, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.event("tagged %s", tag)
	return m.tags[tag], err
}

func (m *memory) Tag(_ context.Context, tag string, doc oci.Document) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.event("tag %s", tag); err != nil {
		return err
	}
	m.docs[doc.Descriptor.Digest] = doc
	m.tags[tag] = doc.Descriptor.Digest
	return nil
}

func short(d digest.Digest) string { return d.Hex()[:8] }

// put keeps a blob.
func (m *memory) put(content string) oci.Descriptor {
	b := []byte(content)
	m.blobs[digest.Of(b)] = b
	return oci.Descriptor{MediaType: oci.MediaTypeLayer, Digest: digest.Of(b), Size: int64(len(b))}
}

// raw keeps a document as it is.
func (m *memory) raw(mediaType string, b []byte) oci.Document {
	doc := oci.Document{Bytes: b, Descriptor: oci.Descriptor{MediaType: mediaType, Digest: digest.Of(b), Size: int64(len(b))}}
	m.docs[doc.Descriptor.Digest] = doc
	return doc
}

// keep keeps a document of fields.
func (m *memory) keep(t testing.TB, mediaType string, fields map[string]any) oci.Document {
	t.Helper()
	all := map[string]any{"schemaVersion": 2, "mediaType": mediaType}
	maps.Copy(all, fields)
	b, err := canonjson.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return m.raw(mediaType, b)
}

// image keeps a manifest with a config and layers; subject may be zero.
func (m *memory) image(t testing.TB, subject *oci.Document, layers ...string) oci.Document {
	t.Helper()
	config := m.put("config of " + fmt.Sprint(layers))
	config.MediaType = oci.MediaTypeConfig
	list := []oci.Descriptor{}
	for _, l := range layers {
		list = append(list, m.put(l))
	}
	fields := map[string]any{"config": config, "layers": list}
	if subject != nil {
		fields["subject"] = subject.Descriptor
	}
	return m.keep(t, oci.MediaTypeManifest, fields)
}

func (m *memory) index(t testing.TB, children ...oci.Document) oci.Document {
	t.Helper()
	list := []oci.Descriptor{}
	for _, c := range children {
		list = append(list, c.Descriptor)
	}
	return m.keep(t, oci.MediaTypeIndex, map[string]any{"manifests": list})
}

// count returns how many events begin with one of words.
func (m *memory) count(words ...string) int {
	n := 0
	for _, e := range m.log {
		if slices.ContainsFunc(words, func(w string) bool { return len(e) >= len(w) && e[:len(w)] == w }) {
			n++
		}
	}
	return n
}
