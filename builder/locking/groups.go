package locking

import (
	"slices"

	"github.com/basal-project/basal/builder/resolve"
	"github.com/basal-project/basal/specs"
)

// group divides the packages of the image, and of each patch, into layers: the
// same on all platforms, and as in the previous lock where that is possible. A
// patch's packages are grouped for themselves; a budget is the image's alone.
func (m *maker) group(lock *specs.Lock) {
	lock.Groups = map[string][][]string{}
	divide := func(name string, packages []string, layers specs.Layers) {
		if len(packages) == 0 {
			return
		}
		var previous [][]string
		if m.Previous != nil && m.Previous.Spec.Layers == lock.Spec.Layers {
			previous = m.Previous.Groups[name]
		}
		lock.Groups[name] = resolve.Groups(layers, sizes(lock, packages), previous)
	}
	divide(specs.Latest, lock.Spec.Packages, lock.Spec.Layers)
	for name, patch := range lock.Spec.Variants {
		divide(name, patch.Packages, specs.Layers{Single: lock.Spec.Layers != specs.Layers{}})
	}
	if len(lock.Groups) == 0 {
		lock.Groups = nil
	}
}

// sizes describes packages by the platform on which each is largest.
func sizes(lock *specs.Lock, packages []string) []resolve.Sized {
	out := make([]resolve.Sized, len(packages))
	for i, name := range packages {
		out[i].Name = name
		for _, section := range lock.Platforms {
			j := slices.IndexFunc(section.Packages, func(p specs.LockedPackage) bool { return p.Name == name })
			if j >= 0 {
				out[i].Source = section.Packages[j].Source
				out[i].Size = max(out[i].Size, section.Packages[j].Size)
			}
		}
	}
	return out
}
