package resolve

import (
	"cmp"
	"slices"

	"github.com/basal-project/basal/specs"
)

// Sized is what grouping needs to know of a package.
type Sized struct {
	Name   string
	Source string
	Size   int64 // bytes of the .deb, on the platform where it is largest
}

// Groups divides packages into layers as the spec asks. Groups, and the
// packages in each, are in the order of packages.
//
// With a budget of N there are at most N-1 groups, since the last layer is that
// of generated files. Packages of one source stay together: they are updated
// together. The largest sources get a group of their own, the others share one.
// previous, the groups of the lock before if it had the same budget (nil
// otherwise), are kept as long as they fit, so that a new or vanished package
// moves no other into another layer.
func Groups(layers specs.Layers, packages []Sized, previous [][]string) [][]string {
	var groups [][]Sized
	switch {
	case len(packages) == 0:
		return nil
	case layers.Single:
		groups = [][]Sized{packages}
	case layers.Budget == 0:
		for _, p := range packages {
			groups = append(groups, []Sized{p})
		}
	default:
		limit := max(layers.Budget-1, 1)
		groups = kept(packages, previous)
		if len(groups) == 0 || len(groups) > limit {
			groups = largest(bySource(packages), limit)
		} else {
			groups = extended(groups, packages, limit)
		}
	}
	return ordered(groups, packages)
}

// bySource returns the packages of each source, the largest source first.
func bySource(packages []Sized) [][]Sized {
	var groups [][]Sized
	for _, p := range packages {
		if i := ofSource(groups, p.Source); i >= 0 {
			groups[i] = append(groups[i], p)
		} else {
			groups = append(groups, []Sized{p})
		}
	}
	slices.SortFunc(groups, func(a, b []Sized) int {
		return cmp.Or(cmp.Compare(size(b), size(a)), cmp.Compare(a[0].Source, b[0].Source))
	})
	return groups
}

// largest keeps the first limit-1 groups and joins the others.
func largest(groups [][]Sized, limit int) [][]Sized {
	if len(groups) <= limit {
		return groups
	}
	rest := slices.Concat(groups[limit-1:]...)
	return append(slices.Clone(groups[:limit-1]), rest)
}

// kept returns the previous groups, less the packages that are gone.
func kept(packages []Sized, previous [][]string) [][]Sized {
	var groups [][]Sized
	for _, names := range previous {
		var g []Sized
		for _, name := range names {
			if i := slices.IndexFunc(packages, func(p Sized) bool { return p.Name == name }); i >= 0 {
				g = append(g, packages[i])
			}
		}
		if len(g) > 0 {
			groups = append(groups, g)
		}
	}
	return groups
}

// extended puts the packages that no group has with their source, else into a
// group of their own while the limit allows, else into the smallest group.
func extended(groups [][]Sized, packages []Sized, limit int) [][]Sized {
	var added []Sized
	for _, p := range packages {
		if !slices.ContainsFunc(groups, func(g []Sized) bool { return slices.Contains(g, p) }) {
			added = append(added, p)
		}
	}
	for _, n := range bySource(added) {
		switch i := ofSource(groups, n[0].Source); {
		case i >= 0:
			groups[i] = append(groups[i], n...)
		case len(groups) < limit:
			groups = append(groups, n)
		default:
			i := smallest(groups)
			groups[i] = append(groups[i], n...)
		}
	}
	return groups
}

func ofSource(groups [][]Sized, source string) int {
	return slices.IndexFunc(groups, func(g []Sized) bool {
		return slices.ContainsFunc(g, func(p Sized) bool { return p.Source == source })
	})
}

// smallest returns the index of the smallest group; of equals the one with the
// least name, whatever the order of the spec.
func smallest(groups [][]Sized) int {
	least := func(g []Sized) string {
		return slices.MinFunc(g, func(a, b Sized) int { return cmp.Compare(a.Name, b.Name) }).Name
	}
	best := 0
	for i, g := range groups {
		if cmp.Or(cmp.Compare(size(g), size(groups[best])), cmp.Compare(least(g), least(groups[best]))) < 0 {
			best = i
		}
	}
	return best
}

func size(g []Sized) (n int64) {
	for _, p := range g {
		n += p.Size
	}
	return n
}

// ordered returns the names of the groups, sorted by the place of their packages
// in the spec.
func ordered(groups [][]Sized, packages []Sized) [][]string {
	place := map[string]int{}
	for i, p := range packages {
		place[p.Name] = i
	}
	var out [][]string
	for _, g := range groups {
		var names []string
		for _, p := range g {
			names = append(names, p.Name)
		}
		slices.SortFunc(names, func(a, b string) int { return cmp.Compare(place[a], place[b]) })
		out = append(out, names)
	}
	slices.SortFunc(out, func(a, b []string) int { return cmp.Compare(place[a[0]], place[b[0]]) })
	return out
}
