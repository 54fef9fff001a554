package specs

import (
	"reflect"
	"strings"
)

// keyMark, after a path, names the place of the value's key. No path has it: a
// control character cannot be in a key of a spec's own.
const keyMark = "\x00key"

// describe says what a field wants, for people.
func describe(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[Layers]():
		return layersWant
	case t == reflect.TypeFor[Platform]():
		return "a platform"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return describe(t.Elem())
	case reflect.Slice:
		return "a list"
	case reflect.Int:
		return "a number"
	case reflect.String:
		return "text"
	case reflect.Struct:
		var names []string
		for i := range t.NumField() {
			name, _ := fieldName(t.Field(i))
			names = append(names, name)
		}
		return "a mapping with the keys " + strings.Join(names, ", ")
	}
	return "a mapping"
}

// notText reports whether a plain scalar is something else than text to a
// common YAML reader. "yes", "no", "on" and "off" are text in YAML 1.2, are
// never a name that matters here, and are kept as they are written.
func notText(s string) bool {
	switch strings.ToLower(s) {
	case "", "~", "null", "true", "false":
		return true
	}
	t := strings.ToLower(strings.TrimLeft(s, "+-"))
	if t == ".inf" || t == ".nan" {
		return true
	}
	t = strings.TrimPrefix(t, ".")
	if t == "" || t[0] < '0' || t[0] > '9' {
		return false
	}
	if len(t) > 2 && t[0] == '0' && strings.IndexByte("xob", t[1]) >= 0 {
		return strings.Trim(t[2:], "0123456789abcdef_") == ""
	}
	mantissa, exponent, ok := strings.Cut(t, "e")
	if ok && (exponent == "" || strings.Trim(strings.TrimLeft(exponent, "+-"), "0123456789") != "") {
		return false
	}
	return strings.Count(s, ".") <= 1 && strings.Trim(mantissa, "0123456789_.") == ""
}

// platformHint names the platform that was probably meant.
func platformHint(s string) string {
	var names []string
	for _, k := range platforms {
		names = append(names, k.text)
		if arch := strings.TrimPrefix(s, "linux/"); arch == k.debian || arch == k.p.Arch {
			return `did you mean "` + k.text + `"?`
		}
	}
	if n := nearest(s, names); n != "" {
		return `did you mean "` + n + `"?`
	}
	return ""
}
