package baseimage

import (
	"bytes"
	"testing"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/builder/rootfs"
)

// FuzzLayers lays an archive over a fixed layer: whatever it holds, the result is
// an error or a tree whose entries are all in the image, and the same each time.
func FuzzLayers(f *testing.F) {
	for _, lines := range [][]string{
		{"d etc", "f etc/a 1", "l b etc", "h c etc/a"},
		{"f .wh.etc ", "f usr/.wh..wh..opq ", "f lib/x 1"},
		{"f etc 1", "d usr/lib 700", "l a a", "f a/b 1"},
	} {
		f.Add(archive(f, lines...))
	}
	f.Add(sparse())
	below := archive(f, "d etc", "f etc/a 0", "f usr/lib/x 1", "l lib usr/lib", "h y usr/lib/x")
	f.Fuzz(func(t *testing.T, b []byte) {
		var trees [2]string
		for i := range trees {
			var stack Stack
			rd := NewReader(64 << 20)
			for _, plain := range [][]byte{below, b} {
				l, err := rd.ReadLayer(bytes.NewReader(plain), locked(plain, plain, oci.MediaTypeLayerPlain), &memory{})
				if err != nil {
					return
				}
				if err := stack.Add(t.Context(), l); err != nil {
					return
				}
			}
			tree, err := stack.Tree("base:fuzz")
			if err != nil {
				t.Fatalf("the layers are fine, and their tree is not: %v", err)
			}
			for e := range tree.All() {
				if dir := rootfs.Parent(e.Path); dir != "" {
					if parent, ok := tree.Lookup(dir); !ok || parent.Kind != rootfs.Dir {
						t.Fatalf("/%s has no directory", e.Path)
					}
				}
			}
			trees[i] = describe(t, tree)
		}
		if trees[0] != trees[1] {
			t.Fatalf("%s, then %s", trees[0], trees[1])
		}
	})
}

// FuzzDocuments reads documents of strangers.
func FuzzDocuments(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"mediaType":"` + oci.MediaTypeManifest + `","digest":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","size":1,"platform":{"os":"linux","architecture":"amd64"}}]}`))
	f.Add([]byte(`{"schemaVersion":2,"config":{"mediaType":"` + oci.MediaTypeConfig + `","digest":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","size":1},"layers":[]}`))
	f.Add([]byte(`{"os":"linux","architecture":"amd64","created":null,"rootfs":{"type":"layers","diff_ids":[]},"config":{"Env":["A=1"],"Healthcheck":{}},"history":[{"empty_layer":true}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		doc := oci.Document{Bytes: b, Descriptor: oci.Descriptor{MediaType: oci.MediaTypeIndex}}
		if blob, err := Choose(doc, amd64); err == nil && (blob.Digest.IsZero() || blob.Size < 1) {
			t.Fatalf("got %+v", blob)
		}
		doc.Descriptor.MediaType = oci.MediaTypeManifest
		if m, err := ParseManifest(doc); err == nil && (m.Config.Digest.IsZero() || len(m.Layers) > maxLayers) {
			t.Fatalf("got %+v", m)
		}
		if c, err := ParseConfig(b); err == nil && c.Created < 0 {
			t.Fatalf("got %+v", c)
		}
	})
}
