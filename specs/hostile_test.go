package specs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/basal-project/basal/internal/diag"
)

// TestHostile feeds large files that cost a YAML reader most.
// Without the caps some of them take minutes.
func TestHostile(t *testing.T) {
	const size = maxSpecSize / 8 // the reader of words is linear; what follows it sees all that the caps let through
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	keys := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "k%d: v\n", i)
		}
		return b.String()
	}
	staircase := func() string {
		var b strings.Builder
		for i := 0; b.Len()+i+3 < size; i++ {
			b.WriteString(strings.Repeat(" ", i) + "a:\n")
		}
		return b.String()
	}
	for name, in := range map[string]string{
		"too large":       strings.Repeat("a", maxSpecSize+1),
		"brackets":        fill("["),
		"braces":          fill("{a: "),
		"dashes":          fill("- "),
		"questions":       fill("? "),
		"anchors":         fill("&a "),
		"aliases":         fill("*a "),
		"tags":            fill("!a "),
		"quotes":          fill("'"),
		"block marks":     fill("|\n"),
		"documents":       fill("---\n"),
		"document ends":   fill("...\n"),
		"comments":        fill("#\n"),
		"empty lines":     fill("\n"),
		"colons":          fill(": "),
		"directives":      fill("%a "),
		"staircase":       staircase(),
		"most keys":       keys(maxTokens/3 - 1),
		"deepest flow":    "a: " + strings.Repeat("[", maxNesting) + strings.Repeat("[],", maxTokens/3-20) + strings.Repeat("]", maxNesting),
		"many lists":      "packages:\n" + strings.Repeat("- a\n", maxTokens/2-5),
		"literal endings": "a: |\n x" + strings.Repeat(strings.Repeat("\n", maxEmptyRun-1)+" \n", 100),
		"many literals":   strings.Repeat("- |\n x"+strings.Repeat("\n", maxEmptyRun), maxTokens/4),
		"variants":        minimal + "variants:\n" + strings.ReplaceAll("  "+strings.ReplaceAll(keys(1500), "\n", "\n  "), ": v", ": {with: [k1, k2]}"),
	} {
		s, err := Parse("x.yaml", []byte(in))
		if s != nil || diag.CodeOf(err) != diag.Usage {
			t.Errorf("%s: Parse = %v with exit code %d", name, s, diag.CodeOf(err))
		}
		if n := len(diag.Flatten(err)); n > maxFaults+1 {
			t.Errorf("%s: %d faults are reported", name, n)
		}
	}
}
