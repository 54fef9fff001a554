// Package starter writes a first image.yaml for somebody who has none: every
// section of the language stands in it with a line of explanation, and what is
// not used yet is commented out.
package starter

import (
	"fmt"
	"slices"
	"strings"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

// Options says what the spec begins with. Exactly one of Extends and From is set.
type Options struct {
	Name      string
	Platforms []specs.Platform
	Extends   string // as the spec writes it
	From      string
	Programs  []Program
}

// Program is an entry of go with a word on where it is from.
type Program struct {
	specs.Program
	Comment string // one line; "" for none
}

// nonroot is the user whom the embedded image static has for programs that need
// no rights.
const nonroot = "65532"

// Spec returns an image.yaml in its usual layout. A comment of it with one space
// after the # explains. Others are examples: without the # they are part of the
// spec. file is the name for errors, which are those of specs.Parse.
func Spec(file string, opt Options) ([]byte, error) {
	return specs.Format(file, []byte(text(opt)))
}

// Uncomment makes all examples part of the spec.
func Uncomment(spec []byte) []byte {
	var out strings.Builder
	for line := range strings.Lines(string(spec)) {
		body := strings.TrimLeft(line, " ")
		if rest, ok := strings.CutPrefix(body, "#"); ok && (!strings.HasPrefix(rest, " ") || strings.HasPrefix(rest, "  ")) {
			line = line[:len(line)-len(body)] + rest
		}
		out.WriteString(line)
	}
	return []byte(out.String())
}

func text(opt Options) string {
	var b strings.Builder
	b.WriteString(head)
	fmt.Fprintf(&b, "version: 1\nname: %s\n#summary: one line about it, for people\n\n", quote(opt.Name))
	b.WriteString("# Everything is built for all of these; basal build --platform narrows it.\n")
	var platforms []string
	for _, p := range opt.Platforms {
		platforms = append(platforms, p.String())
	}
	fmt.Fprintf(&b, "platforms: %s\n\n", list(platforms))
	below(&b, opt)
	b.WriteString(contents)
	programs(&b, opt.Programs)
	b.WriteString(layers)
	config(&b, opt)
	b.WriteString(variants)
	return b.String()
}

// below says what the image stands on.
func below(b *strings.Builder, opt Options) {
	if opt.From != "" {
		fmt.Fprintf(b, "# What it stands on: a published image, which basal lock pins by digest. Instead of\n"+
			"# it, extends names an image that is built into basal, or the folder of another spec.\n"+
			"from: %s\n\n", quote(opt.From))
		return
	}
	fmt.Fprintf(b, "# What it stands on: an image that is built into basal (basal list shows them), or the\n"+
		"# folder of another spec, as in ../base. Instead of it, from names a published image,\n"+
		"# as in registry.example/team/base:1; basal lock pins that by digest.\n"+
		"extends: %s\n\n", quote(opt.Extends))
}

func programs(b *strings.Builder, list []Program) {
	b.WriteString("# Go programs, compiled from source without cgo: a folder beside this file, or an\n" +
		"# import path with @version. Each becomes a layer of its own.\n")
	if len(list) == 0 {
		b.WriteString("#go:\n#  - {package: ./cmd/server, path: /usr/bin/server, ldflags: [-s, -w], tags: [netgo]}\n\n")
		return
	}
	b.WriteString("go:\n")
	for _, p := range list {
		if words := strings.Fields(p.Comment); len(words) > 0 { // on one line
			fmt.Fprintf(b, "  # %s\n", diag.Printable(strings.Join(words, " ")))
		}
		fmt.Fprintf(b, "  - package: %s\n    path: %s\n", quote(p.Package), quote(p.Path))
		for _, l := range []struct {
			key  string
			list []string
		}{{"ldflags", p.Ldflags}, {"tags", p.Tags}} {
			if len(l.list) > 0 {
				fmt.Fprintf(b, "    %s: %s\n", l.key, quotes(l.list))
			}
		}
	}
	b.WriteString("\n")
}

// config writes the section with its examples at the level of its keys. A section
// that nothing is set in is an example as a whole.
func config(b *strings.Builder, opt Options) {
	user, entrypoint := `#user: "`+nonroot+`"`, "#entrypoint: [/usr/bin/server]"
	used := false
	if opt.Extends == "static" {
		user, used = `user: "`+nonroot+`" # nonroot of static`, true
	}
	if len(opt.Programs) == 1 {
		entrypoint, used = "entrypoint: "+quotes([]string{opt.Programs[0].Path}), true
	}
	b.WriteString("# What a container does by default. What is not set here is as below.\n")
	section := "config:\n"
	for line := range strings.Lines(user + "\n" + entrypoint + "\n" + settings) {
		section += "  " + line
	}
	if !used {
		section = "#" + strings.ReplaceAll(strings.ReplaceAll(section, "  #", "  "), "\n  ", "\n#  ")
	}
	b.WriteString(section + "\n")
}

func list(words []string) string { return "[" + strings.Join(words, ", ") + "]" }

func quotes(words []string) string {
	var out []string
	for _, w := range words {
		out = append(out, quote(w))
	}
	return list(out)
}

// quote writes text as YAML: plain where no reader takes that for anything else,
// and between double quotes. Of control characters, which no value may have, it
// leaves something that is refused.
func quote(s string) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	first := strings.TrimLeft(s, "./-")
	words := []string{"true", "false", "yes", "no", "on", "off", "null", "y", "n", "inf", "nan"}
	if first != "" && strings.Contains(letters, first[:1]) && strings.Trim(s, letters+"0123456789./@:=_+-") == "" &&
		!strings.HasSuffix(s, ":") && !slices.Contains(words, strings.ToLower(first)) {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`).Replace(s) + `"`
}
