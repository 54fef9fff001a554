package specs

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Caps on a spec file. The YAML library takes time in the square of nesting, of
// the number of keys and of runs of empty lines; below these caps a hostile file
// costs about a second.
const (
	maxSpecSize  = 1 << 20 // bytes
	maxTokens    = 20_000
	maxNesting   = 16 // flow brackets; the language itself nests 7 deep
	maxIndent    = 64 // columns before a line's or a list item's content
	maxEmptyRun  = 64 // empty lines in a row
	byteOrderBOM = "\ufeff"
)

// style is how a scalar is written.
type style int

const (
	plain   style = iota
	quotes        // single or double
	literal       // |
	folded        // >
)

type kind int

const (
	scalar kind = iota
	list
	mapping
	null
)

func (k kind) String() string {
	return [...]string{"a scalar", "a list", "a mapping", "nothing"}[k]
}

// begin is the hint for a file without content.
const begin = "begin with: version: 1"

// node is a YAML value with its place: the few things that the language knows.
type node struct {
	kind  kind
	at    place
	text  string // of a scalar, as YAML reads it as a string
	style style
	flow  bool // of a list or mapping: written in brackets
	items []item
}

// item is an element of a list, which has no key, or of a mapping. Only Format
// fills in the comments.
type item struct {
	at    place // of the key, or of a list's dash
	key   *node
	value *node

	head []string // comments on lines of their own before it; "" is an empty line
	tail string   // the comment that ends its first line
	foot []string // comments after it that belong to nothing below
}

// document is a parsed YAML file. Comments are kept apart: only Format wants
// them.
type document struct {
	root     *node
	comments []*token.Token
}

// readYAML reads the one document of a spec file. It refuses what makes YAML
// hard to read safely: anchors, aliases, tags, merge keys, directives, complex
// keys and further documents. On a fault the result is nil.
func readYAML(b []byte, f *faults) *document {
	if !checkBytes(b, f) {
		return nil
	}
	tokens := lexer.Tokenize(string(b))
	d := &document{}
	if !d.checkTokens(tokens, f) {
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey()) // ours reports all duplicates
	if err != nil {
		f.syntax(err)
		return nil
	}
	var body ast.Node
	for i, doc := range file.Docs {
		if i > 0 {
			f.add(startOf(doc), "found a second document, want one", "")
			return nil
		}
		body = doc.Body
	}
	if body == nil {
		f.add(place{1, 1}, "the file is empty, want a mapping", begin)
		return nil
	}
	before := len(f.list)
	d.root = convert(body, f)
	if len(f.list) > before {
		return nil
	}
	return d
}

// checkBytes holds the caps that must hold before the library sees the file.
func checkBytes(b []byte, f *faults) bool {
	if len(b) > maxSpecSize {
		f.add(place{}, fmt.Sprintf("the file has %d bytes, want at most %d", len(b), maxSpecSize), "")
		return false
	}
	if bytes.HasPrefix(b, []byte(byteOrderBOM)) {
		f.add(place{1, 1}, "found a byte order mark", "save the file as UTF-8 without a byte order mark")
		return false
	}
	empty := 0
	for i, line := range bytes.Split(b, []byte("\n")) {
		if j := badByte(line); j >= 0 {
			f.add(place{i + 1, j + 1}, fmt.Sprintf("found the byte 0x%02x, want UTF-8 text without control characters or carriage returns", line[j]), "")
			return false
		}
		if empty++; len(bytes.TrimSpace(line)) > 0 {
			empty = 0
		}
		if empty > maxEmptyRun {
			f.add(place{i + 1, 1}, fmt.Sprintf("found more than %d empty lines in a row", maxEmptyRun), "")
			return false
		}
	}
	return true
}

// badByte returns the index of the first byte of line that no spec may have, -1
// when all are good. A carriage return is one: what it means depends on the
// program that reads it.
func badByte(line []byte) int {
	for i, w := 0, 0; i < len(line); i += w {
		r, n := utf8.DecodeRune(line[i:])
		w = n
		if r == utf8.RuneError && n == 1 || r < 0x20 && r != '\t' || r >= 0x7f && r < 0xa0 ||
			r == '\u2028' || r == '\u2029' || r == '\ufeff' {
			return i
		}
	}
	return -1
}

// refused says why a token has no place in a spec and what to do instead; why is
// empty when it has one.
func refused(t token.Type) (why, hint string) {
	switch t {
	case token.AnchorType:
		return "found an anchor", "write the value out"
	case token.AliasType:
		return "found an alias", "write the value out; quote it if it begins with *"
	case token.TagType:
		return "found a tag", "leave it out; quote the value if it begins with !"
	case token.MergeKeyType:
		return "found a merge key", "write the keys out"
	case token.DirectiveType:
		return "found a directive", "leave it out"
	case token.MappingKeyType:
		return "found a complex key", "write key: value"
	}
	return "", ""
}

// checkTokens refuses tokens and nesting that the parser should not see, and
// keeps the comments.
func (d *document) checkTokens(tokens token.Tokens, f *faults) bool {
	if len(tokens) > maxTokens {
		f.add(placeOf(tokens[maxTokens]), fmt.Sprintf("found more than %d words and signs", maxTokens), "split the image")
		return false
	}
	before, depth, line := len(f.list), 0, 0
	for _, tk := range tokens {
		at := placeOf(tk)
		switch tk.Type {
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		case token.CommentType:
			d.comments = append(d.comments, tk)
			continue
		}
		if depth > maxNesting || depth <= 0 && at.col > maxIndent && (at.line != line || tk.Type == token.SequenceEntryType) {
			f.add(at, "nested too deeply", "")
			return false
		}
		line = at.line
		if why, hint := refused(tk.Type); why != "" {
			f.add(at, why+", which a spec cannot have", hint)
		}
	}
	return len(f.list) == before
}

// syntax reports an error of the YAML library, which tells its place.
func (f *faults) syntax(err error) {
	var e interface {
		GetToken() *token.Token
		GetMessage() string
	}
	if errors.As(err, &e) && e.GetToken() != nil {
		f.add(placeOf(e.GetToken()), "not valid YAML: "+e.GetMessage(), "")
		return
	}
	f.add(place{1, 1}, "not valid YAML: "+err.Error(), "")
}

func placeOf(tk *token.Token) place {
	if tk == nil || tk.Position == nil {
		return place{1, 1}
	}
	return place{tk.Position.Line, tk.Position.Column}
}

// startOf returns the place of a document.
func startOf(doc *ast.DocumentNode) place {
	switch {
	case doc.Start != nil:
		return placeOf(doc.Start)
	case doc.Body != nil:
		return placeOf(doc.Body.GetToken())
	}
	return place{1, 1}
}
