package ci

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// A policy is the parsed imports.txt; see there for what each rule means.
type policy struct {
	floors [][]string // trees, lowest floor first
	apart  [][2]string
	rigs   []string
	pure   []string
	bans   []string // imports and functions that pure packages go without
	only   []rule   // what is used in named packages and nowhere else
	uses   []rule   // third-party packages and who may import them
}

// A rule lets the packages in its list use what it names, for a reason.
type rule struct {
	names, in []string
	reason    string
}

// parsePolicy reads the text of a policy. A line that begins with white space
// continues the line above it.
func parsePolicy(text string) (*policy, error) {
	var lines []string
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "":
		case line[0] == ' ' && len(lines) > 0:
			lines[len(lines)-1] += " " + strings.TrimSpace(line)
		default:
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	p := new(policy)
	for _, line := range lines {
		if err := p.statement(line); err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
	}
	return p, nil
}

func (p *policy) statement(line string) error {
	verb, rest, _ := strings.Cut(line, " ")
	words := strings.Fields(rest)
	switch verb {
	case "floor":
		p.floors = append(p.floors, words)
	case "apart":
		if len(words) != 2 {
			return fmt.Errorf("got %d trees, want 2", len(words))
		}
		p.apart = append(p.apart, [2]string(words))
	case "rig":
		p.rigs = append(p.rigs, words...)
	case "pure":
		p.pure = append(p.pure, words...)
	case "ban":
		p.bans = append(p.bans, words...)
	case "only", "use":
		r, err := parseRule(rest)
		if err != nil {
			return err
		}
		if verb == "only" {
			p.only = append(p.only, r)
		} else {
			p.uses = append(p.uses, r)
		}
	default:
		return fmt.Errorf("unknown verb, want floor, apart, rig, pure, ban, only or use")
	}
	return nil
}

// parseRule reads "NAME… in PACKAGE…: reason".
func parseRule(s string) (rule, error) {
	lists, reason, ok := strings.Cut(s, ": ")
	names, in, ok2 := strings.Cut(lists, " in ")
	if !ok || !ok2 || strings.TrimSpace(reason) == "" {
		return rule{}, fmt.Errorf("want NAME… in PACKAGE…: reason")
	}
	return rule{strings.Fields(names), strings.Fields(in), reason}, nil
}

// A unit is one package of this module as far as the policy looks at it. All
// imports are full paths, those of this module relative to it.
type unit struct {
	path        string   // relative to the module, e.g. builder/layer
	imports     []string // of the package itself
	testImports []string // of its tests
	funcs       []string // functions of other packages that it names, e.g. time.Now
}

// check returns a sentence for each thing in units that breaks p.
func (p *policy) check(units []unit) []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	ours := make(map[string]bool)
	for _, u := range units {
		ours[u.path] = true
	}
	for _, u := range units {
		for _, imp := range u.imports {
			if ours[imp] {
				p.checkOwn(u.path, imp, fault)
			}
		}
		for _, imp := range slices.Concat(u.imports, u.testImports) {
			if first, _, _ := strings.Cut(imp, "/"); strings.Contains(first, ".") && !allowed(p.uses, imp, u.path) {
				fault("%s imports %s: no use line allows it", u.path, imp)
			}
		}
		if p.floorOf(u.path) < 0 {
			fault("%s stands on no floor", u.path)
		}
		if !matchAny(p.rigs, u.path) {
			p.checkBans(u, fault)
		}
	}
	p.checkStale(units, fault)
	return faults
}

// checkOwn judges an import of one package of this module by another.
func (p *policy) checkOwn(from, to string, fault func(string, ...any)) {
	if tree(from) != tree(to) && p.floorOf(from) <= p.floorOf(to) {
		fault("%s imports %s: want a package of its own tree or of a lower floor", from, to)
	}
	for _, a := range p.apart {
		if t := [2]string{tree(from), tree(to)}; t == a || t == [2]string{a[1], a[0]} {
			fault("%s imports %s: %s and %s stay apart", from, to, a[0], a[1])
		}
	}
	if matchAny(p.rigs, to) && !matchAny(p.rigs, from) {
		fault("%s imports %s: only tests import a rig", from, to)
	}
}

// checkBans judges what u takes from packages that are not ours.
func (p *policy) checkBans(u unit, fault func(string, ...any)) {
	for _, name := range slices.Concat(u.imports, u.funcs) {
		if matchAny(p.pure, u.path) && matchAny(p.bans, name) {
			fault("%s uses %s: it is pure", u.path, name)
		}
		for _, r := range p.only {
			if matchAny(r.names, name) && !matchAny(r.in, u.path) {
				fault("%s uses %s: want it only in %s: %s", u.path, name, strings.Join(r.in, ", "), r.reason)
			}
		}
	}
}

// checkStale finds permissions that nothing needs: an allow-list that is longer
// than its use lets the next import in unseen.
func (p *policy) checkStale(units []unit, fault func(string, ...any)) {
	for _, r := range p.uses {
		for _, in := range r.in {
			if !slices.ContainsFunc(units, func(u unit) bool {
				return match(in, u.path) && slices.ContainsFunc(slices.Concat(u.imports, u.testImports), func(imp string) bool {
					return matchAny(r.names, imp)
				})
			}) {
				fault("%s does not import %s: drop it from the use line", in, strings.Join(r.names, ", "))
			}
		}
	}
}

func (p *policy) floorOf(pkg string) int {
	return slices.IndexFunc(p.floors, func(trees []string) bool { return slices.Contains(trees, tree(pkg)) })
}

func tree(pkg string) string {
	first, _, _ := strings.Cut(pkg, "/")
	return first
}

func allowed(rules []rule, name, pkg string) bool {
	return slices.ContainsFunc(rules, func(r rule) bool { return matchAny(r.names, name) && matchAny(r.in, pkg) })
}

func matchAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return match(pattern, name) })
}

// match knows Go's x/... (x and everything below it) and path.Match's stars.
func match(pattern, name string) bool {
	if below, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == below || strings.HasPrefix(name, below+"/")
	}
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}
