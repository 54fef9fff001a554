package compose

import (
	"slices"

	"github.com/basal-project/basal/builder/debian"
	"github.com/basal-project/basal/builder/rootfs"
)

// replaces reports whether p may take over files of the package other.
func (p Package) replaces(other Package) bool {
	v, err := debian.ParseVersion(other.Version)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(p.Replaces, func(g debian.Group) bool {
		return slices.ContainsFunc(g, func(r debian.Relation) bool { return r.Name == other.Name && r.Allows(v) })
	})
}

// settleReplaces leaves a path that several packages of the step have to those
// that none of the others Replaces. The order of packages plays no part, so two
// that replace each other decide nothing; what is undecided is a conflict that
// merging reports.
func settleReplaces(placed []placedPackage) {
	beatenBy := map[int][]int{}
	rivals := map[int]bool{}
	for i := range placed {
		for j := range placed {
			if i != j && placed[j].replaces(placed[i].Package) && !placed[i].replaces(placed[j].Package) {
				beatenBy[i] = append(beatenBy[i], j)
				rivals[i], rivals[j] = true, true
			}
		}
	}
	owners := map[string][]int{}
	for i := range rivals {
		for _, e := range placed[i].entries {
			if e.Kind != rootfs.Dir {
				owners[e.Path] = append(owners[e.Path], i)
			}
		}
	}
	lost := map[int]map[string]bool{}
	for path, list := range owners {
		losers := slices.DeleteFunc(slices.Clone(list), func(i int) bool {
			return !slices.ContainsFunc(beatenBy[i], func(j int) bool { return slices.Contains(list, j) })
		})
		if len(losers) == len(list) { // they replace each other in a circle
			continue
		}
		for _, i := range losers {
			if lost[i] == nil {
				lost[i] = map[string]bool{}
			}
			lost[i][path] = true
		}
	}
	for i, paths := range lost {
		p := &placed[i]
		p.entries = slices.DeleteFunc(p.entries, func(e rootfs.Entry) bool { return paths[e.Path] })
	}
}

// takeOver notes the paths at which p replaces the parent's entries: those of
// packages that it Replaces, and its own, for the parent may have only the
// certificates of a package that is now installed as a whole.
func (p *placedPackage) takeOver(parent Image) {
	mine := map[string]bool{p.Origin(): true}
	for _, other := range parent.packages {
		if p.replaces(other) {
			mine[other.Origin()] = true
		}
	}
	foreign := func(origin string) bool { return !mine[origin] }
	for _, e := range p.entries {
		below, ok := parent.Tree.Lookup(e.Path)
		if ok && e.Kind != rootfs.Dir && !slices.ContainsFunc(below.Origins, foreign) {
			p.takenOver = append(p.takenOver, e.Path)
		}
	}
}
