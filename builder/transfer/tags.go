package transfer

import (
	"context"
	"slices"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// change is a tag that shall name a document.
type change struct {
	Tag
	doc  oci.Document
	old  digest.Digest // what it names before; zero for a new tag
	done bool          // it names the document already
}

// planTags finds out which tags change. Nothing has been written yet: a tag that
// must not change is an error in time.
func (m *move) planTags(ctx context.Context, roots []Root) error {
	var lists [][]*change
	for _, r := range roots {
		list, err := m.changes(r)
		if err != nil {
			return err
		}
		if len(list) > 0 {
			lists = append(lists, list)
			m.tags = append(m.tags, list...)
		}
	}
	if err := m.agree(); err != nil {
		return err
	}
	return each(ctx, m.jobs, lists, m.plan)
}

// changes finds the documents of a root's tags.
func (m *move) changes(r Root) ([]*change, error) {
	var list []*change
	for _, t := range r.Tags {
		if t.Digest.IsZero() {
			t.Digest = r.Document.Descriptor.Digest
		}
		n := m.graph.nodes[t.Digest]
		if n == nil {
			return nil, diag.Failedf("internal error: tag %s is to name %s, which is not moved", t.Name, t.Digest)
		}
		list = append(list, &change{Tag: t, doc: n.Document})
	}
	return list, nil
}

// agree holds each tag to one document.
func (m *move) agree() error {
	first := map[string]*change{}
	for _, c := range m.tags {
		if known := first[c.Name]; known != nil && known.Digest != c.Digest {
			return diag.Failedf("tag %s is to name both %s and %s", c.Name, known.Digest, c.Digest)
		}
		first[c.Name] = c
	}
	return nil
}

// plan asks what the tags of one root name now, the last one first.
func (m *move) plan(ctx context.Context, list []*change) error {
	last := list[len(list)-1]
	if err := m.ask(ctx, last); err != nil {
		return err
	}
	for _, c := range list[:len(list)-1] {
		if last.done {
			c.done = true
			continue
		}
		if err := m.ask(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (m *move) ask(ctx context.Context, c *change) error {
	var err error
	if c.old, err = m.to.Tagged(ctx, c.Name); err != nil {
		return err
	}
	c.done = c.old == c.Digest
	if c.done {
		m.mu.Lock()
		m.there[c.Digest] = true // what a tag names is there
		m.mu.Unlock()
	}
	if c.Fixed && !c.done && !c.old.IsZero() {
		return diag.Failedf("tag %s never moves, names %s, and would have to name %s", c.Name, c.old, c.Digest).
			WithHint("somebody has moved or made it by hand; remove it from the registry")
	}
	return nil
}

// setTags sets the tags in their order, unless one of them is another than it was
// when this run began: another run is then at work.
func (m *move) setTags(ctx context.Context) error {
	todo := slices.DeleteFunc(slices.Clone(m.tags), func(c *change) bool { return c.done })
	err := each(ctx, m.jobs, todo, func(ctx context.Context, c *change) error {
		now, err := m.to.Tagged(ctx, c.Name)
		if err != nil {
			return err
		}
		c.done = now == c.Digest // by another run, to the same end
		if !c.done && now != c.old {
			return interfered(c, now)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, c := range todo {
		if c.done || slices.Contains(m.report.Tags, c.Name) {
			continue
		}
		if err := m.to.Tag(ctx, c.Name, c.doc); err != nil {
			return err
		}
		m.report.Tags = append(m.report.Tags, c.Name)
	}
	return nil
}

func interfered(c *change, now digest.Digest) error {
	found := "is gone"
	if !now.IsZero() {
		found = "names " + now.String()
	}
	return diag.Failedf("somebody else changed tag %s meanwhile: it %s, and was to name %s", c.Name, found, c.Digest).
		WithHint("run the command again if this image shall have the tag")
}

// settle looks at the target after tags were set. Some registries delete what a
// tag named before, and what that named, even if something else needs it: what
// is missing is put back. And another run may have moved a tag in between.
func (m *move) settle(ctx context.Context) error {
	set := slices.DeleteFunc(slices.Clone(m.tags), func(c *change) bool { return !slices.Contains(m.report.Tags, c.Name) })
	moved := slices.ContainsFunc(set, func(c *change) bool { return !c.old.IsZero() })
	if moved {
		clear(m.there)
		missing, err := m.missing(ctx, m.graph.order)
		if err != nil {
			return err
		}
		if err := m.put(ctx, missing); err != nil {
			return err
		}
		if missing, err = m.missing(ctx, missing); err != nil {
			return err
		}
		for _, n := range missing {
			return diag.Failedf("the target deletes document %s when tags move", n.Descriptor.Digest)
		}
	}
	return each(ctx, m.jobs, set, func(ctx context.Context, c *change) error {
		now, err := m.to.Tagged(ctx, c.Name)
		if err == nil && now != c.Digest {
			err = interfered(c, now)
		}
		return err
	})
}
