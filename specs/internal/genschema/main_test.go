package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/basal-project/basal/specs"
)

func TestSchemaIsCurrent(t *testing.T) {
	want, err := generate("../..")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("specs/schema.json is not what the types say: run go generate ./specs")
	}
}

// static returns the static image as an editor's checker sees it.
func static(t *testing.T) map[string]any {
	t.Helper()
	b, err := os.ReadFile("../../testdata/static.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s, err := specs.Parse("static.yaml", b)
	if err != nil {
		t.Fatal(err)
	}
	s.Layers = specs.Layers{Budget: 4}
	if b, err = s.Canonical(); err != nil {
		t.Fatal(err)
	}
	return object(t, b)
}

func object(t *testing.T, b []byte) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSchemaTakesStatic(t *testing.T) {
	b, err := generate("../..")
	if err != nil {
		t.Fatal(err)
	}
	c := checker{object(t, b)}
	if faults := c.check(c.root, static(t), "spec"); len(faults) > 0 {
		t.Error(strings.Join(faults, "\n"))
	}
	for name, change := range map[string]func(v map[string]any){
		"name":          func(v map[string]any) { v["name"] = "Static" },
		"no name":       func(v map[string]any) { delete(v, "name") },
		"version":       func(v map[string]any) { v["version"] = 2.0 },
		"platform":      func(v map[string]any) { v["platforms"] = []any{"linux/amd65"} },
		"layers":        func(v map[string]any) { v["layers"] = "per-file" },
		"layers budget": func(v map[string]any) { v["layers"] = map[string]any{"budget": 1.0} },
		"mode":          func(v map[string]any) { v["files"].([]any)[0].(map[string]any)["mode"] = "4755" },
		"number":        func(v map[string]any) { v["config"].(map[string]any)["user"] = 0.0 },
		"list":          func(v map[string]any) { v["packages"] = "tzdata" },
	} {
		v := static(t)
		change(v)
		if len(c.check(c.root, v, "spec")) == 0 {
			t.Errorf("%s: the schema takes it", name)
		}
	}
}

// TestSchemaRefusesUnknownKeys adds a key to each object that has the language's
// own keys.
func TestSchemaRefusesUnknownKeys(t *testing.T) {
	b, err := generate("../..")
	if err != nil {
		t.Fatal(err)
	}
	c := checker{object(t, b)}
	v, count := static(t), 0
	free := []string{"env", "os-release", "variants"}
	var walk func(x any, name string)
	walk = func(x any, name string) {
		switch x := x.(type) {
		case []any:
			for _, e := range x {
				walk(e, name)
			}
		case map[string]any:
			for key, e := range x {
				walk(e, key)
			}
			if slices.Contains(free, name) {
				return
			}
			count++
			x["unheard-of"] = "x"
			if len(c.check(c.root, v, "spec")) == 0 {
				t.Errorf("%s: an unknown key is taken", name)
			}
			delete(x, "unheard-of")
		}
	}
	walk(v, "spec")
	if count < 20 {
		t.Errorf("only %d objects were tried", count)
	}
}

// checker is as much of JSON Schema as the schema uses.
type checker struct{ root map[string]any }

func (c checker) check(s map[string]any, v any, at string) (faults []string) {
	wrong := func(format string, args ...any) {
		faults = append(faults, at+": "+fmt.Sprintf(format, args...))
	}
	if ref, ok := s["$ref"].(string); ok {
		name := strings.TrimPrefix(ref, "#/$defs/")
		return c.check(c.root["$defs"].(map[string]any)[name].(map[string]any), v, at)
	}
	if want, ok := s["type"]; ok && want != typeOf(v) {
		wrong("found %s, want %s", typeOf(v), want)
	}
	if want, ok := s["const"]; ok && !reflect.DeepEqual(v, want) {
		wrong("found %v, want %v", v, want)
	}
	if enum, ok := s["enum"].([]any); ok && !slices.Contains(enum, v) {
		wrong("found %v, want one of %v", v, enum)
	}
	if least, ok := s["minimum"].(float64); ok && v.(float64) < least {
		wrong("found %v, want %v or more", v, least)
	}
	if text, ok := v.(string); ok && s["pattern"] != nil && !regexp.MustCompile(s["pattern"].(string)).MatchString(text) {
		wrong("%q does not match %s", text, s["pattern"])
	}
	if one, ok := s["oneOf"].([]any); ok {
		fits := 0
		for _, alt := range one {
			if len(c.check(alt.(map[string]any), v, at)) == 0 {
				fits++
			}
		}
		if fits != 1 {
			wrong("fits %d alternatives, want 1", fits)
		}
	}
	switch v := v.(type) {
	case []any:
		for i, e := range v {
			if items, ok := s["items"].(map[string]any); ok {
				faults = append(faults, c.check(items, e, fmt.Sprintf("%s[%d]", at, i))...)
			}
		}
	case map[string]any:
		faults = append(faults, c.object(s, v, at)...)
	}
	return faults
}

func (c checker) object(s, v map[string]any, at string) (faults []string) {
	required, _ := s["required"].([]any)
	for _, key := range required {
		if _, ok := v[key.(string)]; !ok {
			faults = append(faults, fmt.Sprintf("%s: no %s", at, key))
		}
	}
	properties, _ := s["properties"].(map[string]any)
	for key, e := range v {
		at := at + "." + key
		if p, ok := properties[key].(map[string]any); ok {
			faults = append(faults, c.check(p, e, at)...)
			continue
		}
		switch more := s["additionalProperties"].(type) {
		case bool:
			if !more {
				faults = append(faults, at+": unknown key")
			}
		case map[string]any:
			faults = append(faults, c.check(more, e, at)...)
		}
	}
	return faults
}

func typeOf(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case float64:
		return "integer" // the schema has no other numbers
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "other"
}
