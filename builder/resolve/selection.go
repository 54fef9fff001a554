package resolve

import (
	"cmp"
	"slices"

	"github.com/basal-project/basal/builder/debian"
	"github.com/basal-project/basal/specs"
)

// selection is a set of packages that grows.
type selection struct {
	*universe
	own []*candidate // selected by the request, in its order
	all []*candidate // these, and those that are present
}

func newSelection(req Request) *selection {
	return &selection{universe: newUniverse(req.Platform.Debian(), req.Indexes)}
}

func (s *selection) add(c *candidate) {
	s.own = append(s.own, c)
	s.all = append(s.all, c)
}

func (s *selection) met(g debian.Group) bool {
	return slices.ContainsFunc(g, func(r debian.Relation) bool {
		return slices.ContainsFunc(s.all, func(c *candidate) bool { return c.meets(r, s.arch) })
	})
}

// need is a dependency that nothing selected meets.
type need struct {
	by *candidate
	dependency
}

// unmet returns the needs of the selected packages that are not waived, and
// notes in res which waivers were needed. What they could be met by is loaded.
func (s *selection) unmet(waive []specs.Waiver, res *Result) ([]need, error) {
	var needs []need
	var names []string
	used := make([]bool, len(waive))
	for _, c := range s.own {
		for _, d := range c.depends {
			if s.met(d.group) {
				continue
			}
			if i := waiver(waive, c.Name, d.group); i >= 0 {
				used[i] = true
				continue
			}
			needs = append(needs, need{c, d})
			for _, r := range d.group {
				names = append(names, r.Name)
			}
		}
	}
	for i, w := range waive {
		switch {
		case w.Depends == "":
		case used[i]:
			res.waived = append(res.waived, w)
		case slices.ContainsFunc(s.own, func(c *candidate) bool { return c.Name == w.Package }):
			res.unused = append(res.unused, w)
		}
	}
	return needs, s.load(names)
}

// waiver returns the first waiver of the package's dependency, -1 if there is
// none. It need not be the first alternative that is waived by name.
func waiver(waive []specs.Waiver, pkg string, g debian.Group) int {
	return slices.IndexFunc(waive, func(w specs.Waiver) bool {
		return w.Depends != "" && w.Package == pkg && g.Names(w.Depends)
	})
}

// options returns what could meet n, best first: for each alternative in turn
// the package of that name, then those that provide it. Among these Debian's
// priorities decide (mawk is required, gawk is optional), then size.
func (s *selection) options(n need) []*candidate {
	var all []*candidate
	for _, r := range n.group {
		if c := s.newest(r.Name); c != nil && c.meets(r, s.arch) {
			all = append(all, c)
		}
		var provide []*candidate
		for _, name := range s.providers[r.Name] {
			if c := s.newest(name); c != nil && c.meets(r, s.arch) {
				provide = append(provide, c)
			}
		}
		slices.SortStableFunc(provide, func(a, b *candidate) int {
			return cmp.Or(cmp.Compare(a.priority(), b.priority()), cmp.Compare(a.Size, b.Size))
		})
		all = append(all, provide...)
	}
	return all
}

// priority returns the rank of the package's priority, lowest for required; one
// that is not known comes last.
func (c *candidate) priority() int {
	all := []string{"required", "important", "standard", "optional"}
	if i := slices.Index(all, c.Priority); i >= 0 {
		return i
	}
	return len(all)
}

// choose returns the best option for n, nil when the archive has none.
func (s *selection) choose(n need) *candidate {
	if all := s.options(n); len(all) > 0 {
		return all[0]
	}
	return nil
}

// Missing returns the names of the packages that must be added to req so that
// all dependencies are met, theirs included, sorted. Where there is a choice it
// takes a package that is needed anyway, else the first alternative that
// exists. The result does not depend on the order of the request's packages.
// Needs that nothing in the archive can meet are left to Resolve to report.
func Missing(req Request) ([]string, error) {
	s, res, err := selected(req)
	if err != nil {
		return nil, err
	}
	var added []string
	for {
		needs, err := s.unmet(req.Waive, res)
		if err != nil {
			return nil, err
		}
		next := s.next(needs)
		if len(next) == 0 {
			slices.Sort(added)
			return added, nil
		}
		for _, c := range next {
			s.add(c)
			added = append(added, c.Name)
		}
	}
}

// next returns the packages to add in one round: all that there is no choice
// about; only when there are none, one that was chosen. So what one package
// forces is known before another is given a choice.
func (s *selection) next(needs []need) []*candidate {
	var forced []*candidate
	var chosen *candidate
	first := ""
	for _, n := range needs {
		options := s.options(n)
		switch {
		case len(options) == 0:
		case len(options) == 1:
			if !slices.Contains(forced, options[0]) {
				forced = append(forced, options[0])
			}
		default:
			if key := n.by.Name + " " + n.group.String(); chosen == nil || key < first {
				chosen, first = options[0], key
			}
		}
	}
	if len(forced) == 0 && chosen != nil {
		return []*candidate{chosen}
	}
	return forced
}
