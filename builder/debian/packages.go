package debian

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"github.com/basal-project/basal/internal/digest"
)

// Package is what resolving needs to know of a binary package.
type Package struct {
	Name         string
	Version      Version
	Architecture string // Debian's name or "all"
	Source       string // name of the source package
	Provides     string // the fields as they stand, on one line
	PreDepends   string
	Depends      string
	Priority     string // required, important, standard, optional or extra (Policy, section 2.5)
	Path         string // below the archive: pool/main/…
	Checksums           // of the .deb
}

// SlimFormat is the first line of a slim index and rises with its columns. A
// cache makes it part of the name under which it keeps one.
const SlimFormat = "basal slim index 1"

// slimEnd begins the last line, so that an index that was cut off is not taken
// for whole.
const slimEnd = "\tend "

// slimFields are the columns of a slim index, in order.
var slimFields = []string{"Package", "Provides", "Version", "Architecture", "Source", "Pre-Depends", "Depends", "Priority", "Filename", "Size", "SHA256", "SHA512"}

// Slim reads a Packages file and writes what Package holds of it, one line each,
// columns separated by tabs. Made once for each index, it is scanned in 8 ms where
// trixie's Packages takes 200, and has less than half the size. Neither side
// keeps more than one stanza. It is for the cache of the machine that made it:
// only Records reads it, and nothing in it is signed.
func Slim(w io.Writer, r io.Reader) error {
	return slim(w, &capped{r: r, left: MaxPackages})
}

func slim(w io.Writer, r io.Reader) error {
	out := bufio.NewWriterSize(w, 64<<10)
	sc := NewScanner(r)
	fmt.Fprintln(out, SlimFormat)
	n := 0
	var line []byte
	for ; sc.Scan(); n++ {
		st := sc.Stanza()
		line = line[:0]
		for i, name := range slimFields {
			if i > 0 {
				line = append(line, '\t')
			}
			line = appendFolded(line, st.Get(name))
		}
		if line[0] == '\t' {
			return fmt.Errorf("line %d: a stanza without Package", st.Line)
		}
		if _, err := out.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	if err := sc.Err(); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s%d\n", slimEnd, n)
	return out.Flush()
}

// appendFolded appends b with each run of white space as one blank, so that it
// holds neither tab nor newline.
func appendFolded(line, b []byte) []byte {
	if bytes.IndexByte(b, '\n') < 0 && bytes.IndexByte(b, '\t') < 0 {
		return append(line, b...)
	}
	return append(line, bytes.Join(bytes.Fields(b), []byte(" "))...)
}

// errTooLarge is the end of a Packages file that is over its cap.
var errTooLarge = fmt.Errorf("more than %d bytes", MaxPackages)

// capped reads r to its end or fails after left bytes.
type capped struct {
	r    io.Reader
	left int64
}

func (c *capped) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}

// Records reads a slim index and yields the packages for which want returns
// true, in order. want sees each package's name and its Provides field; it must
// not keep the slices. An error is yielded last, with a zero Package.
func Records(r io.Reader, want func(name, provides []byte) bool) iter.Seq2[Package, error] {
	return func(yield func(Package, error) bool) {
		lines := bufio.NewReaderSize(r, 128<<10)
		var long []byte
		if line, err := readSlimLine(lines, &long); err != nil || string(line) != SlimFormat {
			yield(Package{}, errors.Join(errors.New("not a slim index of this version"), err))
			return
		}
		for n := 0; ; n++ {
			line, err := readSlimLine(lines, &long)
			if err != nil {
				yield(Package{}, fmt.Errorf("slim index: after %d packages: %w", n, err))
				return
			}
			if count, ok := bytes.CutPrefix(line, []byte(slimEnd)); ok {
				if string(count) != strconv.Itoa(n) {
					yield(Package{}, fmt.Errorf("slim index: want %s packages, found %d", count, n))
				}
				return
			}
			name, rest, _ := bytes.Cut(line, []byte{'\t'})
			provides, _, _ := bytes.Cut(rest, []byte{'\t'})
			if !want(name, provides) {
				continue
			}
			p, err := parseRecord(string(line))
			if err != nil {
				yield(Package{}, fmt.Errorf("package %.80q: %w", name, err))
				return
			}
			if !yield(p, nil) {
				return
			}
		}
	}
}

// readSlimLine returns the next line without its newline; long is where one
// that does not fit the reader's buffer is put together.
func readSlimLine(r *bufio.Reader, long *[]byte) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		*long = (*long)[:0]
		for err == bufio.ErrBufferFull && len(*long) <= maxStanza {
			*long = append(*long, line...)
			line, err = r.ReadSlice('\n')
		}
		*long = append(*long, line...)
		line = *long
	}
	switch {
	case err == io.EOF:
		return nil, io.ErrUnexpectedEOF
	case err == bufio.ErrBufferFull:
		return nil, fmt.Errorf("line is longer than %d bytes", maxStanza)
	case err != nil:
		return nil, err
	}
	return line[:len(line)-1], nil
}

func parseRecord(line string) (Package, error) {
	col := strings.Split(line, "\t")
	if len(col) != len(slimFields) {
		return Package{}, fmt.Errorf("want %d columns, found %d", len(slimFields), len(col))
	}
	p := Package{Name: col[0], Provides: col[1], Architecture: col[3], Source: col[0], PreDepends: col[5], Depends: col[6], Priority: col[7], Path: col[8]}
	if err := CheckName(p.Name); err != nil {
		return p, err
	}
	var err error
	if p.Version, err = ParseVersion(col[2]); err != nil {
		return p, err
	}
	if !isArch(p.Architecture) {
		return p, fmt.Errorf("architecture %.40q is not a name", p.Architecture)
	}
	if col[4] != "" { // Source is "name" or "name (version)"
		p.Source, _, _ = strings.Cut(col[4], " ")
		if err := CheckName(p.Source); err != nil {
			return p, fmt.Errorf("source: %w", err)
		}
	}
	if err := checkPath(p.Path); err != nil {
		return p, err
	}
	if p.Size, err = strconv.ParseInt(col[9], 10, 64); err != nil || p.Size <= 0 {
		return p, fmt.Errorf("size %.40q is not a number of bytes", col[9])
	}
	return p, p.setSums(col[10], col[11])
}

func (p *Package) setSums(sha256, sha512 string) error {
	if sha256 == "" && sha512 == "" {
		return errors.New("neither SHA256 nor SHA512 is listed")
	}
	if sha256 != "" {
		d, err := digest.ParseHex(sha256)
		if err != nil {
			return fmt.Errorf("SHA256: %w", err)
		}
		p.SHA256 = d
	}
	if sha512 != "" {
		if err := p.setSHA512(sha512); err != nil {
			return fmt.Errorf("SHA512: %w", err)
		}
	}
	return nil
}

// checkPath refuses a path that could lead out of the archive, or that a URL
// would spell in another way.
func checkPath(s string) error {
	ok := s != "" && len(s) < 4096
	for part := range strings.SplitSeq(s, "/") {
		ok = ok && part != "" && part != "." && part != ".."
	}
	for _, c := range []byte(s) {
		ok = ok && c > ' ' && c <= '~' && strings.IndexByte(`\?#%"<>`, c) < 0
	}
	if !ok {
		return fmt.Errorf("filename %.80q is not a plain relative path", s)
	}
	return nil
}
