package inspect

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/basal-project/basal/internal/canonjson"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// maxField bounds what one field of a document puts on the screen, in characters.
const maxField = 200

// WriteText writes the report for a person to read. Whatever comes from documents
// is made printable, kept on one line and shortened.
func (r *Report) WriteText(w io.Writer) error {
	var out bytes.Buffer
	name := r.Name
	if r.Tag != "" {
		name += ":" + r.Tag
	}
	fmt.Fprintf(&out, "%s\n", show(name, maxField))
	fields(&out, []field{{"digest", r.Digest.String()}, {"media type", r.MediaType}})
	r.platforms(&out)
	r.layers(&out)
	r.shared(&out, "config", func(p Platform) []field { return p.Config.fields() })
	r.annotations(&out)
	r.shared(&out, "base chain", func(p Platform) []field { return p.chain() })
	r.rest(&out)
	_, err := w.Write(out.Bytes())
	return err
}

func (r *Report) platforms(out *bytes.Buffer) {
	t := table(out)
	fmt.Fprintf(t, "\nPLATFORM\tMANIFEST\tSIZE\tLAYERS\tCREATED\n")
	for _, p := range r.Platforms {
		created := p.Created
		if p.Artifact != "" {
			created = "no image, but " + p.Artifact
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\n", p.name(), short(p.Digest), bytesText(p.Size), len(p.Layers), show(created, 60))
	}
	t.Flush()
	for _, p := range r.Platforms {
		for _, n := range p.Notes {
			fmt.Fprintf(out, "note: %s: %s\n", p.name(), show(n, maxField))
		}
	}
}

// annotations are printed once when the manifests have those of the index.
func (r *Report) annotations(out *bytes.Buffer) {
	section(out, "annotations", sorted(r.Annotations))
	for _, p := range r.Platforms {
		if p.Digest != r.Digest && !maps.Equal(p.Annotations, r.Annotations) {
			own := sorted(p.Annotations)
			if len(own) == 0 {
				own = []field{{"", "none"}}
			}
			section(out, "annotations of "+p.name(), own)
		}
	}
}

// rest is what else an index has, and the evidence.
func (r *Report) rest(out *bytes.Buffer) {
	var list []field
	for _, o := range r.Others {
		list = append(list, field{o.Kind, short(o.Digest) + "  " + o.MediaType})
	}
	section(out, "also in the index", list)
	list = nil
	for _, e := range r.Evidence {
		kind := e.Type
		if kind == "" {
			kind = "of no type"
		}
		list = append(list, field{e.On, fmt.Sprintf("%d × %s", e.Count, kind)})
	}
	if r.EvidenceFault != "" {
		list = append(list, field{"", "could not be asked for: " + r.EvidenceFault})
	} else if len(list) == 0 {
		list = []field{{"", "no referrers"}}
	}
	section(out, "evidence, as it is listed; nothing of it was verified", list)
}

// shared prints a section once if it is the same for all platforms, and else one
// for each.
func (r *Report) shared(out *bytes.Buffer, title string, of func(Platform) []field) {
	var images []Platform
	for _, p := range r.Platforms {
		if p.Artifact == "" {
			images = append(images, p)
		}
	}
	if len(images) == 0 {
		return
	}
	first := of(images[0])
	if !slices.ContainsFunc(images, func(p Platform) bool { return !reflect.DeepEqual(of(p), first) }) {
		section(out, title, first)
		return
	}
	for _, p := range images {
		section(out, title+" of "+p.name(), of(p))
	}
}

func (c *Config) fields() []field {
	var list []field
	add := func(name string, values ...string) {
		for _, v := range values {
			if v != "" {
				list = append(list, field{name, v})
				name = "" // said once
			}
		}
	}
	add("user", c.User)
	add("workdir", c.Workdir)
	add("entrypoint", command(c.Entrypoint))
	add("cmd", command(c.Cmd))
	add("env", c.Env...)
	add("ports", strings.Join(c.Ports, " "))
	add("volumes", strings.Join(c.Volumes, " "))
	add("stop signal", c.StopSignal)
	for _, l := range sorted(c.Labels) {
		add("label", l.name+"="+l.value)
	}
	if len(list) == 0 {
		add("", "empty")
	}
	return list
}

// command writes a command as the JSON list that it is in a Dockerfile: where one
// word ends and the next begins is part of it.
func command(words []string) string {
	if len(words) == 0 {
		return ""
	}
	b, err := canonjson.Marshal(words)
	if err != nil {
		return ""
	}
	return strings.ReplaceAll(string(b), `","`, `", "`)
}

// chain says in words what p stands on, nearest first.
func (p Platform) chain() []field {
	var list []field
	for _, b := range p.Bases {
		name := b.Name
		if !b.Digest.IsZero() {
			name += "@" + short(b.Digest)
		}
		var what string
		switch {
		case b.Fault != "":
			what = "not looked at: " + b.Fault
		case b.Prefix && b.Layers == 1:
			what = "its layer is the first one"
		case b.Prefix:
			what = fmt.Sprintf("its %d layers are the first ones", b.Layers)
		default:
			what = fmt.Sprintf("its %d layers are not the first ones: the image does not begin with it", b.Layers)
		}
		list = append(list, field{name, what})
	}
	if n := len(p.Bases); n > 0 && p.Bases[n-1].Fault != "" {
		return append(list, field{"unknown", "the chain could not be followed further"})
	}
	return append(list, field{"scratch", "(says nothing of a base)"})
}

// field is a name and a value.
type field struct{ name, value string }

func sorted(m map[string]string) []field {
	var list []field
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, field{k, m[k]})
	}
	return list
}

// section prints fields below a title; nothing when there are none.
func section(out *bytes.Buffer, title string, list []field) {
	if len(list) > 0 {
		fmt.Fprintf(out, "\n%s\n", title)
		fields(out, list)
	}
}

func fields(out *bytes.Buffer, list []field) {
	t := table(out)
	named := slices.ContainsFunc(list, func(f field) bool { return f.name != "" })
	for _, f := range list {
		if named {
			fmt.Fprintf(t, "  %s\t", show(f.name, 100))
		} else {
			fmt.Fprint(t, "  ")
		}
		fmt.Fprintf(t, "%s\n", show(f.value, maxField))
	}
	t.Flush()
}

func table(out *bytes.Buffer) *tabwriter.Writer { return tabwriter.NewWriter(out, 0, 0, 2, ' ', 0) }

// name returns the platform for a person.
func (p Platform) name() string {
	if p.Platform == "" {
		return "no platform"
	}
	return show(p.Platform, 40)
}

// show makes text of a document fit for a line of a terminal.
func show(s string, most int) string {
	s = cut(s, most) // before it grows by what is escaped
	return diag.Printable(strings.ReplaceAll(s, "\n", `\n`))
}

func short(d digest.Digest) string { return "sha256:" + d.Hex()[:12] }

// bytesText writes a number of bytes for a person.
func bytesText(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	units := []string{"kB", "MB", "GB", "TB", "PB", "EB"}
	size := float64(n) / 1000
	for size >= 999.95 && len(units) > 1 {
		size, units = size/1000, units[1:]
	}
	return fmt.Sprintf("%.1f %s", size, units[0])
}
