package specs

import (
	"reflect"
	"strings"
)

// Parse reads an image.yaml. file is its name in messages. The error joins all
// faults in the file's order, each a *diag.Error with place, hint and exit code
// 2; diag.Flatten takes them apart.
func Parse(file string, b []byte) (*Spec, error) {
	f := &faults{file: file}
	doc := readYAML(b, f)
	if doc == nil {
		return nil, f.err()
	}
	s := decodeSpec(doc.root, f)
	if err := f.err(); err != nil {
		return nil, err
	}
	return s, nil
}

// decodeSpec decodes and checks a spec.
func decodeSpec(root *node, f *faults) *Spec {
	d := &decoder{faults: f, places: map[string]place{}, bad: map[string]bool{}}
	s := &Spec{}
	d.value(root, "", reflect.ValueOf(s).Elem())
	if !d.bad[""] {
		c := checker{report: d.report}
		c.spec(s)
	}
	return s
}

// report reports a fault of the value at path, unless it or something around it
// is already reported. A value that is absent has the place of what it is
// missing from.
func (d *decoder) report(path, msg, hint string) {
	at := path
	for !d.bad[at] {
		if at == "" {
			d.add(d.find(path), msg, hint)
			return
		}
		at = parent(at)
	}
}

// find returns the place of path, or of the nearest value around it.
func (d *decoder) find(path string) place {
	for {
		if at, ok := d.places[path]; ok {
			return at
		}
		path = parent(strings.TrimSuffix(path, keyMark))
	}
}

// parent cuts the last step off a path.
func parent(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}
