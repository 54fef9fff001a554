package inspect

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// Documents that are no image's, each with its right digest.
func TestHostile(t *testing.T) {
	some := digest.Of([]byte("some")).String()
	descriptor := func(kind, digest string, size int) string {
		return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d}`, kind, digest, size)
	}
	good := descriptor(oci.MediaTypeManifest, some, 10)
	config := descriptor(oci.MediaTypeConfig, some, 10)
	manifest := func(config, layers string) string {
		return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":%s,"layers":[%s]}`, oci.MediaTypeManifest, config, layers)
	}
	index := func(manifests string) string {
		return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, oci.MediaTypeIndex, manifests)
	}
	for name, c := range map[string]struct{ kind, text, want string }{
		"nothing":          {oci.MediaTypeIndex, ``, "unexpected end"},
		"no JSON":          {oci.MediaTypeIndex, `<html>`, "invalid character"},
		"a list":           {oci.MediaTypeIndex, `[]`, "cannot unmarshal"},
		"null":             {oci.MediaTypeIndex, `null`, "schemaVersion is 0"},
		"twice":            {oci.MediaTypeIndex, `{"schemaVersion":2,"schemaVersion":2}`, "duplicate key"},
		"other spelling":   {oci.MediaTypeIndex, index(strings.Replace(good, `"digest"`, `"digeſt":"","digest"`, 1)), "is another spelling"},
		"deep":             {oci.MediaTypeIndex, strings.Repeat("[", 100_000), "max depth"},
		"other type":       {oci.MediaTypeManifest, index(good), "is announced as"},
		"no type":          {"", `{"schemaVersion":2}`, "neither an image manifest nor an index"},
		"schema 1":         {"application/vnd.docker.distribution.manifest.v1+prettyjws", `{"schemaVersion":1}`, "schema 1"},
		"both":             {oci.MediaTypeIndex, `{"schemaVersion":2,"manifests":[],"layers":[]}`, "a manifest and of an index"},
		"manifest as both": {oci.MediaTypeManifest, `{"schemaVersion":2,"manifests":[],"config":` + config + `}`, "a manifest and of an index"},
		"no config":        {oci.MediaTypeManifest, `{"schemaVersion":2,"layers":[]}`, "without a config"},
		"empty digest":     {oci.MediaTypeIndex, index(`{"mediaType":"x","size":1}`), "has no digest"},
		"sha512":           {oci.MediaTypeIndex, index(descriptor("x", "sha512:"+strings.Repeat("a", 128), 1)), `does not begin with "sha256:"`},
		"negative":         {oci.MediaTypeIndex, index(descriptor("x", some, -1)), "which nothing has"},
		"negative layer":   {oci.MediaTypeManifest, manifest(config, descriptor(oci.MediaTypeLayer, some, -1)), "which nothing has"},
		"huge":             {oci.MediaTypeManifest, manifest(config, strings.Replace(good, ":10}", ":9223372036854775807}", 1)), "which nothing has"},
		"overflow":         {oci.MediaTypeManifest, manifest(config, strings.Replace(good, ":10}", ":99999999999999999999}", 1)), "cannot unmarshal"},
		"many children":    {oci.MediaTypeIndex, index(strings.Repeat(good+",", 1000) + good), "more than 1000"},
		"many images":      {oci.MediaTypeIndex, index(strings.Repeat(good+",", 100) + good), "more than 100"},
		"many layers":      {oci.MediaTypeManifest, manifest(config, strings.Repeat(good+",", 1000)+good), "more than 1000"},
		"gone":             {oci.MediaTypeIndex, index(good), "file does not exist"},
		"config gone":      {oci.MediaTypeManifest, manifest(config, ""), "file does not exist"},
		"config huge":      {oci.MediaTypeManifest, manifest(descriptor(oci.MediaTypeConfig, some, 5<<20), ""), "more than 4194304"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore()
			refused(t, s, s.put(c.kind, c.text), c.want)
		})
	}
}

// Configs that are none, each with its right digest.
func TestHostileConfig(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no JSON":     {`x`, "invalid character"},
		"no layers":   {`{}`, "0 diff_ids for the manifest's 1 layers"},
		"more layers": {`{"rootfs":{"diff_ids":["` + digest.Of(nil).String() + `","` + digest.Of(nil).String() + `"]}}`, "2 diff_ids"},
		"other ids":   {`{"rootfs":{"diff_ids":[],"Diff_ids":[]}}`, "is another spelling"},
		"false ids":   {`{"rootfs":{"diff_ids":["x"]}}`, "does not begin"},
		"false type":  {`{"config":{"Env":{"a":"b"}}}`, "cannot unmarshal"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore()
			config := s.put(oci.MediaTypeConfig, c.text)
			refused(t, s, s.marshal(t, oci.MediaTypeManifest, oci.Manifest{
				SchemaVersion: 2, MediaType: oci.MediaTypeManifest, Config: config, Layers: []oci.Descriptor{layerOf("one")},
			}), c.want)
		})
	}
}

func refused(t *testing.T, s *store, root oci.Descriptor, want string) {
	t.Helper()
	_, err := Image(t.Context(), s, oci.Document{Bytes: s.blobs[root.Digest], Descriptor: root}, Options{})
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("found %v, want %q", err, want)
	}
}

// A place that answers with other bytes than were asked for.
func TestLyingPlace(t *testing.T) {
	s := newStore()
	d := s.image(t, "amd64", nil, "one")
	root := s.document(t, s.index(t, nil, d))
	s.blobs[d.Digest] = s.blobs[s.image(t, "arm64", nil).Digest]
	if _, err := Image(t.Context(), s, root, Options{}); err == nil || diag.CodeOf(err) != diag.Failed || !strings.Contains(err.Error(), "does not match") {
		t.Errorf("found %v", err)
	}
	s = newStore()
	d = s.image(t, "amd64", nil, "one")
	whole := s.document(t, d)
	for other := range s.blobs {
		if other != d.Digest {
			s.blobs[other] = append(s.blobs[other], ' ')
		}
	}
	if _, err := Image(t.Context(), s, whole, Options{}); err == nil || !strings.Contains(err.Error(), "does not match") {
		t.Errorf("found %v", err)
	}
}

// What a document has for the terminal does not reach it, and a long text does
// not fill the screen.
func TestPrintable(t *testing.T) {
	s := newStore()
	evil := "\x1b]0;pwned\x07\u202e\t\r\nx"
	d := s.image(t, "amd64", map[string]string{evil: strings.Repeat("y", 100_000)}, evil)
	d.Platform.OS = evil
	s.referrers[d.Digest] = []oci.Descriptor{{ArtifactType: evil}}
	root := s.index(t, map[string]string{"k": evil}, d)
	r, err := Image(t.Context(), s, s.document(t, root), Options{Name: evil})
	if err != nil {
		t.Fatal(err)
	}
	got := text(t, r)
	if strings.ContainsAny(got, "\x1b\x07\u202e\t\r") || strings.Contains(got, "\nx") {
		t.Errorf("found %q", got)
	}
	if len(got) > 10_000 {
		t.Errorf("found %d bytes of text", len(got))
	}
}

func FuzzImage(f *testing.F) {
	s := newStore()
	d := s.image(f, "amd64", nil, "one", "two")
	for _, b := range s.blobs {
		f.Add(b)
	}
	f.Add(s.document(f, s.index(f, nil, d)).Bytes)
	f.Fuzz(func(t *testing.T, b []byte) {
		doc := oci.Document{Bytes: b, Descriptor: oci.Descriptor{Digest: digest.Of(b), Size: int64(len(b))}}
		at := answering{newStore(), b}
		r, err := Image(t.Context(), at, doc, Options{Base: func(context.Context, string) (Place, error) { return at, nil }})
		if err != nil {
			return
		}
		if err := r.WriteText(io.Discard); err != nil {
			t.Error(err)
		}
	})
}

// answering has b for everything.
type answering struct {
	*store
	b []byte
}

func (a answering) Document(_ context.Context, d oci.Descriptor) (oci.Document, error) {
	return oci.Document{Bytes: a.b, Descriptor: d}, nil
}
