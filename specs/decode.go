package specs

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// decoder puts nodes into Go values by their json tags, so that a spec has one
// set of names. It reports every fault, and remembers where each value stands
// for the checks that come after it.
type decoder struct {
	*faults
	places map[string]place // by path, as in files[2].mode
	bad    map[string]bool  // paths that are already reported
}

// value decodes n, whose path is path, into v.
func (d *decoder) value(n *node, path string, v reflect.Value) {
	d.places[path] = n.at
	if n.kind == null {
		hint := "leave the key out, or give it a value"
		if path == "" {
			hint = begin
		}
		d.wrong(n, path, "found nothing, want "+describe(v.Type()), hint)
		return
	}
	if v.Type() == reflect.TypeFor[Layers]() {
		d.layers(n, path, v)
		return
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.text(n, path, v, u)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, path, v.Elem())
	case reflect.Struct:
		d.structure(n, path, v)
	case reflect.Map:
		d.dict(n, path, v)
	case reflect.Slice:
		d.list(n, path, v)
	case reflect.Int:
		d.integer(n, path, v)
	case reflect.String:
		if s, ok := d.str(n, path, describe(v.Type())); ok {
			v.SetString(s)
		}
	default:
		panic("internal error: the spec has a field of type " + v.Type().String())
	}
}

// wrong reports a fault of the value at path and silences the checks below it.
func (d *decoder) wrong(n *node, path, msg, hint string) {
	d.bad[path] = true
	d.add(n.at, msg, hint)
}

// wrongKind reports a value of another kind than want.
func (d *decoder) wrongKind(n *node, path, want string) {
	found := n.kind.String()
	if n.kind == scalar {
		found = quoted(n.text)
	}
	hint := ""
	if n.kind == scalar && strings.HasPrefix(want, "a list") {
		hint = fmt.Sprintf("write it in brackets: [%s]", n.text)
	}
	d.wrong(n, path, fmt.Sprintf("found %s, want %s", found, want), hint)
}

func (d *decoder) structure(n *node, path string, v reflect.Value) {
	if n.kind != mapping {
		d.wrongKind(n, path, describe(v.Type()))
		return
	}
	fields := map[string]reflect.Value{}
	var names, required []string
	for i := range v.NumField() {
		name, need := fieldName(v.Type().Field(i))
		fields[name] = v.Field(i)
		names = append(names, name)
		if need {
			required = append(required, name)
		}
	}
	d.each(n, path, func(it item, key, at string) {
		if f, ok := fields[key]; ok {
			d.value(it.value, at, f)
			return
		}
		near := nearest(key, names)
		if near != "" {
			d.bad[join(path, near)] = true // do not also say that it is missing
		}
		d.add(it.key.at, fmt.Sprintf("unknown key %s", quoted(key)), didYouMean(key, names))
	})
	for _, name := range required {
		at := join(path, name)
		if _, ok := d.places[at]; !ok && !d.bad[at] {
			d.bad[at] = true
			d.add(n.at, fmt.Sprintf("key %q is missing", name), "")
		}
	}
}

func (d *decoder) dict(n *node, path string, v reflect.Value) {
	if n.kind != mapping {
		d.wrongKind(n, path, describe(v.Type()))
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	d.each(n, path, func(it item, key, at string) {
		e := reflect.New(v.Type().Elem()).Elem()
		d.value(it.value, at, e)
		v.SetMapIndex(reflect.ValueOf(key), e)
	})
}

// each calls do for the items of a mapping, once for each key.
func (d *decoder) each(n *node, path string, do func(it item, key, at string)) {
	seen := map[string]place{}
	for _, it := range n.items {
		key, ok := d.str(it.key, path, "a key")
		if !ok {
			continue
		}
		if at, dup := seen[key]; dup {
			d.add(it.key.at, fmt.Sprintf("duplicate key %s, the first is in line %d", quoted(key), at.line), "")
			continue
		}
		seen[key] = it.key.at
		d.places[join(path, key)+keyMark] = it.key.at
		do(it, key, join(path, key))
	}
}

func (d *decoder) list(n *node, path string, v reflect.Value) {
	if n.kind != list {
		d.wrongKind(n, path, describe(v.Type()))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
	for i, it := range n.items {
		d.value(it.value, fmt.Sprintf("%s[%d]", path, i), v.Index(i))
	}
}

func (d *decoder) text(n *node, path string, v reflect.Value, u encoding.TextUnmarshaler) {
	s, ok := d.str(n, path, describe(v.Type()))
	if !ok {
		return
	}
	if err := u.UnmarshalText([]byte(s)); err != nil {
		hint := ""
		if v.Type() == reflect.TypeFor[Platform]() {
			hint = platformHint(s)
		}
		d.wrong(n, path, err.Error(), hint)
	}
}

func (d *decoder) layers(n *node, path string, v reflect.Value) {
	l := v.Addr().Interface().(*Layers)
	switch n.kind {
	case scalar:
		parsed, err := parseLayers(n.text)
		if err != nil {
			d.wrong(n, path, err.Error(), "")
			return
		}
		*l = parsed
	case mapping:
		var b budget
		d.structure(n, path, reflect.ValueOf(&b).Elem())
		if b.Budget < 2 && !d.bad[path+".budget"] {
			d.wrong(n, path+".budget", fmt.Sprintf("budget is %d, want 2 or more", b.Budget), "one layer of packages and the last one; for a single layer of packages write: layers: single")
		}
		l.Budget = b.Budget
	default:
		d.wrongKind(n, path, layersWant)
	}
}

// integer reads a plain decimal number: every other spelling means different
// things to different YAML readers.
func (d *decoder) integer(n *node, path string, v reflect.Value) {
	if n.kind != scalar {
		d.wrongKind(n, path, "a number")
		return
	}
	i, err := strconv.Atoi(n.text)
	switch {
	case n.style != plain:
		d.wrong(n, path, fmt.Sprintf("found the text %s, want a number", quoted(n.text)), "leave the quotes out")
	case err != nil || strconv.Itoa(i) != n.text:
		d.wrong(n, path, fmt.Sprintf("found %s, want a decimal number", quoted(n.text)), "")
	default:
		v.SetInt(int64(i))
	}
}

// str reads text. A plain scalar that some YAML reader takes for a number, a
// truth value or nothing is refused: quotes say what is meant.
func (d *decoder) str(n *node, path, want string) (string, bool) {
	switch {
	case n.kind != scalar:
		d.wrongKind(n, path, want)
	case n.style == plain && notText(n.text):
		d.wrong(n, path, fmt.Sprintf("found %s without quotes, want %s", n.text, want), fmt.Sprintf("quote it: %q", n.text))
	case !utf8.ValidString(n.text):
		d.wrong(n, path, "found text that is not valid UTF-8", "")
	default:
		return n.text, true
	}
	return "", false
}

// fieldName returns the name of a field in YAML and JSON, and whether it must be
// written: that is so unless its tag lets JSON leave it out.
func fieldName(f reflect.StructField) (name string, required bool) {
	name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name, options == ""
}

// join appends a key, or a path below, to a path.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
