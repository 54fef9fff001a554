package transfer

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// maxChain bounds evidence about evidence: a signature is 1, a timestamp of the
// signature 2.
const maxChain = 16

// EvidenceAbout returns the digest of which a tag says that its image is evidence:
// sha256-HEX, then .sig, .att or .sbom (cosign before it used referrers), or a
// dot and 12 digits (a bundle that has a name of its own).
func EvidenceAbout(tag string) (d digest.Digest, ok bool) {
	name, kind, _ := strings.Cut(tag, ".")
	hex, ok := strings.CutPrefix(name, "sha256-")
	if kind != "sig" && kind != "att" && kind != "sbom" && (len(kind) != 12 || strings.Trim(kind, "0123456789abcdef") != "") {
		return d, false
	}
	d, err := digest.ParseHex(hex)
	return d, ok && err == nil
}

// search looks for evidence about the documents of a graph.
type search struct {
	g    *graph
	from Finder

	tags   map[digest.Digest][]string // evidence tags by subject
	roots  []Root                     // what was found
	strays []Stray
}

// findEvidence adds to g all evidence about what is in it, and evidence about
// that. It returns what was found, with the tags that name it.
func findEvidence(ctx context.Context, g *graph, from Finder) ([]Root, []Stray, error) {
	s := &search{g: g, from: from, tags: map[digest.Digest][]string{}}
	tags, err := from.Tags(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, tag := range tags {
		if d, ok := EvidenceAbout(tag); ok {
			s.tags[d] = append(s.tags[d], tag)
		}
	}
	subjects := g.order
	for chain := 0; len(subjects) > 0; chain++ {
		if chain == maxChain {
			return nil, nil, diag.Failedf("evidence about evidence about %s is nested deeper than %d", g.order[0].Descriptor.Digest, maxChain)
		}
		before := len(g.order)
		if err := s.about(ctx, subjects); err != nil {
			return nil, nil, err
		}
		subjects = g.order[before:]
	}
	return s.roots, s.strays, nil
}

// about looks for evidence about subjects: requests are made a few at once, and
// their answers taken in the order of the subjects.
func (s *search) about(ctx context.Context, subjects []*node) error {
	found := make([]finding, len(subjects))
	jobs, jobCtx := errgroup.WithContext(ctx)
	jobs.SetLimit(s.g.jobs)
	for i, n := range subjects {
		jobs.Go(func() (err error) {
			found[i], err = s.look(jobCtx, n.Descriptor.Digest)
			return err
		})
	}
	if err := jobs.Wait(); err != nil {
		return err
	}
	var docs []oci.Document
	for _, f := range found {
		s.strays = append(s.strays, f.strays...)
		for _, r := range f.roots {
			s.roots = append(s.roots, r)
			docs = append(docs, r.Document)
		}
	}
	return s.g.add(ctx, docs, true)
}

// finding is the evidence about one subject.
type finding struct {
	roots  []Root
	strays []Stray
}

func (s *search) look(ctx context.Context, subject digest.Digest) (finding, error) {
	var f finding
	listed, err := s.from.Referrers(ctx, subject)
	if err != nil {
		return f, err
	}
	if len(listed) > maxNodes {
		return f, diag.Failedf("%s has more than %d referrers", subject, maxNodes)
	}
	for _, d := range listed {
		doc, err := s.from.Resolve(ctx, d.Digest.String()) // size and type in the list may be wrong
		if errors.Is(err, fs.ErrNotExist) {
			f.strays = append(f.strays, Stray{Subject: subject, Listed: d.Digest, Why: "it is not there"})
			continue
		}
		if err != nil {
			return f, err
		}
		m, err := parse(doc)
		if err != nil {
			return f, err
		}
		if m.subject != subject {
			f.strays = append(f.strays, Stray{Subject: subject, Listed: d.Digest, Why: "it does not refer to it"})
			continue
		}
		f.roots = append(f.roots, Root{Document: doc})
	}
	for _, tag := range s.tags[subject] {
		doc, err := s.from.Resolve(ctx, tag)
		if errors.Is(err, fs.ErrNotExist) {
			f.strays = append(f.strays, Stray{Subject: subject, Tag: tag, Why: "it is gone"})
			continue
		}
		if err != nil {
			return f, err
		}
		f.roots = append(f.roots, Root{Document: doc, Tags: []Tag{{Name: tag}}})
	}
	return f, nil
}

// lister is a target that can be asked for evidence.
type lister interface {
	Referrers(ctx context.Context, subject digest.Digest) ([]oci.Descriptor, error)
}

// relist makes sure that a target which can be asked lists all evidence: a run
// that ended between a manifest and its entry in the list leaves such a gap, which
// no later run would see.
func (m *move) relist(ctx context.Context) error {
	target, ok := m.to.(lister)
	if !ok {
		return nil
	}
	about := map[digest.Digest][]*node{}
	var subjects []digest.Digest
	for _, n := range m.graph.order {
		if n.evidence && !n.subject.IsZero() {
			if about[n.subject] == nil {
				subjects = append(subjects, n.subject)
			}
			about[n.subject] = append(about[n.subject], n)
		}
	}
	for _, subject := range subjects {
		missing, err := unlisted(ctx, target, subject, about[subject])
		if err != nil {
			return err
		}
		for _, n := range missing {
			if err := m.to.PutDocument(ctx, n.Document); err != nil {
				return err
			}
		}
		if len(missing) == 0 {
			continue
		}
		if missing, err = unlisted(ctx, target, subject, missing); err != nil {
			return err
		}
		for _, n := range missing {
			return diag.Failedf("the target took %s and does not list it as a referrer of %s", n.Descriptor.Digest, subject).
				WithHint("run the command again; another program may be changing the same list")
		}
	}
	return nil
}

// unlisted returns those of nodes that the target does not list.
func unlisted(ctx context.Context, target lister, subject digest.Digest, nodes []*node) ([]*node, error) {
	listed, err := target.Referrers(ctx, subject)
	if err != nil {
		return nil, err
	}
	var out []*node
	for _, n := range nodes {
		if !slices.ContainsFunc(listed, func(d oci.Descriptor) bool { return d.Digest == n.Descriptor.Digest }) {
			out = append(out, n)
		}
	}
	return out, nil
}
