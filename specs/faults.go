package specs

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/basal-project/basal/internal/diag"
)

// maxFaults bounds what is reported of one file: a person mends the first ones
// and runs again, and a hostile file cannot fill the terminal.
const maxFaults = 50

// place is where something is written, counted from 1.
type place struct{ line, col int }

// faults collects what is wrong in one file.
type faults struct {
	file string
	list []*diag.Error
}

func (f *faults) add(at place, msg, hint string) {
	f.list = append(f.list, &diag.Error{
		File: f.file, Line: at.line, Col: at.col, Msg: msg, Hint: hint, Code: diag.Usage,
	})
}

// err returns all faults in the file's order, nil when there are none.
func (f *faults) err() error {
	slices.SortStableFunc(f.list, func(a, b *diag.Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	var errs []error
	for i, e := range f.list {
		if i == maxFaults {
			errs = append(errs, &diag.Error{File: f.file, Code: diag.Usage, Msg: fmt.Sprintf("%d more faults", len(f.list)-i)})
			break
		}
		errs = append(errs, e)
	}
	return errors.Join(errs...)
}

// nearest returns the allowed word that is most like got, "" when none is.
func nearest(got string, allowed []string) string {
	if len(got) > 64 { // the distance costs length times length
		return ""
	}
	best, dist := "", 1+min(max(2, len(got)/3), len(got)-1)
	for _, a := range allowed {
		if d := levenshtein.ComputeDistance(got, a); a != "" && d < dist {
			best, dist = a, d
		}
	}
	return best
}

// maxAllowed is how many allowed words a hint lists.
const maxAllowed = 20

// didYouMean is the hint for a wrong word: the nearest allowed one, or all.
func didYouMean(got string, allowed []string) string {
	if n := nearest(got, allowed); n != "" {
		return fmt.Sprintf("did you mean %q?", n)
	}
	if len(allowed) == 0 || len(allowed) > maxAllowed {
		return ""
	}
	return "allowed: " + strings.Join(allowed, ", ")
}

// orList writes words as "a, b or c".
func orList(words []string) string {
	n := len(words)
	if n < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
}

// quoted writes found text for a message, cut when it is long.
func quoted(s string) string {
	const most = 80
	if r := []rune(s[:min(len(s), 4*most)]); len(r) > most {
		return fmt.Sprintf("%q…", string(r[:most]))
	}
	return fmt.Sprintf("%q", s)
}
