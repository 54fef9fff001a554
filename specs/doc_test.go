package specs

import (
	"strings"
	"testing"
)

// TestExample holds the example of the package comment.
func TestExample(t *testing.T) {
	_, text, _ := strings.Cut(string(readFile(t, "doc.go")), "//\tversion: 1\n")
	text, _, _ = strings.Cut(text, "//\n")
	text = "version: 1\n" + strings.ReplaceAll(text, "//\t", "")
	if strings.Count(text, "\n") < 20 {
		t.Fatalf("the example is not found:\n%s", text)
	}
	out, err := Format("doc.go", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if string(out) != text {
		t.Errorf("the example is not in the canonical layout:\n%s", out)
	}
}
