package explain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/canonjson"
	"github.com/basal-project/basal/internal/digest"
)

// differ walks two images at once, from index.json down.
type differ struct {
	a, b   *side
	seen   map[pair]bool // documents that were compared
	layers map[pair]int  // layers that were compared: their place in the report, -1 for equal ones
	report Report
}

// pair is two blobs by the digests that name them.
type pair struct{ a, b digest.Digest }

// top compares the files that no digest names. What only an archive has, Docker's
// manifest.json, is no difference between it and a directory.
func (x *differ) top() {
	for _, name := range []string{"oci-layout", "manifest.json", "index.json"} {
		a, errA := x.a.src.File(name)
		b, errB := x.b.src.File(name)
		optional := name == "manifest.json"
		for s, err := range map[*side]error{x.a: errA, x.b: errB} {
			if err != nil && !(optional && errors.Is(err, fs.ErrNotExist)) {
				s.fault(name, "cannot be read: %v", err)
			}
		}
		if errA != nil || errB != nil {
			continue
		}
		switch name {
		case "oci-layout":
			a, b = plainMarker(a), plainMarker(b)
		case "manifest.json":
			a, b = nameless(a, "RepoTags"), nameless(b, "RepoTags")
		case "index.json":
			a, b = nameless(a, oci.LoadedName), nameless(b, oci.LoadedName)
		}
		x.compare(name, a, b)
		if name == "index.json" {
			x.indexes("", name, a, b, 0)
		}
	}
}

// plainMarker returns the oci-layout file without the white space that some tools
// write in it: no digest names the file, and only what it says counts.
func plainMarker(b []byte) []byte {
	var out bytes.Buffer
	if json.Compact(&out, b) != nil {
		return b
	}
	return bytes.TrimSpace(out.Bytes())
}

// nameless returns a file without the names by which engines shall know its
// images, which stand at key: they follow from the place that an image came from.
func nameless(b []byte, key string) []byte {
	canon, err := canonjson.Canonicalize(b)
	if err != nil {
		return b
	}
	var doc any
	dec := json.NewDecoder(bytes.NewReader(canon))
	dec.UseNumber()
	if dec.Decode(&doc) != nil {
		return b
	}
	without(doc, key)
	out, err := canonjson.Marshal(doc)
	if err != nil {
		return b
	}
	return out
}

// without removes a key from every object in v.
func without(v any, key string) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			without(e, key)
		}
	case map[string]any:
		delete(v, key)
		for _, e := range v {
			without(e, key)
		}
	}
}

// indexes compares what the indexes a and b name. prefix stands before the names
// of what they hold, where names the documents.
func (x *differ) indexes(prefix, where string, a, b []byte, depth int) {
	var ia, ib oci.Index
	okA, okB := x.a.parse(where, a, &ia), x.b.parse(where, b, &ib)
	if !okA || !okB {
		return
	}
	if depth > maxDepth {
		x.a.fault(where, "indexes are nested deeper than %d", maxDepth)
		return
	}
	da, db := byKey(ia.Manifests), byKey(ib.Manifests)
	both := maps.Clone(da)
	maps.Copy(both, db)
	for _, key := range slices.Sorted(maps.Keys(both)) {
		name := strings.TrimSpace(prefix + " " + key)
		a, okA := da[key]
		b, okB := db[key]
		if okA && okB { // what one side alone has is a field of the index
			x.descriptors(name, a, b, depth)
		}
	}
}

// byKey names descriptors by tag or platform, the second of a name with "#2".
func byKey(ds []oci.Descriptor) map[string]oci.Descriptor {
	m := map[string]oci.Descriptor{}
	count := map[string]int{}
	for _, d := range ds {
		key := d.Annotations[oci.RefName]
		if p := d.Platform; key == "" && p != nil {
			key = strings.TrimSuffix(p.OS+"/"+p.Architecture+"/"+p.Variant, "/")
		}
		count[key]++
		if n := count[key]; n > 1 {
			key += fmt.Sprintf("#%d", n)
		}
		m[key] = d
	}
	return m
}

// descriptors compares what a and b name, once for each pair.
func (x *differ) descriptors(where string, a, b oci.Descriptor, depth int) {
	p := pair{a.Digest, b.Digest}
	if x.seen[p] {
		return
	}
	x.seen[p] = true
	if len(x.seen) > maxDocuments {
		if len(x.seen) == maxDocuments+1 {
			x.a.fault(where, "from here on nothing is compared: more than %d documents", maxDocuments)
		}
		return
	}
	if a.MediaType != b.MediaType || a.MediaType != oci.MediaTypeIndex && a.MediaType != oci.MediaTypeManifest {
		x.a.check(where, a)
		x.b.check(where, b)
		return // the index that names them says that they differ
	}
	da, db := x.a.document(where, a), x.b.document(where, b)
	x.compare(where, da, db)
	if a.MediaType == oci.MediaTypeIndex {
		x.indexes(where, where, da, db, depth+1)
	} else {
		x.manifests(where, da, db)
	}
}

// image is what a manifest and its config say of layers.
type image struct {
	layers []oci.Descriptor
	config struct {
		RootFS struct {
			DiffIDs []digest.Digest `json:"diff_ids"`
		} `json:"rootfs"`
		History []struct {
			CreatedBy  string `json:"created_by"`
			EmptyLayer bool   `json:"empty_layer"`
		} `json:"history"`
	}
}

func (x *differ) manifests(where string, a, b []byte) {
	var ma, mb oci.Manifest
	okA, okB := x.a.parse(where, a, &ma), x.b.parse(where, b, &mb)
	if !okA || !okB {
		return
	}
	config := where + " config"
	ca, cb := x.a.document(config, ma.Config), x.b.document(config, mb.Config)
	x.compare(config, ca, cb)
	ia, ib := image{layers: ma.Layers}, image{layers: mb.Layers}
	x.a.parse(config, ca, &ia.config) // without it the layers have no names
	x.b.parse(config, cb, &ib.config)
	if len(ia.layers) > maxLayers || len(ib.layers) > maxLayers {
		x.a.fault(where, "layers are not compared: %d and %d, more than %d", len(ia.layers), len(ib.layers), maxLayers)
		return
	}
	x.layerLists(where, ia, ib)
}

// compare reports how two documents differ.
func (x *differ) compare(where string, a, b []byte) {
	if a == nil || b == nil || bytes.Equal(a, b) {
		return
	}
	doc := Document{Where: where}
	fields, ok := diffJSON(a, b)
	doc.Fields = fields[:min(len(fields), maxLines)]
	doc.More = len(fields) - len(doc.Fields)
	if !ok || len(fields) == 0 {
		doc.Bytes = firstDifference(bytes.NewReader(a), bytes.NewReader(b))
	}
	x.report.Documents = append(x.report.Documents, doc)
}
