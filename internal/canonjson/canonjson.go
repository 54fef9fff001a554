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
	"strconv"
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
	return rewrite(buf.Bytes()) // an encoder writes nothing that is no JSON
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
	var valid json.RawMessage
	if err := json.Unmarshal(b, &valid); err != nil {
		return nil, fmt.Errorf("json: %w", err)
	}
	return rewrite(b)
}

// rewrite is Canonicalize for what is known to be JSON.
func rewrite(b []byte) ([]byte, error) {
	if !utf8.Valid(b) {
		return nil, errors.New("json: invalid UTF-8")
	}
	if loneSurrogate(b) {
		return nil, errors.New("json: an escape that is half a character")
	}
	w := walker{in: b, out: make([]byte, 0, len(b))}
	if err := w.value(0); err != nil {
		return nil, err
	}
	return w.out, nil
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
