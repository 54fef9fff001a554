package canonjson

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// UnmarshalForeign reads a document that others wrote into v. What Canonicalize
// refuses is an error. Keys that v does not have are passed over, but a key that
// differs from one of v's in case alone is an error, at any depth: encoding/json
// takes it for v's, other readers do not, and so the document would say two
// things. Case is Unicode's, in which a long s is an s. Keys of maps are free.
func UnmarshalForeign(b []byte, v any) error {
	canon, err := Canonicalize(b)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(canon))
	dec.UseNumber()
	var parts any
	if err := dec.Decode(&parts); err != nil {
		return err
	}
	if err := checkKeys(parts, reflect.TypeOf(v)); err != nil {
		return err
	}
	return json.Unmarshal(canon, v)
}

// checkKeys holds the objects in part, which will be read as a t, to the exact
// names of the fields. Types that read themselves are left alone.
func checkKeys(part any, t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if readsItself(t) {
		return nil
	}
	switch part := part.(type) {
	case []any:
		if t.Kind() != reflect.Slice && t.Kind() != reflect.Array {
			return nil
		}
		for _, p := range part {
			if err := checkKeys(p, t.Elem()); err != nil {
				return err
			}
		}
	case map[string]any:
		switch t.Kind() {
		case reflect.Map:
			for _, key := range slices.Sorted(maps.Keys(part)) {
				if err := checkKeys(part[key], t.Elem()); err != nil {
					return err
				}
			}
		case reflect.Struct:
			return checkFields(part, fieldsOf(t))
		}
	}
	return nil
}

func checkFields(object map[string]any, fields map[string]reflect.Type) error {
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if t, ok := fields[key]; ok {
			if err := checkKeys(object[key], t); err != nil {
				return err
			}
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			if strings.EqualFold(name, key) {
				return fmt.Errorf("json: the key %.100q is another spelling of %q", key, name)
			}
		}
	}
	return nil
}

// fieldsOf returns the types of a struct's fields by the keys that they have.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case !f.IsExported(), f.Tag.Get("json") == "-", f.Anonymous && tag == "":
			continue
		case tag == "":
			tag = f.Name
		}
		fields[tag] = f.Type
	}
	return fields
}

func readsItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}
