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
// equal. It begins with causes: faults, then layers, then documents. Digests that
// differ only because of what they name are counted, not listed, unless there is
// nothing else. Whatever comes from the images is made printable.
func (r Report) WriteText(w io.Writer) error {
	var out bytes.Buffer
	for _, f := range r.Faults {
		fmt.Fprintf(&out, "fault in %s: %s: %s\n", f.Side, printable(f.Where), printable(f.Problem))
	}
	for _, l := range r.Layers {
		l.writeText(&out)
	}
	following := 0
	for _, d := range r.Documents {
		following += d.writeText(&out, false)
	}
	if out.Len() == 0 {
		following = 0
		for _, d := range r.Documents {
			d.writeText(&out, true)
		}
	}
	if following > 0 {
		fmt.Fprintf(&out, "and %d digests and sizes in documents, which follow from these\n", following)
	}
	_, err := w.Write(out.Bytes())
	return err
}

// writeText writes d and returns how many fields it left out because they follow
// from other differences.
func (d Document) writeText(out *bytes.Buffer, all bool) (following int) {
	var fields []Field
	for _, f := range d.Fields {
		if !all && f.follows() {
			following++
		} else {
			fields = append(fields, f)
		}
	}
	if len(fields) == 0 && d.Bytes == nil {
		return following
	}
	fmt.Fprintf(out, "%s differs\n", printable(d.Where))
	for _, f := range fields {
		fmt.Fprintf(out, "  %s\n", fieldText(f))
	}
	writeMore(out, d.More)
	if d.Bytes != nil {
		out.WriteString("  same values in another spelling, or no JSON\n")
	}
	writeBytes(out, "  ", d.Bytes)
	return following
}

// follows reports whether f is about something that both sides have and that is
// compared by itself: a blob, by digest or size, or a layer, by diffID.
func (f Field) follows() bool {
	name := f.Path[strings.LastIndexByte(f.Path, '.')+1:]
	return f.A != "" && f.B != "" &&
		(name == "digest" || name == "size" || strings.HasPrefix(f.Path, "rootfs.diff_ids["))
}

func (l Layer) writeText(out *bytes.Buffer) {
	fmt.Fprintf(out, "%s: %s\n", printable(l.Where[0]), printable(l.Summary))
	if n := len(l.Where) - 1; n > 0 {
		fmt.Fprintf(out, "  and in %d other places, up to %s\n", n, printable(l.Where[n]))
	}
	l.A.writeText(out, "a")
	l.B.writeText(out, "b")
	for _, e := range l.Entries {
		for _, f := range e.Fields {
			fmt.Fprintf(out, "  %s: %s\n", printable(e.Path), fieldText(f))
		}
		writeBytes(out, "    ", e.Bytes)
	}
	writeMore(out, l.More)
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

func fieldText(f Field) string {
	switch {
	case f.B == "":
		return fmt.Sprintf("%s only in a: %s", printable(f.Path), printable(f.A))
	case f.A == "":
		return fmt.Sprintf("%s only in b: %s", printable(f.Path), printable(f.B))
	}
	return fmt.Sprintf("%s is %s in a, %s in b", printable(f.Path), printable(f.A), printable(f.B))
}

func writeMore(out *bytes.Buffer, n int) {
	if n > 0 {
		fmt.Fprintf(out, "  and %d more\n", n)
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
