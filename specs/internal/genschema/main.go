// Command genschema writes specs/schema.json, the JSON Schema by which editors
// complete and check an image.yaml. It is a program of its own so that the
// library that makes the schema is not linked into basal.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

const module = "github.com/basal-project/basal/specs"

func main() {
	b, err := generate(".")
	if err == nil {
		err = os.WriteFile("schema.json", b, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "genschema:", err)
		os.Exit(1)
	}
}

// generate makes the schema from specs.Spec and from the comments in the source
// folder of package specs.
func generate(folder string) ([]byte, error) {
	r := &jsonschema.Reflector{
		Anonymous:      true,
		ExpandedStruct: true,
		Mapper:         unions,
	}
	// Comments are found by folder, those below it included, so the names are put
	// right afterwards.
	const place = "x"
	if err := r.AddGoComments(place, folder, jsonschema.WithFullComment()); err != nil {
		return nil, err
	}
	comments := map[string]string{}
	for name, text := range r.CommentMap {
		if own, ok := strings.CutPrefix(name, path.Join(place, folder)+"."); ok {
			comments[module+"."+own] = strings.Join(strings.Fields(text), " ")
		}
	}
	r.CommentMap = comments
	s := r.Reflect(&specs.Spec{})
	s.Title = "Basal image"
	if err := narrow(s); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(s)
	return out.Bytes(), err
}

// unions gives a schema to the types that write themselves in JSON.
func unions(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[specs.Platform]():
		s := &jsonschema.Schema{Type: "string"}
		for _, p := range specs.Platforms() {
			s.Enum = append(s.Enum, p.String())
		}
		return s
	case reflect.TypeFor[digest.Digest]():
		return &jsonschema.Schema{Type: "string", Pattern: "^sha256:[0-9a-f]{64}$"}
	case reflect.TypeFor[specs.Layers]():
		budget := jsonschema.NewProperties()
		budget.Set("budget", &jsonschema.Schema{Type: "integer", Minimum: "2"})
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
			{Type: "string", Enum: []any{"per-package", "single"}},
			{Type: "object", Properties: budget, Required: []string{"budget"}, AdditionalProperties: jsonschema.FalseSchema},
		}}
	}
	return nil
}

// octal is the pattern of file modes without setuid and setgid.
const octal = "^0?[01]?[0-7]{1,3}$"

// narrow adds what the types do not say and an editor can check.
func narrow(s *jsonschema.Schema) error {
	for _, f := range []struct {
		def, field string
		set        func(*jsonschema.Schema)
	}{
		{"", "version", func(s *jsonschema.Schema) { s.Const = specs.FormatVersion }},
		{"", "name", func(s *jsonschema.Schema) { s.Pattern = "^[a-z0-9]+([._-][a-z0-9]+)*$" }},
		{"File", "type", func(s *jsonschema.Schema) {
			s.Enum = []any{specs.TypeFile, specs.TypeDir, specs.TypeSymlink, specs.TypeLinks}
		}},
		{"File", "path", func(s *jsonschema.Schema) { s.Pattern = "^/." }},
		{"File", "mode", func(s *jsonschema.Schema) { s.Pattern = octal }},
		{"Program", "path", func(s *jsonschema.Schema) { s.Pattern = "^/." }},
		{"User", "home-mode", func(s *jsonschema.Schema) { s.Pattern = octal }},
		{"Certificates", "bundle", func(s *jsonschema.Schema) { s.Enum = []any{"debian", "none"} }},
		{"Waiver", "script", func(s *jsonschema.Schema) {
			s.Enum = []any{"preinst", "postinst", "prerm", "postrm", "config", "triggers"}
		}},
	} {
		def := s
		if f.def != "" {
			def = s.Definitions[f.def]
		}
		if def == nil {
			return fmt.Errorf("internal error: no definition %s", f.def)
		}
		p, ok := def.Properties.Get(f.field)
		if !ok {
			return fmt.Errorf("internal error: no field %s in %s", f.field, f.def)
		}
		f.set(p)
	}
	return nil
}
