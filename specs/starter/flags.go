package starter

import (
	"slices"
	"strings"
)

// ldflags keeps the flags that mean the same on every machine. ko fills in
// templates, joins the flags with spaces, and leaves the rest to the go command,
// which takes quotes around a word away.
func (c carrier) ldflags(list []string) []string {
	var out []string
	flags := split(strings.Join(list, " "))
	for i := 0; i < len(flags); i++ {
		f := flags[i]
		if f == "-X" && i+1 < len(flags) {
			i++
			f = "-X=" + flags[i]
		}
		switch why := unfit(f); {
		case why != "":
			c.left("build %s: ldflag %s is not carried over: %s", c.id, f, why)
		case !slices.Contains(out, f):
			out = append(out, f)
		}
	}
	return out
}

// unfit says why a flag cannot stand in a spec, "" when it can.
func unfit(f string) string {
	rest, set := strings.CutPrefix(f, "-X=")
	name, _, ok := strings.Cut(rest, "=")
	switch {
	case strings.Contains(f, "{{"):
		return "it is a template, and what a spec says is the same every time"
	case f == "-s" || f == "-w":
		return ""
	case !set:
		return "only -s, -w and -X are"
	case !ok || !strings.Contains(name, "."):
		return "want -X=PACKAGE.NAME=VALUE"
	case strings.HasPrefix(name, "runtime.") || strings.HasPrefix(name, "runtime/") || strings.HasPrefix(name, "internal/"):
		return "a spec sets no variables of Go's runtime"
	case strings.ContainsAny(f, `'"\`) || strings.ContainsAny(name, " "):
		return "a spec has no quotes in flags"
	}
	return ""
}

// tags returns the build tags among flags.
func (c carrier) tags(flags []string) []string {
	var out []string
	flags = split(strings.Join(flags, " "))
	for i := 0; i < len(flags); i++ {
		f := strings.Replace(flags[i], "--", "-", 1)
		value, ok := strings.CutPrefix(f, "-tags=")
		if f == "-tags" && i+1 < len(flags) {
			i++
			value, ok = flags[i], true
		}
		if !ok {
			// These two Basal always gives.
			if f != "-trimpath" && f != "-buildvcs=false" {
				c.left("build %s: flag %s is not carried over", c.id, flags[i])
			}
			continue
		}
		for _, tag := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' }) {
			switch {
			case strings.ContainsFunc(tag, func(r rune) bool { return !strings.ContainsRune(tagCharacters, r) }):
				c.left("build %s: tag %s is not carried over", c.id, tag)
			case !slices.Contains(out, tag):
				out = append(out, tag)
			}
		}
	}
	return out
}

const tagCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_."

// split takes flags apart at white space. Within quotes around a word, and within
// a template, it is part of the word.
func split(s string) []string {
	var out []string
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		end := ""
		if s[0] == '"' || s[0] == '\'' {
			end = s[:1]
		}
		var b strings.Builder
		for s = s[len(end):]; s != ""; {
			if inner, ok := strings.CutPrefix(s, "{{"); ok {
				i := strings.Index(inner, "}}") + 4
				if i < 4 {
					i = len(s) // it does not end
				}
				b.WriteString(s[:i])
				s = s[i:]
				continue
			}
			c := s[:1]
			s = s[1:]
			if c == end || end == "" && strings.Contains(" \t\r\n", c) {
				break
			}
			b.WriteString(c)
		}
		out = append(out, b.String())
	}
	return out
}
