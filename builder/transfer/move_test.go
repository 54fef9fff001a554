package transfer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/digest"
)

// sample is an image for two platforms with the tags that a push gives it.
func sample(t testing.TB) (*memory, Root) {
	t.Helper()
	from := newMemory()
	a, b := from.image(t, nil, "base", "amd64"), from.image(t, nil, "base", "arm64")
	ix := from.index(t, a, b)
	return from, Root{ix, []Tag{
		{Name: "latest-2025", Fixed: true},
		{Name: "latest-amd64", Digest: a.Descriptor.Digest},
		{Name: "latest-arm64", Digest: b.Descriptor.Digest},
		{Name: "latest"},
	}}
}

func move1(t testing.TB, from, to *memory, opt Options, roots ...Root) Report {
	t.Helper()
	report, err := Move(context.Background(), from, to, roots, opt)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestMove(t *testing.T) {
	from, root := sample(t)
	to := newMemory()
	report := move1(t, from, to, Options{}, root)
	if report.Documents != 3 || report.Blobs != 5 || report.Written != 8 || report.Evidence != 0 {
		t.Errorf("report %+v", report)
	}
	want := []string{"latest-2025", "latest-amd64", "latest-arm64", "latest"}
	if !slices.Equal(report.Tags, want) {
		t.Errorf("tags %q, want %q", report.Tags, want)
	}
	if !maps.EqualFunc(to.blobs, from.blobs, slices.Equal[[]byte]) {
		t.Error("the blobs are not the same")
	}
	for d := range from.docs {
		if string(to.docs[d].Bytes) != string(from.docs[d].Bytes) {
			t.Errorf("document %s is not the same", d)
		}
	}
	// memory.PutDocument holds the order of content; tags come last.
	first := slices.IndexFunc(to.log, func(e string) bool { return strings.HasPrefix(e, "tag ") })
	last := len(to.log) - 1
	for i, e := range to.log[:last+1] {
		if i > first && (strings.HasPrefix(e, "put ") || strings.HasPrefix(e, "upload ")) {
			t.Errorf("after a tag: %s", e)
		}
	}
}

// An image that is there costs one question for each blob and document.
func TestMoveUnchanged(t *testing.T) {
	from, root := sample(t)
	to := newMemory()
	move1(t, from, to, Options{}, root)
	to.log = nil
	report := move1(t, from, to, Options{}, root)
	if report.Written != 0 || len(report.Tags) != 0 {
		t.Errorf("report %+v", report)
	}
	slices.Sort(to.log)
	if len(slices.Compact(slices.Clone(to.log))) != 8 || len(to.log) != 8 {
		t.Errorf("%d requests, want 8:\n%s", len(to.log), strings.Join(to.log, "\n"))
	}
	if to.count("tagged latest") != 3 || to.count("blob") != 5 || to.count("has") != 0 {
		t.Errorf("requests:\n%s", strings.Join(to.log, "\n"))
	}
}

func TestMoveResumes(t *testing.T) {
	from, root := sample(t)
	events := newMemory()
	move1(t, from, events, Options{Jobs: 1}, root)
	broken := errors.New("connection reset")
	for n := range events.log {
		to, seen := newMemory(), 0
		to.on = func(_ *memory, e string) error {
			if seen++; seen == n+1 {
				return broken
			}
			return nil
		}
		_, err := Move(context.Background(), from, to, []Root{root}, Options{Jobs: 1})
		if !errors.Is(err, broken) {
			t.Fatalf("fault %d: %v", n, err)
		}
		for tag, d := range to.tags { // complete, whatever has happened
			if doc, ok := to.docs[d]; !ok {
				t.Errorf("fault %d: tag %s names nothing", n, tag)
			} else if err := to.PutDocument(context.Background(), doc); err != nil {
				t.Errorf("fault %d: tag %s: %v", n, tag, err)
			}
		}
		to.on = nil
		move1(t, from, to, Options{}, root)
		if len(to.tags) != 4 || len(to.docs) != 3 || len(to.blobs) != 5 {
			t.Errorf("fault %d: after a second run %d tags, %d documents, %d blobs", n, len(to.tags), len(to.docs), len(to.blobs))
		}
	}
}

// Nothing is written when something below the root is wrong.
func TestFaults(t *testing.T) {
	m := newMemory()
	good := m.image(t, nil, "layer")
	config, layer := m.put("{}"), m.put("layer")
	with := func(d oci.Descriptor, key string, value any) map[string]any {
		o := map[string]any{"mediaType": d.MediaType, "digest": d.Digest, "size": d.Size}
		if value == nil {
			delete(o, key)
		} else {
			o[key] = value
		}
		return o
	}
	image := func(layers ...any) oci.Document {
		return m.keep(t, oci.MediaTypeManifest, map[string]any{"config": config, "layers": layers})
	}
	named := func(d any) oci.Document {
		return m.keep(t, oci.MediaTypeIndex, map[string]any{"manifests": []any{d}})
	}
	text := func(mediaType, format string, args ...any) oci.Document {
		return m.raw(mediaType, fmt.Appendf(nil, format, args...))
	}
	manifest := func(more string) oci.Document {
		return text(oci.MediaTypeManifest, `{"schemaVersion":2,"config":{"mediaType":"x","digest":%q,"size":2},"layers":[]%s}`, config.Digest, more)
	}
	deep := good
	for range maxDepth + 1 {
		deep = m.index(t, deep)
	}
	shallow := m.index(t, m.index(t, good))
	for range 2 {
		shallow = m.index(t, good, shallow) // good is near the root, and far from it
	}
	lying := text(oci.MediaTypeManifest, "[1]")
	m.docs[lying.Descriptor.Digest] = oci.Document{Bytes: []byte("[2]"), Descriptor: lying.Descriptor}
	wide := []any{}
	for i := range maxNodes {
		wide = append(wide, with(layer, "digest", digest.Of(fmt.Append(nil, i))))
	}
	ownName := digest.Of([]byte("self"))
	self := oci.Document{Bytes: []byte(`{}`)}
	for name, c := range map[string]struct {
		doc  oci.Document
		want string
	}{
		"no JSON":               {text(oci.MediaTypeManifest, `{"schemaVersion":2`), "json"},
		"no object":             {text(oci.MediaTypeManifest, `[]`), "want a JSON object"},
		"duplicate key":         {text(oci.MediaTypeManifest, `{"layers":[],"layers":[]}`), "duplicate key"},
		"capitals":              {manifest(`,"Layers":[]`), `key "Layers", want "layers"`},
		"capitals below":        {image(with(layer, "Digest", layer.Digest)), `key "Digest", want "digest"`},
		"capitals in platforms": {named(with(good.Descriptor, "platform", map[string]any{"os": "linux", "oſ": "windows"})), `platform: json: the key "oſ" is another spelling of "os"`},
		"both kinds":            {manifest(`,"manifests":[]`), `has "manifests"`},
		"no layers":             {text(oci.MediaTypeManifest, `{"schemaVersion":2,"config":{}}`), "no layers"},
		"no config":             {text(oci.MediaTypeManifest, `{"schemaVersion":2,"layers":[]}`), "no config"},
		"version":               {text(oci.MediaTypeIndex, `{"schemaVersion":3,"manifests":[]}`), "schemaVersion is 3"},
		"unknown type":          {text("text/html", "{}"), "neither an index nor a manifest"},
		"own type differs":      {text(oci.MediaTypeManifest, `{"schemaVersion":2,"mediaType":%q,"manifests":[]}`, oci.MediaTypeIndex), "its descriptor says"},
		"schema 1":              {text(schema1Signed, `{"schemaVersion":1}`), "schema 1"},
		"schema 1 inside":       {text(oci.MediaTypeManifest, `{"schemaVersion":1}`), "schema 1"},
		"sha512":                {image(with(layer, "digest", "sha512:"+strings.Repeat("a", 128))), "does not begin with"},
		"bad digest":            {image(with(layer, "digest", "sha256:"+strings.Repeat("A", 64))), "lower-case"},
		"no size":               {image(with(layer, "size", nil)), "no size"},
		"negative size":         {image(with(layer, "size", -1)), "negative"},
		"size no number":        {image(with(layer, "size", "1")), "size"},
		"no type":               {image(with(layer, "mediaType", nil)), "no mediaType"},
		"foreign layer":         {image(with(layer, "urls", []string{"https://example.org/x"})), "fetched from elsewhere"},
		"two sizes":             {image(layer, with(layer, "size", layer.Size+1)), "in another"},
		"descriptor no object":  {image("x"), "want a JSON object"},
		"null for a layer":      {image(nil), "want a JSON object"},
		"layers no list":        {text(oci.MediaTypeManifest, `{"schemaVersion":2,"config":null,"layers":{}}`), "layers"},
		"missing child":         {named(with(good.Descriptor, "digest", digest.Of([]byte("gone")))), "file does not exist"},
		"child of another size": {named(with(good.Descriptor, "size", 7)), "want 7 bytes"},
		"child of another type": {named(with(good.Descriptor, "mediaType", dockerManifest)), "its descriptor says"},
		"child too large":       {named(with(good.Descriptor, "size", maxDocument+1)), "more than 4194304"},
		"layer as a child":      {named(layer), "file does not exist"},
		"one child, two types": {m.keep(t, oci.MediaTypeIndex, map[string]any{"manifests": []any{
			good.Descriptor, with(good.Descriptor, "mediaType", dockerManifest)}}), "elsewhere"},
		"child lies":       {named(lying.Descriptor), "does not match"},
		"too deep":         {deep, "nested deeper than 4"},
		"too deep by one":  {m.index(t, good, shallow), "nested deeper than 4"},
		"too wide":         {image(wide...), "more than 10000"},
		"root lies":        {oci.Document{Bytes: []byte("{}"), Descriptor: good.Descriptor}, "want"},
		"root names other": {oci.Document{Bytes: []byte("{}"), Descriptor: oci.Descriptor{Digest: ownName, Size: 2, MediaType: oci.MediaTypeIndex}}, "does not match"},
		"empty":            {self, "does not match"},
	} {
		to := newMemory()
		_, err := Move(context.Background(), m, to, []Root{{c.doc, []Tag{{Name: "latest"}}}}, Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if len(to.log) > 0 {
			t.Errorf("%s: the target was asked %q", name, to.log)
		}
	}
	move1(t, m, newMemory(), Options{}, Root{Document: shallow})
}

// An index that names itself needs a broken hash; the guard is there all the same.
func TestCircle(t *testing.T) {
	d := digest.Of([]byte("circle"))
	n := &node{manifest: manifest{documents: []oci.Descriptor{{Digest: d}}}}
	g := &graph{nodes: map[digest.Digest]*node{d: n}}
	if err := g.arrange(n, 0); err == nil || !strings.Contains(err.Error(), "names itself") {
		t.Errorf("got %v", err)
	}
}

func TestOtherTypes(t *testing.T) {
	m := newMemory()
	config, layer := m.put("{}"), m.put("layer")
	docker := m.keep(t, dockerManifest, map[string]any{"config": config, "layers": []any{layer}})
	list := m.keep(t, dockerIndex, map[string]any{"manifests": []any{docker.Descriptor}})
	old := m.raw(artifact, fmt.Appendf(nil, `{"mediaType":%q,"blobs":[{"mediaType":"x","digest":%q,"size":0}]}`, artifact, m.put("").Digest))
	plain := m.raw(oci.MediaTypeManifest, fmt.Appendf(nil, `{"schemaVersion":2,"config":{"mediaType":"x","digest":%q,"size":2},"layers":null}`, config.Digest))
	to := newMemory()
	report := move1(t, m, to, Options{}, Root{list, []Tag{{Name: "docker"}}}, Root{Document: old}, Root{Document: plain})
	if report.Documents != 4 || report.Blobs != 3 || len(to.docs) != 4 {
		t.Errorf("report %+v", report)
	}
}

func TestBlobThatLies(t *testing.T) {
	from, root := sample(t)
	for d := range from.blobs {
		from.blobs[d] = []byte("something else")
		break
	}
	to := newMemory()
	_, err := Move(context.Background(), from, to, []Root{root}, Options{})
	if !errors.Is(err, digest.ErrMismatch) {
		t.Errorf("got %v, want %v", err, digest.ErrMismatch)
	}
	if to.count("put", "tag ") > 0 {
		t.Errorf("something was published: %q", to.log)
	}
}

// A target that says yes and does not keep its word.
func TestForgetfulTargets(t *testing.T) {
	for _, what := range []string{"upload", "put"} {
		from, root := sample(t)
		to := newMemory()
		to.on = func(m *memory, e string) error {
			if verb, hexa, _ := strings.Cut(e, " "); verb == what {
				maps.DeleteFunc(m.blobs, func(d digest.Digest, _ []byte) bool { return what == "upload" && short(d) == hexa })
				maps.DeleteFunc(m.docs, func(d digest.Digest, _ oci.Document) bool { return what == "put" && short(d) == hexa })
			}
			return nil
		}
		_, err := Move(context.Background(), from, to, []Root{root}, Options{})
		if err == nil || len(to.tags) > 0 {
			t.Errorf("%s: got %v and tags %v", what, err, to.tags)
		}
	}
}

func TestCanceled(t *testing.T) {
	from, root := sample(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Move(ctx, from, newMemory(), []Root{root}, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// FuzzParse holds that no manifest makes the parser panic, and that what it lets
// through is whole.
func FuzzParse(f *testing.F) {
	m, _ := sample(f)
	for _, doc := range m.docs {
		f.Add(doc.Descriptor.MediaType, doc.Bytes)
	}
	f.Add(artifact, []byte(`{"blobs":[{"mediaType":"x","digest":"sha256:`+strings.Repeat("1", 64)+`","size":0}],"subject":null}`))
	f.Add(schema1, []byte(`{"schemaVersion":1}`))
	f.Fuzz(func(t *testing.T, mediaType string, b []byte) {
		got, err := parse(oci.Document{Bytes: b, Descriptor: oci.Descriptor{MediaType: mediaType, Digest: digest.Of(b), Size: int64(len(b))}})
		if err != nil {
			return
		}
		if len(got.documents) > 0 && len(got.blobs) > 0 {
			t.Error("both an index and a manifest")
		}
		for _, d := range slices.Concat(got.documents, got.blobs) {
			if d.Digest.IsZero() || d.Size < 0 || d.MediaType == "" {
				t.Errorf("descriptor %+v", d)
			}
		}
	})
}
