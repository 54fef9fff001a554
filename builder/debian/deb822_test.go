package debian

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestScannerReadsStanzas(t *testing.T) {
	const text = "\n\nPackage: a\nDEPENDS:  b,\n c\n\td  \nEmpty:\n\n\nPackage:e\nLong:\n .\n x"
	sc := NewScanner(strings.NewReader(text))
	if !sc.Scan() {
		t.Fatal(sc.Err())
	}
	st := sc.Stanza()
	if st.Line != 3 {
		t.Errorf("line %d, want 3", st.Line)
	}
	for name, want := range map[string]string{"Package": "a", "depends": "b,\n c\n\td", "Empty": "", "absent": ""} {
		if got := string(st.Get(name)); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got := st.Fold("Depends"); got != "b, c d" {
		t.Errorf("folded: %q", got)
	}
	if !st.Has("EMPTY") || st.Has("absent") {
		t.Error("Has: want Empty only")
	}
	if !sc.Scan() {
		t.Fatal(sc.Err())
	}
	if got := string(sc.Stanza().Get("Long")); got != "\n .\n x" || sc.Stanza().Line != 10 {
		t.Errorf("second stanza: line %d, Long %q", sc.Stanza().Line, got)
	}
	if sc.Scan() || sc.Err() != nil {
		t.Errorf("want the end, found %v", sc.Err())
	}
}

func TestScannerRefusesMalformedInput(t *testing.T) {
	var many strings.Builder
	for i := range maxFields + 1 {
		fmt.Fprintf(&many, "F%d: x\n", i)
	}
	for _, c := range []struct{ text, want string }{
		{"Package a\n", "line 1: want a field"},
		{"A: 1\nB: 2\na: 3\n", "line 3: field a occurs twice"},
		{" x\n", "line 1: a continuation line without a field"},
		{"A: 1\n\n x\n", "line 3: a continuation line without a field"},
		{"A: 1\n \t\n", "line 2: a line of blanks"},
		{"# comment: x\n", "line 1: want a field"},
		{"-A: 1\n", "line 1: want a field"},
		{": 1\n", "line 1: want a field"},
		{"A B: 1\n", "line 1: want a field"},
		{"A: 1\x00\n", "line 1: a NUL byte"},
		{"\xff: 1\n", "line 1: want a field"},
		{"A: " + strings.Repeat("x", maxLine) + "\n", "line 1: line is longer"},
		{"A: 1\n" + strings.Repeat(" "+strings.Repeat("x", maxLine/2)+"\n", 9), "line 9: stanza is longer"},
		{many.String(), "more than 256 fields"},
	} {
		sc := NewScanner(strings.NewReader(c.text))
		for sc.Scan() {
		}
		if err := sc.Err(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.40q: got error %v, want %q", c.text, err, c.want)
		}
		if sc.Scan() {
			t.Errorf("%.40q: a stanza after the error", c.text)
		}
	}
}

func TestScannerReadsVeryLongLines(t *testing.T) {
	value := strings.Repeat("a, ", 75649/3) + "b"
	sc := NewScanner(strings.NewReader("Package: p\nProvides: " + value + "\n\nPackage: q\n"))
	if !sc.Scan() || string(sc.Stanza().Get("Provides")) != value {
		t.Fatalf("the long value is not whole: %v", sc.Err())
	}
	if !sc.Scan() || string(sc.Stanza().Get("Package")) != "q" {
		t.Fatalf("no stanza after the long line: %v", sc.Err())
	}
}

// FuzzStanzas holds that what was read can be written and reads the same.
func FuzzStanzas(f *testing.F) {
	f.Add("Package: a\nDepends: b,\n c\n\nPackage: d\n")
	f.Add("A:\n .\n\tx \nB: \r\n")
	f.Add(" x\n")
	f.Add("A: 1\na: 2")
	f.Fuzz(func(t *testing.T, text string) {
		first, err := scanAll(text)
		if err != nil {
			return
		}
		var out strings.Builder
		for _, stanza := range first {
			out.WriteString(strings.Join(stanza, "\n") + "\n\n")
		}
		second, err := scanAll(out.String())
		if err != nil || !slices.EqualFunc(first, second, slices.Equal[[]string]) {
			t.Errorf("%q was written as %q and reads as %q, %v", first, out.String(), second, err)
		}
	})
}

func scanAll(text string) (all [][]string, err error) {
	sc := NewScanner(strings.NewReader(text))
	for sc.Scan() {
		var fields []string
		s := sc.Stanza()
		for _, f := range s.fields {
			name := string(s.buf[f.name:f.colon])
			fields = append(fields, name+": "+string(s.Get(name)))
		}
		all = append(all, fields)
	}
	return all, sc.Err()
}
