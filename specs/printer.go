package specs

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// printer writes nodes in the canonical layout.
type printer struct {
	out bytes.Buffer
}

// document writes the root. Comments at the top that an empty line parts from
// the first key are about the file and stay at the top.
func (p *printer) document(root *node) {
	first := &root.items[0]
	if i := lastEmpty(first.head); i >= 0 {
		p.comments(first.head[:i], 0)
		first.head = first.head[i:]
	}
	p.block(root, reflect.TypeFor[Spec](), 0)
}

// lastEmpty returns the index of the last empty line in comments.
func lastEmpty(list []string) int {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i] == "" {
			return i
		}
	}
	return -1
}

// block writes the items of n, each on lines of its own that are indented by
// depth levels.
func (p *printer) block(n *node, t reflect.Type, depth int) {
	items := slices.Clone(n.items)
	order := keyOrder(t)
	if order != nil && n.kind == mapping {
		slices.SortStableFunc(items, func(a, b item) int { return order[a.key.text] - order[b.key.text] })
	}
	for _, it := range items {
		p.comments(it.head, depth)
		p.indent(depth)
		if it.key == nil {
			p.out.WriteString("- ")
			p.element(it, elem(t), depth)
		} else {
			p.out.WriteString(flowText(it.key) + ":")
			p.value(it, field(t, it.key.text), depth)
		}
		p.comments(it.foot, depth)
	}
}

// value writes what follows a key and its colon.
func (p *printer) value(it item, t reflect.Type, depth int) {
	n := it.value
	switch {
	case n.inline():
		p.out.WriteString(" ")
		p.scalar(n, it.tail, depth+1)
	default:
		p.end(it.tail)
		p.block(n, t, depth+1)
	}
}

// element writes what follows a list item's dash. A mapping begins on the line
// of the dash.
func (p *printer) element(it item, t reflect.Type, depth int) {
	n := it.value
	if n.inline() {
		p.scalar(n, it.tail, depth+1)
		return
	}
	inner := &printer{}
	inner.block(n, t, depth+1)
	text := inner.out.String()
	pad := strings.Repeat("  ", depth+1)
	if it.tail != "" || !strings.HasPrefix(text, pad) || strings.HasPrefix(text, pad+"#") {
		// A comment stands between the dash and the mapping: put it above.
		p.out.Truncate(p.out.Len() - len("- ") - 2*depth)
		if it.tail != "" {
			p.comments([]string{it.tail}, depth)
		}
		for strings.HasPrefix(strings.TrimLeft(text, " "), "#") {
			line, rest, _ := strings.Cut(text, "\n")
			p.comments([]string{strings.TrimSpace(line)}, depth)
			text = strings.TrimLeft(rest, "\n")
		}
		p.indent(depth)
		p.out.WriteString("- ")
	}
	p.out.WriteString(strings.TrimPrefix(text, pad))
}

// scalar writes an inline value and ends the line.
func (p *printer) scalar(n *node, tail string, depth int) {
	if n.kind == scalar && (n.style == literal || n.style == folded) {
		if mark, lines := blockText(n); lines != nil {
			p.out.WriteString(mark)
			p.end(tail)
			for _, line := range lines {
				if line != "" {
					p.indent(depth)
				}
				p.out.WriteString(line + "\n")
			}
			return
		}
	}
	p.out.WriteString(flowText(n))
	p.end(tail)
}

// end ends a line with its comment.
func (p *printer) end(tail string) {
	if tail != "" {
		p.out.WriteString(" " + tail)
	}
	p.out.WriteString("\n")
}

func (p *printer) indent(depth int) { p.out.WriteString(strings.Repeat("  ", depth)) }

// comments writes lines of comments. An empty line is written only after a line
// that ended something: not at the top, not twice, not below a bare key.
func (p *printer) comments(list []string, depth int) {
	for _, text := range list {
		if text == "" {
			p.gap()
			continue
		}
		p.indent(depth)
		p.out.WriteString(text + "\n")
	}
}

func (p *printer) gap() {
	b := p.out.Bytes()
	if len(b) == 0 || bytes.HasSuffix(b, []byte("\n\n")) || bytes.HasSuffix(b, []byte(":\n")) {
		return
	}
	p.out.WriteString("\n")
}

// flowText writes n on one line.
func flowText(n *node) string {
	switch n.kind {
	case list, mapping:
		var parts []string
		for _, it := range n.items {
			s := flowText(it.value)
			if it.key != nil {
				s = flowText(it.key) + ": " + s
			}
			parts = append(parts, s)
		}
		if n.kind == list {
			return "[" + strings.Join(parts, ", ") + "]"
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	if n.style == plain && !strings.ContainsAny(n.text, "\n\t") {
		return n.text
	}
	return doubleQuoted(n.text)
}

// doubleQuoted writes s in double quotes, with escapes that every YAML reader
// knows.
func doubleQuoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case badByte([]byte(s[i:i+len(string(r))])) >= 0:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// keyOrder returns the place of each key of t, nil when the keys are the user's.
func keyOrder(t reflect.Type) map[string]int {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	order := map[string]int{}
	for i := range t.NumField() {
		name, _ := fieldName(t.Field(i))
		order[name] = i
	}
	return order
}

// field returns the type of the value at key in t.
func field(t reflect.Type, key string) reflect.Type {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Map:
		return t.Elem()
	case reflect.Struct:
		if i, ok := keyOrder(t)[key]; ok {
			return t.Field(i).Type
		}
	}
	return reflect.TypeFor[string]()
}

// elem returns the type of a list's elements.
func elem(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Slice {
		return t.Elem()
	}
	return t
}
