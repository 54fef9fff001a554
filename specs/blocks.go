package specs

import (
	"strings"
)

// width is the column at which folded text is wrapped.
const width = 80

// blockText returns a block scalar's mark and lines for n. The lines are nil when
// only quotes can hold the text: it begins with white space, ends with several
// line breaks, or has signs that YAML readers treat differently.
func blockText(n *node) (mark string, lines []string) {
	body, ended := strings.CutSuffix(n.text, "\n")
	if body == "" || strings.HasSuffix(body, "\n") || strings.ContainsAny(body[:1], " \t\n") {
		return "", nil
	}
	chomp := "-"
	if ended {
		chomp = ""
	}
	lines = strings.Split(body, "\n")
	empty := 0
	for _, line := range lines {
		if empty++; line != "" {
			empty = 0
		}
		if strings.HasPrefix(line, "\t") || strings.TrimRight(line, " \t") != line || badByte([]byte(line)) >= 0 || empty > maxEmptyRun/2 {
			return "", nil
		}
	}
	if n.style == folded && len(lines) == 1 && strings.Join(strings.Fields(body), " ") == body {
		return ">" + chomp, wrap(body)
	}
	return "|" + chomp, lines
}

// wrap breaks text at single spaces.
func wrap(text string) []string {
	var lines []string
	line := ""
	for word := range strings.SplitSeq(text, " ") {
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) > width:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}
