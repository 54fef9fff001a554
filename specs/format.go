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
	doc, s, err := readForWriting(file, b)
	if err != nil {
		return nil, err
	}
	return write(file, doc, s)
}

// readForWriting reads a spec both as a document with its comments and as what
// it means.
func readForWriting(file string, b []byte) (*document, *Spec, error) {
	f := &faults{file: file}
	doc := readYAML(b, f)
	if doc == nil {
		return nil, nil, f.err()
	}
	s := decodeSpec(doc.root, f)
	if err := f.err(); err != nil {
		return nil, nil, err
	}
	attach(doc, b)
	return doc, s, nil
}

// write prints a document. The layout is ours and the reader is not, so what
// would not read as want is never handed out.
func write(file string, doc *document, want *Spec) ([]byte, error) {
	p := &printer{}
	p.document(doc.root)
	again, err := Parse(file, p.out.Bytes())
	if err != nil {
		return nil, err
	}
	meant, err := want.Canonical()
	if err != nil {
		return nil, err
	}
	written, err := again.Canonical()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(meant, written) {
		return nil, fmt.Errorf("internal error: writing %s anew would change what it says", file)
	}
	return p.out.Bytes(), nil
}
