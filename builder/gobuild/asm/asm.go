// Package asm reads Go assembly files, as far as Basal has to know what else they
// are made of.
package asm

import (
	"errors"
	"io"
	"strconv"
	"text/scanner"
	"unicode"
)

// ErrInclude says that a file uses the word in a way that may include anything,
// through a macro for example.
var ErrInclude = errors.New(`"include" is only for lines such as #include "name.h"`)

// Includes returns the names in the #include lines of an assembly file, also of
// those lines that are switched off. The error is ErrInclude.
func Includes(r io.Reader) ([]string, error) {
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
				return nil, ErrInclude
			}
			name, err := strconv.Unquote(s.TokenText())
			if err != nil {
				return nil, ErrInclude
			}
			names = append(names, name)
			tok = scanner.String
		}
		before = tok
	}
	return names, nil
}
