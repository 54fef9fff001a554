package specs

// AddPackages returns an image.yaml with packages added at the end of its list
// (under Latest), and of the lists of its variants (under their names). Comments
// stay; the layout is that of Format.
func AddPackages(file string, b []byte, added map[string][]string) ([]byte, error) {
	f := &faults{file: file}
	doc := readYAML(b, f)
	if doc == nil {
		return nil, f.err()
	}
	s := decodeSpec(doc.root, f)
	if err := f.err(); err != nil {
		return nil, err
	}
	attach(doc, b)
	for _, variant := range s.VariantNames() {
		owner := doc.root
		if variant != Latest {
			owner = doc.root.child("variants").child(variant)
		}
		names := added[variant]
		if len(names) == 0 {
			continue
		}
		packages := owner.child("packages")
		if packages == nil {
			packages = &node{kind: list, at: owner.at}
			key := &node{kind: scalar, at: owner.at, text: "packages"}
			owner.items = append(owner.items, item{at: owner.at, key: key, value: packages})
		}
		for _, name := range names {
			packages.items = append(packages.items, item{at: packages.at, value: &node{kind: scalar, at: packages.at, text: name}})
		}
	}
	p := &printer{}
	p.document(doc.root)
	return p.out.Bytes(), nil
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
