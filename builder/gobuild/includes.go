package gobuild

import (
	"errors"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/scanner"
	"unicode"

	"github.com/basal-project/basal/internal/diag"
)

// checkIncludes refuses assembly that includes other files than headers of its
// own package and of the toolchain. The go command sees only those, so it would
// not compile anew when another file has changed, and nothing names that file.
func (m localModule) checkIncludes(p localPackage, tool toolchain) error {
	if len(p.listing.SFiles) == 0 {
		return nil
	}
	for _, name := range slices.Concat(p.listing.SFiles, p.listing.HFiles) {
		full := path.Join(p.dir, name)
		f, err := m.open(full, map[string]bool{})
		if err != nil {
			return err
		}
		names, err := includes(f)
		f.Close()
		if err != nil {
			return m.unreadable(full, err)
		}
		for _, included := range names {
			if !m.isHeader(p, included, tool) {
				return diag.Usagef("module %s: %s includes %q, which is no header of its package", m.path, full, included).
					WithHint("put a header, with a name that ends in .h, into the package's own folder")
			}
		}
	}
	return nil
}

// isHeader reports whether the assembler, which looks in the package's folder
// first, finds a header under that name which the go command knows of.
func (m localModule) isHeader(p localPackage, name string, tool toolchain) bool {
	name = strings.TrimPrefix(name, "./")
	if slices.Contains(p.listing.HFiles, name) {
		return true
	}
	if name != filepath.Base(name) || m.has(path.Join(p.dir, name)) {
		return false
	}
	// go_asm.h is made from the package's own constants.
	return name == "go_asm.h" || isFile(filepath.Join(tool.bin, "..", "pkg", "include", name))
}

// errInclude says that a file uses the word in a way that may include anything,
// through a macro for example.
var errInclude = errors.New(`"include" is only for lines such as #include "name.h"`)

// includes returns the names in the #include lines of an assembly file, also of
// those lines that are switched off.
func includes(r io.Reader) ([]string, error) {
	// This is how the assembler splits its text (cmd/asm/internal/lex).
	var s scanner.Scanner
	s.Init(r)
	s.Error = func(*scanner.Scanner, string) {} // the assembler will say it
	s.Whitespace = 1<<'\t' | 1<<'\r' | 1<<' '
	s.Mode = scanner.ScanChars | scanner.ScanFloats | scanner.ScanIdents | scanner.ScanInts | scanner.ScanStrings | scanner.ScanComments | scanner.SkipComments
	s.IsIdentRune = func(r rune, i int) bool {
		return unicode.IsLetter(r) || r == '_' || r == '·' || r == '∕' || i > 0 && unicode.IsDigit(r)
	}
	var names []string
	var before rune
	for tok := s.Scan(); tok != scanner.EOF; tok = s.Scan() {
		if tok == scanner.Ident && s.TokenText() == "include" {
			if before != '#' || s.Scan() != scanner.String {
				return nil, errInclude
			}
			name, err := strconv.Unquote(s.TokenText())
			if err != nil {
				return nil, errInclude
			}
			names = append(names, name)
			tok = scanner.String
		}
		before = tok
	}
	return names, nil
}
