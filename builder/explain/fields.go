package explain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/canonjson"
)

// diffJSON lists the values of two JSON documents that differ, by path; ok is
// false when one of them is no JSON.
func diffJSON(a, b []byte) (fields []Field, ok bool) {
	fa, errA := flatten(a)
	fb, errB := flatten(b)
	if errA != nil || errB != nil {
		return nil, false
	}
	both := maps.Clone(fa)
	maps.Copy(both, fb)
	for _, path := range slices.Sorted(maps.Keys(both)) {
		if fa[path] != fb[path] {
			fields = append(fields, Field{short(path), short(fa[path]), short(fb[path])})
		}
	}
	return fields, true
}

// flatten returns the leaves of a document by their paths, as in config.Env[0].
// An element of a list that has a tag or a platform goes by that name.
func flatten(b []byte) (map[string]string, error) {
	canon, err := canonjson.Canonicalize(b)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(canon))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	f := flattener{map[string]string{}, maxPaths}
	return f.leaves, f.add("", v)
}

// maxPaths bounds the bytes of all paths of a document: one long key over a long
// list could fill any memory.
const maxPaths = 64 << 20

type flattener struct {
	leaves map[string]string
	room   int
}

func (f *flattener) add(path string, v any) error {
	if f.room -= len(path); f.room < 0 {
		return fmt.Errorf("paths have more than %d bytes", maxPaths)
	}
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if err := f.add(join(path, key), value); err != nil {
				return err
			}
		}
		if len(v) > 0 {
			return nil
		}
	case []any:
		for i, value := range v {
			if err := f.add(f.element(path, i, value), value); err != nil {
				return err
			}
		}
		if len(v) > 0 {
			return nil
		}
	}
	text, err := canonjson.Marshal(v)
	f.leaves[path] = string(text)
	return err
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// element names element i of a list: by its tag or platform if it has one and no
// element before it has the same.
func (f *flattener) element(path string, i int, v any) string {
	if m, ok := v.(map[string]any); ok {
		annotations, _ := m["annotations"].(map[string]any)
		tag, _ := annotations[oci.RefName].(string)
		if p, ok := m["platform"].(map[string]any); ok && tag == "" {
			tag = fmt.Sprint(p["os"], "/", p["architecture"])
			if p["variant"] != nil {
				tag += fmt.Sprint("/", p["variant"])
			}
		}
		name := fmt.Sprintf("%s[%s]", path, tag)
		if _, taken := f.leaves[name+".digest"]; tag != "" && !taken {
			return name
		}
	}
	return fmt.Sprintf("%s[%d]", path, i)
}

// short cuts a value to what a line can hold.
func short(s string) string {
	if len(s) <= maxValue {
		return s
	}
	return fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(s[:maxValue], ""), len(s))
}
