package specs

import (
	"bytes"
	"fmt"
)

// Format returns an image.yaml in its canonical layout: keys in the order of the
// language (names of one's own keep theirs), two spaces a level, lists indented
// below their key, double quotes, at most one empty line. A value in brackets
// that fills several lines becomes a block. Comments stay with what they stand
// at. The parsed spec is the same, and formatting again changes nothing. A file
// that Parse refuses is refused with the same error.
func Format(file string, b []byte) ([]byte, error) {
	f := &faults{file: file}
	doc := readYAML(b, f)
	if doc == nil {
		return nil, f.err()
	}
	s := decodeSpec(doc.root, f)
	if err := f.err(); err != nil {
		return nil, err
	}
	attach(doc, b)
	p := &printer{}
	p.document(doc.root)

	// The layout is ours and the reader is not, so never hand out what reads
	// differently.
	again, err := Parse(file, p.out.Bytes())
	if err != nil {
		return nil, fmt.Errorf("internal error: the formatted spec does not parse: %w", err)
	}
	was, err := s.Canonical()
	if err != nil {
		return nil, err
	}
	is, err := again.Canonical()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(was, is) {
		return nil, fmt.Errorf("internal error: formatting would change the spec of %s", file)
	}
	return p.out.Bytes(), nil
}
