package transfer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/canonjson"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// The media types of documents that are not Basal's own.
const (
	dockerIndex    = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	artifact       = "application/vnd.oci.artifact.manifest.v1+json" // of drafts of OCI 1.1
	schema1        = "application/vnd.docker.distribution.manifest.v1+json"
	schema1Signed  = "application/vnd.docker.distribution.manifest.v1+prettyjws"
)

func isIndex(mediaType string) bool {
	return mediaType == oci.MediaTypeIndex || mediaType == dockerIndex
}

func isManifest(mediaType string) bool {
	return mediaType == oci.MediaTypeManifest || mediaType == dockerManifest || mediaType == artifact
}

// manifest is what an index or a manifest names.
type manifest struct {
	documents []oci.Descriptor // of an index
	blobs     []oci.Descriptor // of a manifest: its config, then its layers
	subject   digest.Digest    // zero when it refers to nothing
}

// parse reads an index or a manifest. Readers of JSON differ in what they make of
// a document that says a thing twice, or with capitals that it should not have;
// such a document is an error, so that all of them see what was checked here.
func parse(doc oci.Document) (manifest, error) {
	m, err := parseManifest(doc.Bytes, doc.Descriptor.MediaType)
	if err != nil {
		return manifest{}, fault(doc.Descriptor.Digest, err)
	}
	return m, nil
}

// fault says which document an error is about.
func fault(d digest.Digest, err error) error {
	e := diag.Failedf("document %s: %w", d, err)
	if hint := diag.HintOf(err); hint != "" {
		return e.WithHint("%s", hint)
	}
	return e
}

// documentKeys are the keys that decide what a document names.
var documentKeys = []string{"schemaVersion", "mediaType", "config", "layers", "blobs", "manifests", "subject"}

func parseManifest(b []byte, mediaType string) (manifest, error) {
	canon, err := canonjson.Canonicalize(b)
	if err != nil {
		return manifest{}, err
	}
	o, err := newObject(canon, documentKeys)
	if err != nil {
		return manifest{}, err
	}
	if err := checkKind(o, mediaType); err != nil {
		return manifest{}, err
	}
	var m manifest
	subject, err := o.descriptors("subject")
	if err != nil {
		return manifest{}, err
	}
	for _, d := range subject {
		m.subject = d.Digest
	}
	if isIndex(mediaType) {
		m.documents, err = o.descriptors("manifests")
		return m, err
	}
	for _, key := range []string{"config", "layers", "blobs"} {
		list, err := o.descriptors(key)
		if err != nil {
			return manifest{}, err
		}
		m.blobs = append(m.blobs, list...)
	}
	return m, nil
}

// checkKind holds a document to its media type: it has what the type has, and
// nothing that another type has.
func checkKind(o object, mediaType string) error {
	var version int
	var own string
	if err := errors.Join(o.get("schemaVersion", &version), o.get("mediaType", &own)); err != nil {
		return err
	}
	if mediaType == schema1 || mediaType == schema1Signed || version == 1 {
		return diag.Failedf("it is a Docker manifest of schema 1").
			WithHint("push the image again with a Docker release of this decade")
	}
	if own != "" && own != mediaType {
		return fmt.Errorf("it says that it is %q, and its descriptor says %q", own, mediaType)
	}
	var want, never []string
	switch {
	case isIndex(mediaType):
		want, never = []string{"manifests"}, []string{"config", "layers", "blobs"}
	case mediaType == artifact:
		never = []string{"manifests", "config", "layers"}
	case isManifest(mediaType):
		want, never = []string{"config", "layers"}, []string{"manifests", "blobs"}
	default:
		return fmt.Errorf("type %q is neither an index nor a manifest", mediaType)
	}
	if mediaType != artifact && version != 2 {
		return fmt.Errorf("schemaVersion is %d, want 2", version)
	}
	for _, key := range want {
		if _, ok := o[key]; !ok {
			return fmt.Errorf("it has no %s", key)
		}
	}
	for _, key := range never {
		if _, ok := o[key]; ok {
			return fmt.Errorf("it has %q, which type %q has not", key, mediaType)
		}
	}
	return nil
}

// object is a JSON object by its exact keys, which encoding/json does not tell
// from others with capitals.
type object map[string]json.RawMessage

// newObject reads an object; none of its keys may look like one of keys.
func newObject(b []byte, keys []string) (object, error) {
	if len(b) == 0 || b[0] != '{' {
		return nil, errors.New("want a JSON object")
	}
	var o object
	if err := json.Unmarshal(b, &o); err != nil {
		return nil, err
	}
	for key := range o {
		i := slices.IndexFunc(keys, func(k string) bool { return k != key && strings.EqualFold(k, key) })
		if i >= 0 {
			return nil, fmt.Errorf("key %q, want %q", key, keys[i])
		}
	}
	return o, nil
}

// get reads a value without keys of its own into v, which stays as it is when
// there is none.
func (o object) get(key string, v any) error { return o.read(key, v, json.Unmarshal) }

// getObject reads an object into v, which stays as it is when there is none.
func (o object) getObject(key string, v any) error {
	return o.read(key, v, canonjson.UnmarshalForeign)
}

func (o object) read(key string, v any, unmarshal func([]byte, any) error) error {
	b, ok := o[key]
	if !ok {
		return nil
	}
	if err := unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// descriptors reads one descriptor or a list of them.
func (o object) descriptors(key string) ([]oci.Descriptor, error) {
	b := o[key]
	list := []json.RawMessage{b}
	switch {
	case len(b) == 0 || string(b) == "null":
		return nil, nil
	case key == "subject" || key == "config": // one
	default:
		if err := json.Unmarshal(b, &list); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
	}
	out := make([]oci.Descriptor, 0, len(list))
	for i, raw := range list {
		d, err := descriptor(raw)
		if err != nil {
			e := diag.Failedf("%s %d: %w", key, i, err)
			return nil, e.WithHint("%s", diag.HintOf(err))
		}
		out = append(out, d)
	}
	return out, nil
}

var descriptorKeys = []string{"mediaType", "digest", "size", "urls", "platform"}

func descriptor(b []byte) (oci.Descriptor, error) {
	o, err := newObject(b, descriptorKeys)
	if err != nil {
		return oci.Descriptor{}, err
	}
	d := oci.Descriptor{Size: -1}
	var name string
	var urls []string
	err = errors.Join(o.get("mediaType", &d.MediaType), o.get("digest", &name), o.get("size", &d.Size),
		o.get("urls", &urls), o.getObject("platform", &d.Platform))
	if err != nil {
		return oci.Descriptor{}, err
	}
	if d.Digest, err = digest.Parse(name); err != nil {
		if algorithm, _, ok := strings.Cut(name, ":"); ok && algorithm != "sha256" {
			return oci.Descriptor{}, diag.Failedf("%w", err).WithHint("Basal knows content by its sha256 only, as registries do")
		}
		return oci.Descriptor{}, err
	}
	switch {
	case d.MediaType == "":
		return oci.Descriptor{}, fmt.Errorf("%s has no mediaType", d.Digest)
	case d.Size < 0:
		return oci.Descriptor{}, fmt.Errorf("%s has no size, or a negative one", d.Digest)
	case len(urls) > 0:
		return oci.Descriptor{}, diag.Failedf("%s shall be fetched from elsewhere (urls)", d.Digest).
			WithHint("such layers are not followed; make the image again with its layers in the registry")
	}
	return d, nil
}
