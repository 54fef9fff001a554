package asm

import (
	"slices"
	"strings"
	"testing"
)

func TestIncludes(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string
		bad  bool
	}{
		{text: "TEXT ·f(SB), 4, $0\n\tRET\n"},
		{text: "#include \"a.h\"\n# /* x */ include \"b.h\"\n", want: []string{"a.h", "b.h"}},
		{text: "// #include \"a.h\"\n/* #include \"b.h\" */\n"},
		{text: "DATA x(SB)/8, $\"#include\"\n"},
		{text: "#ifdef NEVER\n#include \"\\x61.h\"\n#endif\n", want: []string{"a.h"}},
		{text: "TEXT ·include(SB), 4, $0\n"},
		{text: "#include <a.h>\n", bad: true},
		{text: "#include NAME\n", bad: true},
		{text: "#include", bad: true},
		{text: "#define M(x) \\\n#x \"a.h\"\nM(include)\n", bad: true},
		{text: "#define M(x) \\\n#include x\nM(\"a.h\")\n", bad: true},
		{text: "#define M \\\n#include \"a.h\"\nM\n", want: []string{"a.h"}},
	} {
		got, err := Includes(strings.NewReader(test.text))
		if !slices.Equal(got, test.want) || (err != nil) != test.bad {
			t.Errorf("%q: got %q, %v; want %q, an error is %v", test.text, got, err, test.want, test.bad)
		}
	}
}

func FuzzIncludes(f *testing.F) {
	f.Add("#include \"a.h\"\n#define M(x) \\\n#x \"a.h\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		names, err := Includes(strings.NewReader(text))
		if err == nil && len(names) > strings.Count(text, "include") {
			t.Errorf("%d names in %q", len(names), text)
		}
	})
}
