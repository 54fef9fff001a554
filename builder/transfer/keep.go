package transfer

import (
	"context"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/digest"
)

// A resolver is a Writer that can be asked for a document by its digest.
type resolver interface {
	Resolve(ctx context.Context, name string) (oci.Document, error)
}

// remember reads what the tags that are about to move name now, if the target can
// be asked for it. Some registries, zot for one, delete a document when its last
// tag moves: whoever begins FROM that digest, and each older index that names it,
// would lose it with our push.
func (m *move) remember(ctx context.Context) error {
	from, ok := m.to.(resolver)
	if !ok {
		return nil
	}
	seen := map[digest.Digest]bool{}
	var old []digest.Digest
	for _, c := range m.tags {
		if !c.done && !c.old.IsZero() && !seen[c.old] && m.graph.nodes[c.old] == nil {
			seen[c.old] = true
			old = append(old, c.old)
		}
	}
	return each(ctx, m.jobs, old, func(ctx context.Context, d digest.Digest) error {
		doc, err := from.Resolve(ctx, d.String())
		if err != nil {
			return nil // what cannot be read by its digest cannot be lost either
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.old = append(m.old, doc)
		return nil
	})
}

// restore puts back what was deleted although only its tag moved: manifests before
// the indexes that name them.
func (m *move) restore(ctx context.Context) error {
	var images, indexes []oci.Document
	for _, doc := range m.old {
		if p, err := parse(doc); err == nil && len(p.documents) > 0 {
			indexes = append(indexes, doc)
		} else {
			images = append(images, doc)
		}
	}
	for _, list := range [][]oci.Document{images, indexes} {
		err := each(ctx, m.jobs, list, func(ctx context.Context, doc oci.Document) error {
			has, err := m.to.HasDocument(ctx, doc.Descriptor)
			if err != nil || has {
				return err
			}
			return m.to.PutDocument(ctx, doc)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
