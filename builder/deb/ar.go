package deb

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	arMagic      = "!<arch>\n"
	arHeaderSize = 60
	arHeaderEnd  = "`\n"
)

// archive walks through the members of an ar archive, deb(5) and ar(5), without
// reading ahead.
type archive struct {
	r      io.Reader
	body   *io.LimitedReader // of the current member
	padded bool              // a newline follows the current member
	newest int64             // modification time
}

// member is one file of the archive.
type member struct {
	name string
	size int64
	body *io.LimitedReader
}

func newArchive(r io.Reader) (*archive, error) {
	magic := make([]byte, len(arMagic))
	if _, err := io.ReadFull(r, magic); err != nil {
		return nil, early(err)
	}
	if string(magic) != arMagic {
		return nil, errors.New("it does not begin like an ar archive")
	}
	return &archive{r: r, body: &io.LimitedReader{R: r}}, nil
}

// next returns the next member, whose predecessor must have been read to its
// end, and io.EOF after the last one.
func (a *archive) next() (member, error) {
	if a.body.N > 0 {
		return member{}, fmt.Errorf("%d bytes after the end of a member's content", a.body.N)
	}
	if a.padded {
		var pad [1]byte
		if _, err := io.ReadFull(a.r, pad[:]); err != nil {
			return member{}, early(err)
		}
		if pad[0] != '\n' {
			return member{}, fmt.Errorf("want a newline between two members, found %q", pad[:])
		}
	}
	var h [arHeaderSize]byte
	if _, err := io.ReadFull(a.r, h[:]); err == io.EOF {
		return member{}, io.EOF
	} else if err != nil {
		return member{}, early(err)
	}
	if string(h[58:]) != arHeaderEnd {
		return member{}, errors.New("a member header that does not end as one")
	}
	// Some tools end names with a slash, as dpkg allows.
	name := strings.TrimSuffix(strings.TrimRight(string(h[:16]), " "), "/")
	mtime, err := decimal(h[16:28])
	if err != nil {
		return member{}, fmt.Errorf("modification time of member %q: %w", name, err)
	}
	size, err := decimal(h[48:58])
	if err != nil {
		return member{}, fmt.Errorf("size of member %q: %w", name, err)
	}
	a.newest = max(a.newest, mtime)
	a.padded = size%2 == 1
	a.body = &io.LimitedReader{R: a.r, N: size}
	return member{name, size, a.body}, nil
}

// decimal reads a number that spaces fill up.
func decimal(field []byte) (int64, error) {
	n, err := strconv.ParseUint(strings.TrimRight(string(field), " "), 10, 63)
	if err != nil {
		return 0, fmt.Errorf("want a number, found %q", field)
	}
	return int64(n), nil
}

// is reports whether m is called base, or base with the name of a compression
// where base is a tar archive.
func (m member) is(base string) bool {
	rest, ok := strings.CutPrefix(m.name, base)
	return ok && (rest == "" || strings.HasSuffix(base, ".tar") && rest[0] == '.')
}

// skip reads to the end of the member.
func (m member) skip() error {
	if _, err := io.Copy(io.Discard, m.body); err != nil {
		return err
	}
	if m.body.N > 0 {
		return early(io.EOF)
	}
	return nil
}

// early says of the end of the input that it should not be here.
func early(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("the archive ends early")
	}
	return err
}
