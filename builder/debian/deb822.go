// Package debian turns the files of a Debian archive into values: InRelease,
// Packages, versions and dependency fields. It reads bytes and returns values;
// it opens nothing and knows no clock.
//
// The chain of trust that it implements is
//
//	keyring ─VerifyInRelease─▶ Release ─Packages─▶ File ─Slim, Records─▶ Package
//
// where each arrow checks what it is given: a signature, then checksums.
//
// The formats are those of the Debian Policy Manual (chapters 5 and 7), of
// deb-version(7) and of the repository format that Debian's archive documents.
package debian

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The caps of a stanza. A Packages file of trixie has a line of 75,649 bytes
// and at most 30 fields in a stanza.
const (
	maxLine   = 1 << 20
	maxStanza = 4 << 20
	maxFields = 256
)

// Scanner reads a file of stanzas (Debian Policy, section 5.1) one at a time,
// without keeping the ones before. It is strict: a field may not occur twice,
// and a line of blanks is neither a separator nor a continuation.
type Scanner struct {
	r      *bufio.Reader
	line   int // number of the last line read
	stanza Stanza
	err    error
}

// NewScanner returns a scanner of r.
func NewScanner(r io.Reader) *Scanner {
	return &Scanner{r: bufio.NewReaderSize(r, 64<<10)}
}

// Scan reads the next stanza and reports whether there was one.
func (s *Scanner) Scan() bool {
	if s.err != nil {
		return false
	}
	st := &s.stanza
	st.buf, st.fields = st.buf[:0], st.fields[:0]
	for {
		start := len(st.buf)
		more, err := s.readLine()
		if err != nil {
			s.err = fmt.Errorf("line %d: %w", s.line, err)
			return false
		}
		if !more {
			s.err = io.EOF
			return len(st.fields) > 0
		}
		if len(st.buf) == start { // an empty line ends the stanza, if one has begun
			if len(st.fields) > 0 {
				return true
			}
			continue
		}
		if len(st.fields) == 0 {
			st.Line = s.line
		}
		if err := st.add(start); err != nil {
			s.err = fmt.Errorf("line %d: %w", s.line, err)
			return false
		}
	}
}

// Stanza returns the stanza that Scan found. It is valid until the next Scan.
func (s *Scanner) Stanza() *Stanza { return &s.stanza }

// Err returns what ended the scan, nil at the end of the input. Malformed input
// is named with its line; errors of the reader are wrapped.
func (s *Scanner) Err() error {
	if s.err == io.EOF {
		return nil
	}
	return s.err
}

// readLine appends the next line, without its newline, to the stanza's buffer.
func (s *Scanner) readLine() (more bool, err error) {
	start := len(s.stanza.buf)
	s.line++
	for {
		part, err := s.r.ReadSlice('\n')
		s.stanza.buf = append(s.stanza.buf, part...)
		n := len(s.stanza.buf)
		switch {
		case n-start > maxLine:
			return false, fmt.Errorf("line is longer than %d bytes", maxLine)
		case n > maxStanza:
			return false, fmt.Errorf("stanza is longer than %d bytes", maxStanza)
		case err == nil:
			s.stanza.buf = s.stanza.buf[:n-1]
			return true, nil
		case err == io.EOF:
			return n > start, nil
		case err != bufio.ErrBufferFull:
			return false, err
		}
	}
}

// Stanza is a list of distinct fields in the order in which they stand. The
// slices that its methods return are parts of one buffer: they are valid as
// long as the stanza.
type Stanza struct {
	Line   int // of its first field, counted from 1
	buf    []byte
	fields []field
}

// field holds offsets in the stanza's buffer.
type field struct{ name, colon, value, end int }

// add reads the line from offset start: a field or the continuation of one.
func (s *Stanza) add(start int) error {
	line := s.buf[start:]
	if bytes.IndexByte(line, 0) >= 0 {
		return errors.New("a NUL byte")
	}
	if line[0] == ' ' || line[0] == '\t' {
		if len(s.fields) == 0 {
			return errors.New("a continuation line without a field")
		}
		if len(bytes.TrimLeft(line, " \t")) == 0 {
			return errors.New("a line of blanks")
		}
		// The newline that readLine dropped becomes part of the value.
		s.buf = append(s.buf, 0)
		copy(s.buf[start+1:], s.buf[start:])
		s.buf[start] = '\n'
		s.fields[len(s.fields)-1].end = len(s.buf)
		return nil
	}
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 || !isFieldName(line[:colon]) {
		return fmt.Errorf("want a field with a name and a colon, found %.40q", line)
	}
	if _, ok := s.find(line[:colon]); ok {
		return fmt.Errorf("field %s occurs twice in one stanza", line[:colon])
	}
	if len(s.fields) == maxFields {
		return fmt.Errorf("more than %d fields in one stanza", maxFields)
	}
	value := start + colon + 1
	for value < len(s.buf) && (s.buf[value] == ' ' || s.buf[value] == '\t') {
		value++
	}
	s.fields = append(s.fields, field{start, start + colon, value, len(s.buf)})
	return nil
}

// isFieldName follows Policy 5.1: printable ASCII without blank and colon, not
// beginning with # or -.
func isFieldName(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return b[0] != '#' && b[0] != '-'
}

func (s *Stanza) find(name []byte) (field, bool) {
	for _, f := range s.fields {
		if f.colon-f.name == len(name) && bytes.EqualFold(s.buf[f.name:f.colon], name) {
			return f, true
		}
	}
	return field{}, false
}

// Get returns the value of a field as it stands, without the blanks around it;
// a value of several lines keeps its newlines and the blanks that begin the
// later lines. Case does not matter in the name. An absent field is nil.
func (s *Stanza) Get(name string) []byte {
	for _, f := range s.fields {
		if equalFold(s.buf[f.name:f.colon], name) {
			return bytes.TrimRight(s.buf[f.value:f.end], " \t\n")
		}
	}
	return nil
}

// equalFold compares field names, which are ASCII, without allocating.
func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i, c := range b {
		if c != s[i] && lower(c) != lower(s[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// Has reports whether the field is there, be it empty.
func (s *Stanza) Has(name string) bool {
	_, ok := s.find([]byte(name))
	return ok
}

// Fold returns the value of a field on one line, as a folded field (Policy 5.1)
// is meant: each run of blanks and newlines is one blank.
func (s *Stanza) Fold(name string) string {
	return strings.Join(strings.Fields(string(s.Get(name))), " ")
}
