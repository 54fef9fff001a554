package inspect

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// maxColumns bounds the platforms whose sizes stand beside each other.
const maxColumns = 8

// layers prints the layers: in one table when the platforms differ in bytes only,
// and else in one for each.
func (r *Report) layers(out *bytes.Buffer) {
	if n := len(r.Platforms); n > 1 && n <= maxColumns && r.alike() {
		r.compact(out)
		return
	}
	for _, p := range r.Platforms {
		p.layers(out)
	}
}

// alike reports whether all platforms' layers were made by the same and are from
// the same bases.
func (r *Report) alike() bool {
	first := r.Platforms[0]
	for _, p := range r.Platforms {
		if p.Artifact != "" || len(p.Layers) != len(first.Layers) {
			return false
		}
		for i, l := range p.Layers {
			if l.MadeBy != first.Layers[i].MadeBy || l.Base != first.Layers[i].Base {
				return false
			}
		}
	}
	return true
}

// compact prints one table, with the sizes of each platform.
func (r *Report) compact(out *bytes.Buffer) {
	fmt.Fprint(out, "\nlayers, lowest first, and their sizes (--platform shows digests)\n")
	first := r.Platforms[0]
	based := first.based()
	t := table(out)
	fmt.Fprint(t, "  #\t")
	for _, p := range r.Platforms {
		fmt.Fprintf(t, "%s\t", strings.TrimPrefix(p.name(), "linux/"))
	}
	head(t, based)
	for i, l := range first.Layers {
		fmt.Fprintf(t, "  %d\t", i+1)
		for _, p := range r.Platforms {
			fmt.Fprintf(t, "%s\t", bytesText(p.Layers[i].Size))
		}
		first.origin(t, l, based)
	}
	t.Flush()
}

// layers prints the layers of one platform.
func (p Platform) layers(out *bytes.Buffer) {
	if len(p.Layers) == 0 {
		return
	}
	fmt.Fprintf(out, "\nlayers of %s, lowest first\n", p.name())
	based := p.based()
	t := table(out)
	fmt.Fprint(t, "  #\tSIZE\tDIGEST\t")
	head(t, based)
	for i, l := range p.Layers {
		fmt.Fprintf(t, "  %d\t%s\t%s\t", i+1, bytesText(l.Size), short(l.Digest))
		p.origin(t, l, based)
	}
	t.Flush()
}

// based reports whether any layer is known to be from a base.
func (p Platform) based() bool { return len(p.Layers) > 0 && !p.Layers[0].Base.IsZero() }

func head(w io.Writer, based bool) {
	if based {
		fmt.Fprint(w, "BASE\t")
	}
	fmt.Fprint(w, "MADE BY\n")
}

// origin ends a line with the base that l is from and with what made it.
func (p Platform) origin(w io.Writer, l Layer, based bool) {
	if based {
		base := "-"
		for _, b := range p.Bases {
			if b.Digest == l.Base && !b.Digest.IsZero() {
				base = b.short()
			}
		}
		fmt.Fprintf(w, "%s\t", base)
	}
	made := l.MadeBy
	if made == "" {
		made = "(the history does not say)"
	}
	fmt.Fprintf(w, "%s\n", show(made, maxMadeBy+1))
}
