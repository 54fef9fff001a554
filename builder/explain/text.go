package explain

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// WriteText writes the report for a person to read; nothing when the images are
// equal. Whatever comes from the images is printable.
func (r Report) WriteText(w io.Writer) error {
	var out bytes.Buffer
	for _, f := range r.Faults {
		fmt.Fprintf(&out, "fault in %s: %s: %s\n", f.Side, printable(f.Where), printable(f.Problem))
	}
	for _, d := range r.Documents {
		fmt.Fprintf(&out, "%s differs\n", printable(d.Where))
		writeFields(&out, "  ", d.Fields)
		writeMore(&out, d.More, "field")
		if d.Bytes != nil && len(d.Fields) == 0 {
			out.WriteString("  same values in another spelling, or no JSON\n")
		}
		writeBytes(&out, "  ", d.Bytes)
	}
	for _, l := range r.Layers {
		l.writeText(&out)
	}
	_, err := w.Write(out.Bytes())
	return err
}

func (l Layer) writeText(out *bytes.Buffer) {
	fmt.Fprintf(out, "%s: %s\n", printable(l.Where[0]), printable(l.Summary))
	for _, where := range l.Where[1:] {
		fmt.Fprintf(out, "  also %s\n", printable(where))
	}
	l.A.writeText(out, "a")
	l.B.writeText(out, "b")
	for _, e := range l.Entries {
		for _, f := range e.Fields {
			fmt.Fprintf(out, "  %s: %s\n", printable(e.Path), fieldText(f))
		}
		writeBytes(out, "    ", e.Bytes)
	}
	writeMore(out, l.More, "entry")
	writeBytes(out, "  in the tar: ", l.Tar)
	writeBytes(out, "  in the compressed layer: ", l.Blob)
}

func (id *LayerID) writeText(out *bytes.Buffer, side string) {
	if id == nil {
		return
	}
	fmt.Fprintf(out, "  %s: %s, %d bytes", side, id.Digest, id.Size)
	if id.DiffID != "" {
		fmt.Fprintf(out, ", diffID %s", id.DiffID)
	}
	out.WriteByte('\n')
}

func writeFields(out *bytes.Buffer, indent string, fields []Field) {
	for _, f := range fields {
		fmt.Fprintf(out, "%s%s\n", indent, fieldText(f))
	}
}

func fieldText(f Field) string {
	switch {
	case f.B == "":
		return fmt.Sprintf("%s only in a: %s", printable(f.Path), printable(f.A))
	case f.A == "":
		return fmt.Sprintf("%s only in b: %s", printable(f.Path), printable(f.B))
	}
	return fmt.Sprintf("%s is %s in a, %s in b", printable(f.Path), printable(f.A), printable(f.B))
}

func writeMore(out *bytes.Buffer, n int, noun string) {
	if n > 0 {
		fmt.Fprintf(out, "  and %d more (each differing %s counts as one)\n", n, noun)
	}
}

func writeBytes(out *bytes.Buffer, indent string, b *Bytes) {
	if b == nil {
		return
	}
	fmt.Fprintf(out, "%sfirst differing byte: %d\n", indent, b.Offset)
	pad := strings.Repeat(" ", len(indent)-len(strings.TrimLeft(indent, " "))+2)
	for _, s := range []struct{ name, shown string }{{"a", b.A}, {"b", b.B}} {
		raw, err := hex.DecodeString(s.shown)
		if err != nil {
			raw = []byte("not hexadecimal")
		}
		fmt.Fprintf(out, "%s%s from %d: %-71s |%s|\n", pad, s.name, b.Start, fmt.Sprintf("% x", raw), ascii(raw))
	}
}

func ascii(b []byte) string {
	out := []byte(strings.Repeat(".", len(b)))
	for i, c := range b {
		if ' ' <= c && c <= '~' {
			out[i] = c
		}
	}
	return string(out)
}

// printable returns s as it is when a terminal shows it so, and quoted otherwise.
func printable(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}
