package transfer

import (
	"context"
	"fmt"
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
	seen bool          // it was asked for
}

// planTags finds out which tags change. Nothing has been written yet: a tag that
// must not change is an error in time.
//
// Asking for a tag asks for its document, too, so that an image that is there
// costs no request more. Only a fixed tag is not asked for as long as all others
// of its root are right: it was set before them, and nobody moves it.
func (m *move) planTags(ctx context.Context, roots []Root) error {
	var lists [][]*change
	for _, r := range roots {
		list, err := m.changes(r)
		if err != nil {
			return err
		}
		lists = append(lists, list)
		m.tags = append(m.tags, list...)
	}
	if err := m.agree(); err != nil {
		return err
	}
	moving := slices.DeleteFunc(slices.Clone(m.tags), func(c *change) bool { return c.Fixed })
	if err := each(ctx, m.jobs, moving, m.ask); err != nil {
		return err
	}
	var fixed []*change
	for _, list := range lists {
		if m.allTags || !settled(list) {
			fixed = append(fixed, slices.DeleteFunc(slices.Clone(list), func(c *change) bool { return !c.Fixed })...)
		}
	}
	return each(ctx, m.jobs, fixed, m.ask)
}

// settled reports whether the tags of a root that may move name what they shall.
func settled(list []*change) bool {
	moving := 0
	for _, c := range list {
		if !c.Fixed && !c.done {
			return false
		}
		if !c.Fixed {
			moving++
		}
	}
	return moving > 0
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

func (m *move) ask(ctx context.Context, c *change) error {
	var err error
	if c.old, err = m.to.Tagged(ctx, c.Name); err != nil {
		return err
	}
	c.seen, c.done = true, c.old == c.Digest
	if c.done {
		m.mu.Lock()
		m.there[c.Digest] = true // what a tag names is there
		m.mu.Unlock()
	}
	if !c.done && !c.old.IsZero() {
		if err := m.succeeds(ctx, c); err != nil {
			return err
		}
	}
	if c.Fixed && !c.done && !c.old.IsZero() {
		return diag.Failedf("tag %s never moves, names %s, and would have to name %s", c.Name, c.old, c.Digest).
			WithHint("somebody has moved or made it by hand; remove it from the registry")
	}
	return nil
}

// setTags sets the tags in their order, unless one of them is another than it was
// when this run began: another run is then at work. None is set when that shows
// before the first.
func (m *move) setTags(ctx context.Context) error {
	todo := slices.DeleteFunc(slices.Clone(m.tags), func(c *change) bool { return c.done || !c.seen })
	if err := each(ctx, m.jobs, todo, m.unmoved); err != nil {
		return err
	}
	for _, c := range todo {
		if c.done || slices.Contains(m.report.Tags, c.Name) {
			continue
		}
		if err := m.unmoved(ctx, c); err != nil {
			return err
		}
		if c.done {
			continue
		}
		if err := m.to.Tag(ctx, c.Name, c.doc); err != nil {
			return err
		}
		m.report.Tags = append(m.report.Tags, c.Name)
	}
	return nil
}

// unmoved looks at a tag that is about to be set.
func (m *move) unmoved(ctx context.Context, c *change) error {
	now, err := m.to.Tagged(ctx, c.Name)
	if err != nil {
		return err
	}
	c.done = now == c.Digest // by another run, to the same end
	if !c.done && now != c.old {
		return m.interfered(ctx, c, now)
	}
	return nil
}

// confirm looks at all tags of what was changed: rather an error than a tag that
// is said to name what it does not name.
func (m *move) confirm(ctx context.Context) error {
	if len(m.report.Tags) == 0 {
		return nil
	}
	return each(ctx, m.jobs, m.tags, func(ctx context.Context, c *change) error {
		if !c.seen {
			return nil
		}
		now, err := m.to.Tagged(ctx, c.Name)
		if err == nil && now != c.Digest {
			err = m.interfered(ctx, c, now)
		}
		return err
	})
}

// interfered says how another run left the tags: some may name this image, others
// that of the other run.
func (m *move) interfered(ctx context.Context, c *change, now digest.Digest) error {
	left := ""
	told := map[string]bool{c.Name: true}
	for _, other := range m.tags {
		if told[other.Name] || !other.seen {
			continue
		}
		told[other.Name] = true
		if d, err := m.to.Tagged(ctx, other.Name); err == nil {
			left += fmt.Sprintf("\n  tag %s %s", other.Name, stands(d, other.Digest))
		}
	}
	return diag.Failedf("somebody else changed tag %s meanwhile: it %s%s", c.Name, stands(now, c.Digest), left).
		WithHint("run the command again if this image shall have these tags")
}

// stands says what a tag names, and what it was to name.
func stands(now, want digest.Digest) string {
	switch {
	case now == want:
		return "names " + now.String() + ", as it shall"
	case now.IsZero():
		return "is not there, and was to name " + want.String()
	}
	return "names " + now.String() + ", and was to name " + want.String()
}

// settle looks at the target after tags were set. Some registries delete what a
// tag named before, and what that named, even if something else needs it: what
// is missing is put back.
func (m *move) settle(ctx context.Context) error {
	moved := slices.ContainsFunc(m.tags, func(c *change) bool { return !c.old.IsZero() && slices.Contains(m.report.Tags, c.Name) })
	if !moved {
		return nil
	}
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
	return nil
}
