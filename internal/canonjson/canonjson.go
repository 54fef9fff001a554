// Package canonjson writes and reads the one JSON form that Basal publishes and
// hashes: object keys sorted bytewise, no insignificant white space, no escapes
// but those that JSON demands, integers only. A document therefore has exactly
// one spelling, and its digest follows from its meaning.
package canonjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds nesting, so that a hostile document cannot exhaust the stack.
const maxDepth = 64

// Marshal returns the canonical form of v, without a final newline. v is read
// as encoding/json reads it, tags and TextMarshalers included.
func Marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return Canonicalize(buf.Bytes())
}

// MarshalFile is Marshal with the final newline that a text file has.
func MarshalFile(v any) ([]byte, error) {
	b, err := Marshal(v)
	return append(b, '\n'), err
}

// Canonicalize returns the canonical form of the JSON document in b. It refuses
// what has no single meaning: duplicate keys, trailing data, invalid UTF-8, half
// a character in an escape, numbers that are not integers, and nesting deeper
// than 64.
func Canonicalize(b []byte) ([]byte, error) {
	if !utf8.Valid(b) {
		return nil, errors.New("json: invalid UTF-8")
	}
	if loneSurrogate(b) {
		return nil, errors.New("json: an escape that is half a character")
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	out, err := value(dec, nil, 0)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("json: data after the document")
	}
	return out, nil
}

// loneSurrogate reports whether b has a \u escape of one half of a UTF-16 pair
// without the other. encoding/json would read any of them as U+FFFD, so different
// documents would become one.
func loneSurrogate(b []byte) bool {
	unit := func(i int) rune {
		if i+6 > len(b) || b[i] != '\\' || b[i+1] != 'u' {
			return -1
		}
		n, err := strconv.ParseUint(string(b[i+2:i+6]), 16, 16)
		if err != nil {
			return -1
		}
		return rune(n)
	}
	for i := bytes.IndexByte(b, '\\'); i >= 0 && i < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		r := unit(i)
		if !utf16.IsSurrogate(r) {
			i++ // what is escaped begins no other escape
			continue
		}
		if utf16.DecodeRune(r, unit(i+6)) == utf8.RuneError {
			return true
		}
		i += 11
	}
	return false
}

// Unmarshal reads a document strictly into v: besides what Canonicalize
// refuses, keys that v does not have are errors. The document need not be in
// canonical form.
func Unmarshal(b []byte, v any) error {
	canon, err := Canonicalize(b)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(canon))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}

type member struct {
	key   string
	value []byte
}

func value(dec *json.Decoder, out []byte, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("json: nested deeper than %d", maxDepth)
	}
	tok, err := dec.Token()
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("json: %w", err)
	}
	switch t := tok.(type) {
	case json.Delim:
		if t == '{' {
			return object(dec, out, depth)
		}
		return array(dec, out, depth)
	case string:
		return quote(out, t), nil
	case json.Number:
		if strings.ContainsAny(t.String(), ".eE") || t == "-0" {
			return nil, fmt.Errorf("json: number %s is not an integer in plain form", t)
		}
		return append(out, t...), nil
	case bool:
		return fmt.Append(out, t), nil
	}
	return append(out, "null"...), nil
}

func array(dec *json.Decoder, out []byte, depth int) ([]byte, error) {
	out = append(out, '[')
	for i := 0; dec.More(); i++ {
		if i > 0 {
			out = append(out, ',')
		}
		var err error
		if out, err = value(dec, out, depth+1); err != nil {
			return nil, err
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("json: %w", err)
	}
	return append(out, ']'), nil
}

func object(dec *json.Decoder, out []byte, depth int) ([]byte, error) {
	var members []member
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("json: %w", err)
		}
		v, err := value(dec, nil, depth+1)
		if err != nil {
			return nil, err
		}
		members = append(members, member{tok.(string), v}) // a decoder gives only strings as keys
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("json: %w", err)
	}
	slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.key, b.key) })
	out = append(out, '{')
	for i, m := range members {
		if i > 0 {
			if members[i-1].key == m.key {
				return nil, fmt.Errorf("json: duplicate key %q", m.key)
			}
			out = append(out, ',')
		}
		out = quote(out, m.key)
		out = append(out, ':')
		out = append(out, m.value...)
	}
	return append(out, '}'), nil
}

// quote writes s with the escapes that RFC 8259 demands and no others.
func quote(out []byte, s string) []byte {
	const digits = "0123456789abcdef"
	out = append(out, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c == '\n':
			out = append(out, '\\', 'n')
		case c == '\t':
			out = append(out, '\\', 't')
		case c < 0x20:
			out = append(out, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			out = append(out, c)
		}
	}
	return append(out, '"')
}
