package canonjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// walker writes a document anew in its canonical form. encoding/json has found
// it valid, so the walker only tells its parts from each other.
type walker struct {
	in  []byte
	at  int
	out []byte
}

// next returns the byte at which the next part begins.
func (w *walker) next() byte {
	for w.in[w.at] == ' ' || w.in[w.at] == '\t' || w.in[w.at] == '\n' || w.in[w.at] == '\r' {
		w.at++
	}
	return w.in[w.at]
}

func (w *walker) value(depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("json: nested deeper than %d", maxDepth)
	}
	switch w.next() {
	case '{':
		return w.object(depth)
	case '[':
		return w.array(depth)
	case '"':
		_, err := w.text()
		return err
	case 't', 'f', 'n':
		w.out = append(w.out, w.word()...)
		return nil
	}
	number := w.word()
	if bytes.ContainsAny(number, ".eE") || string(number) == "-0" {
		return fmt.Errorf("json: number %s is not an integer in plain form", number)
	}
	w.out = append(w.out, number...)
	return nil
}

// word returns the number or the literal that begins here.
func (w *walker) word() []byte {
	start := w.at
	for w.at < len(w.in) && bytes.IndexByte([]byte(" \t\n\r,]}"), w.in[w.at]) < 0 {
		w.at++
	}
	return w.in[start:w.at]
}

// text writes the string that begins here and returns what it says. One without
// escapes is canonical as it is.
func (w *walker) text() ([]byte, error) {
	start, escaped := w.at, false
	for w.at++; w.in[w.at] != '"'; w.at++ {
		if w.in[w.at] == '\\' {
			escaped = true
			w.at++
		}
	}
	w.at++
	raw := w.in[start:w.at]
	if !escaped {
		w.out = append(w.out, raw...)
		return raw[1 : len(raw)-1], nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, fmt.Errorf("json: %w", err)
	}
	w.out = quote(w.out, s)
	return []byte(s), nil
}

func (w *walker) array(depth int) error {
	w.at++
	w.out = append(w.out, '[')
	for w.next() != ']' {
		if w.in[w.at] == ',' {
			w.at++
			w.out = append(w.out, ',')
		}
		if err := w.value(depth + 1); err != nil {
			return err
		}
	}
	w.at++
	w.out = append(w.out, ']')
	return nil
}

// member is a key of an object, and where the key and its value stand in the
// output.
type member struct {
	key        []byte
	start, end int
}

func (w *walker) object(depth int) error {
	w.at++
	w.out = append(w.out, '{')
	begin := len(w.out)
	members := make([]member, 0, 8)
	for w.next() != '}' {
		if w.in[w.at] == ',' {
			w.at++
			w.next()
			w.out = append(w.out, ',')
		}
		m := member{start: len(w.out)}
		var err error
		if m.key, err = w.text(); err != nil {
			return err
		}
		w.next() // the colon
		w.at++
		w.out = append(w.out, ':')
		if err := w.value(depth + 1); err != nil {
			return err
		}
		m.end = len(w.out)
		members = append(members, m)
	}
	w.at++
	if err := w.sort(begin, members); err != nil {
		return err
	}
	w.out = append(w.out, '}')
	return nil
}

// sort brings the members, which are the output from begin, into the order of
// their keys.
func (w *walker) sort(begin int, members []member) error {
	order := func(a, b member) int { return bytes.Compare(a.key, b.key) }
	sorted := slices.IsSortedFunc(members, order)
	if !sorted {
		slices.SortFunc(members, order)
	}
	for i := 1; i < len(members); i++ {
		if order(members[i-1], members[i]) == 0 {
			return fmt.Errorf("json: duplicate key %q", members[i].key)
		}
	}
	if sorted {
		return nil
	}
	was := bytes.Clone(w.out[begin:])
	w.out = w.out[:begin]
	for i, m := range members {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.out = append(w.out, was[m.start-begin:m.end-begin]...)
	}
	return nil
}
