package specs

import (
	"strings"
)

// attach hangs every comment of doc at an item, by the lines of the source:
// a comment at a line's end goes to the last item that begins there, one on a
// line of its own to the item below, or, when it is indented deeper than that
// item, to the end of the block above.
func attach(doc *document, source []byte) {
	lines := strings.Split(string(source), "\n")
	all := flatten(doc.root, nil, nil)
	next := 0 // the first item that begins below the comment
	for _, tk := range doc.comments {
		line := tk.Position.Line
		for next < len(all) && all[next].it.at.line <= line {
			all[next].it.head = gap(all[next].it.head, lines, all[next].it.at.line)
			next++
		}
		text := strings.TrimRight("#"+tk.Value, " \t")
		indent := strings.Index(lines[line-1], "#") + 1
		switch {
		case strings.TrimLeft(lines[line-1][:indent-1], " \t") != "" || next == len(all) && len(all) == 0:
			it := all[max(0, next-1)].it
			it.tail = strings.TrimLeft(it.tail+" "+text, " ")
		case next < len(all) && (next == 0 || all[next].it.at.col >= indent):
			it := all[next].it
			it.head = append(gap(it.head, lines, line), text)
		default:
			it := all[next-1].holder(indent)
			it.foot = append(gap(it.foot, lines, line), text)
		}
	}
	for ; next < len(all); next++ {
		all[next].it.head = gap(all[next].it.head, lines, all[next].it.at.line)
	}
}

// gap appends an empty line when the source has one above the given line.
func gap(list []string, lines []string, line int) []string {
	if line >= 2 && strings.TrimSpace(lines[line-2]) == "" {
		return append(list, "")
	}
	return list
}

// placed is an item and the one around it.
type placed struct {
	it *item
	up *placed
}

// holder returns the innermost of p and the items around it that begins at
// column indent or before.
func (p *placed) holder(indent int) *item {
	for p.up != nil && p.it.at.col > indent {
		p = p.up
	}
	return p.it
}

// flatten lists the items that get lines of their own, in the file's order.
func flatten(n *node, up *placed, list []*placed) []*placed {
	if n.inline() {
		return list
	}
	for i := range n.items {
		p := &placed{&n.items[i], up}
		list = flatten(n.items[i].value, p, append(list, p))
	}
	return list
}

// inline reports whether n is written on one line: a scalar, an empty
// collection, or one in brackets whose parts all begin on its line.
func (n *node) inline() bool {
	if n.kind == scalar || n.kind == null || len(n.items) == 0 {
		return true
	}
	return n.flow && n.within(n.at.line)
}

func (n *node) within(line int) bool {
	for _, it := range n.items {
		if it.at.line != line || it.value.at.line != line || !it.value.within(line) {
			return false
		}
	}
	return n.at.line == line
}
