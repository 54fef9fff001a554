package specs

import (
	"fmt"
	"slices"
)

// AddPackages returns an image.yaml with packages added at the end of its list
// (under Latest), and of the lists of its variants (under their names); those
// that are there stay where they are. Comments stay; the layout is that of
// Format. A file that Parse refuses is refused with the same error, and so is
// one that would be refused with the packages in it.
func AddPackages(file string, b []byte, added map[string][]string) ([]byte, error) {
	doc, s, err := readForWriting(file, b)
	if err != nil {
		return nil, err
	}
	for name := range added {
		if !slices.Contains(s.VariantNames(), name) {
			return nil, fmt.Errorf("internal error: %s has no variant %q", file, name)
		}
	}
	for _, variant := range s.VariantNames() {
		patch := s.Variants[variant]
		list, owner := &patch.Packages, doc.root.child("variants").child(variant)
		if variant == Latest {
			list, owner = &s.Packages, doc.root
		}
		for _, name := range added[variant] {
			if !slices.Contains(*list, name) {
				*list = append(*list, name)
				owner.addPackage(name)
			}
		}
		if variant != Latest {
			s.Variants[variant] = patch
		}
	}
	return write(file, doc, s)
}

// addPackage appends a name to the packages of a spec or of a patch.
func (n *node) addPackage(name string) {
	packages := n.child("packages")
	if packages == nil {
		packages = &node{kind: list, at: n.at}
		key := &node{kind: scalar, at: n.at, text: "packages"}
		n.items = append(n.items, item{at: n.at, key: key, value: packages})
	}
	value := &node{kind: scalar, at: packages.at, text: name}
	if notText(name) { // 7e10 could be a package
		value.style = quotes
	}
	packages.items = append(packages.items, item{at: packages.at, value: value})
}

// child returns the value of a mapping's key, nil when there is none.
func (n *node) child(key string) *node {
	if n == nil {
		return nil
	}
	for _, it := range n.items {
		if it.key != nil && it.key.text == key {
			return it.value
		}
	}
	return nil
}
