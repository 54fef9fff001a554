package resolve

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/basal-project/basal/builder/debian"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

// Fault is one thing that keeps a spec from being resolved on one platform. The
// same fault on several platforms has the same Text.
type Fault struct {
	Platform specs.Platform
	Package  string // the package of the spec that it is about
	Text     string // what is wrong, without the platform
	Hint     string // what to do, if that is one line
	Add      string // for an unmet dependency: the package that would meet it, "" if there is none
	Waive    string // for an unmet dependency: the name to waive
}

func (n need) fault(p specs.Platform, add *candidate) Fault {
	verb := "depends on"
	if n.pre {
		verb = "pre-depends on"
	}
	f := Fault{Platform: p, Package: n.by.Name, Waive: n.group[0].Name}
	f.Text = fmt.Sprintf("%s %s %s", n.by.Name, verb, n.group)
	if add != nil {
		f.Add = add.Name
	} else {
		f.Text += ", which the archive does not have"
	}
	return f
}

// notFound explains that a name is in no index, with the nearest that is.
func (s *selection) notFound(name string) (Fault, error) {
	var suites []string
	for _, ix := range s.indexes {
		suites = append(suites, ix.label())
	}
	f := Fault{Package: name, Text: fmt.Sprintf("package %q is not in %s", name, strings.Join(suites, ", "))}
	if len(suites) == 0 {
		f.Text = fmt.Sprintf("package %q: the spec names no archives", name)
	}
	if p := s.providers[name]; len(p) > 0 {
		f.Hint = fmt.Sprintf("it is a name that others provide: %s", strings.Join(p[:min(len(p), 8)], ", "))
		return f, nil
	}
	near, err := s.nearest(name)
	if near != "" {
		f.Hint = fmt.Sprintf("did you mean %q?", near)
	}
	return f, err
}

// nearest returns the name in the indexes that is spelled most like name, ""
// when none is near.
func (u *universe) nearest(name string) (string, error) {
	best, limit := "", max(1, len(name)/3)+1
	for i := range u.indexes {
		r, err := u.indexes[i].Open()
		if err != nil {
			return "", err
		}
		look := func(other, _ []byte) bool {
			if d := len(other) - len(name); d >= limit || -d >= limit {
				return false
			}
			d := levenshtein.ComputeDistance(name, string(other))
			if d == 0 { // there, but for another architecture
				return false
			}
			if d < limit || d == limit && best != "" && string(other) < best {
				best, limit = string(other), d
			}
			return false
		}
		for _, err = range debian.Records(r, look) {
		}
		r.Close()
		if err != nil {
			return "", err
		}
	}
	return best, nil
}

// Report makes one error of the faults of all results, nil if there are none.
// file is the spec's name. What several platforms share is said once; unmet
// dependencies come together, with the lines to paste.
func Report(file string, results ...*Result) error {
	var errs []error
	var unmet []merged
	for _, m := range merge(results) {
		if m.Waive != "" {
			unmet = append(unmet, m)
			continue
		}
		errs = append(errs, &diag.Error{File: file, Code: diag.Usage, Msg: m.Text + m.platforms(results), Hint: m.Hint})
	}
	if len(unmet) > 0 {
		errs = append(errs, &diag.Error{File: file, Code: diag.Usage, Msg: unmetText(unmet, results), Hint: paste(unmet)})
	}
	return errors.Join(errs...)
}

// merged is a fault with all platforms that have it.
type merged struct {
	Fault
	on []specs.Platform
}

func merge(results []*Result) []merged {
	var all []merged
	for _, res := range results {
		for _, f := range res.Faults {
			i := slices.IndexFunc(all, func(m merged) bool { return m.Package == f.Package && m.Text == f.Text })
			if i < 0 {
				i = len(all)
				all = append(all, merged{Fault: f})
			}
			if !slices.Contains(all[i].on, res.Platform) {
				all[i].on = append(all[i].on, res.Platform)
			}
		}
	}
	return all
}

// platforms names where the fault is, unless that is everywhere.
func (m merged) platforms(results []*Result) string {
	everywhere := map[specs.Platform]bool{}
	for _, res := range results {
		everywhere[res.Platform] = true
	}
	if len(everywhere) > 1 && len(m.on) == len(everywhere) {
		return " on any platform"
	}
	var names []string
	for _, p := range m.on {
		names = append(names, p.String())
	}
	return " for " + strings.Join(names, ", ")
}

func unmetText(unmet []merged, results []*Result) string {
	var b strings.Builder
	b.WriteString("unmet dependencies")
	for _, m := range unmet {
		where := m.platforms(results)
		if where == " on any platform" {
			where = ""
		}
		fmt.Fprintf(&b, "\n  %s%s", m.Text, where)
	}
	return b.String()
}

// paste returns the YAML that would meet all needs, or waive them.
func paste(unmet []merged) string {
	var add []string
	var b strings.Builder
	for _, m := range unmet {
		if m.Add != "" && !slices.Contains(add, m.Add) {
			add = append(add, m.Add)
		}
	}
	if len(add) > 0 {
		slices.Sort(add)
		fmt.Fprintf(&b, "add what the image needs (--add-missing adds what these need, too):\n  packages: [%s]\nand ", strings.Join(add, ", "))
	}
	b.WriteString("waive what it can do without:\n  waive:")
	var lines []string
	for _, m := range unmet {
		if line := fmt.Sprintf("\n    - {package: %s, depends: %s, because: …}", m.Package, m.Waive); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	b.WriteString(strings.Join(lines, ""))
	return b.String()
}

// Unused returns an error for each waiver of a dependency that no platform
// needs although one has its package: it would hide a fault of tomorrow. Give
// it the results of all platforms and variants, since one of them may need a
// waiver that the others do not.
func Unused(file string, results ...*Result) error {
	var used, unused []specs.Waiver
	for _, res := range results {
		used = append(used, res.waived...)
		unused = append(unused, res.unused...)
	}
	var errs []error
	for i, w := range unused {
		if slices.Contains(used, w) || slices.Contains(unused[:i], w) {
			continue
		}
		errs = append(errs, &diag.Error{File: file, Code: diag.Usage,
			Msg:  fmt.Sprintf("the waiver of %s for package %q waives nothing: the package has no such unmet dependency", w.Depends, w.Package),
			Hint: "remove it"})
	}
	return errors.Join(errs...)
}
