package transfer

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// graph is what some documents name, down to the blobs, each once.
type graph struct {
	from Reader
	jobs int

	nodes map[digest.Digest]*node
	order []*node          // children before parents, evidence after what it is about
	blobs []oci.Descriptor // in the order in which they are met
	sizes map[digest.Digest]int64
	blob  map[digest.Digest]bool
}

// node is a document and what it names.
type node struct {
	oci.Document
	manifest
	height   int  // of an index: above the manifests; 0 of these
	evidence bool // reached from a referrer only
	state    state
}

type state int

const (
	unordered state = iota
	open            // being ordered: whoever meets it again goes round in circles
	ordered
)

func newGraph(from Reader, jobs int) *graph {
	return &graph{from: from, jobs: jobs, nodes: map[digest.Digest]*node{}, sizes: map[digest.Digest]int64{}, blob: map[digest.Digest]bool{}}
}

// add walks docs and what they name, level by level, and brings it into order.
func (g *graph) add(ctx context.Context, docs []oci.Document, evidence bool) error {
	var level []*node
	for _, doc := range docs {
		if g.nodes[doc.Descriptor.Digest] != nil {
			continue
		}
		n, err := g.node(doc.Descriptor, evidence)
		if err != nil {
			return err
		}
		n.Document = doc
		level = append(level, n)
	}
	for depth := 0; len(level) > 0; depth++ {
		if depth > maxDepth {
			return tooDeep(level[0].Descriptor.Digest)
		}
		if err := g.read(ctx, level); err != nil {
			return err
		}
		var next []*node
		for _, n := range level {
			more, err := g.names(n, evidence)
			if err != nil {
				return fault(n.Descriptor.Digest, err)
			}
			next = append(next, more...)
		}
		level = next
	}
	for _, doc := range docs {
		if err := g.arrange(g.nodes[doc.Descriptor.Digest], 0); err != nil {
			return err
		}
	}
	return nil
}

func tooDeep(d digest.Digest) error {
	return diag.Failedf("index %s is nested deeper than %d", d, maxDepth)
}

// node makes the node of a document that was not met before.
func (g *graph) node(d oci.Descriptor, evidence bool) (*node, error) {
	if d.Size > maxDocument {
		return nil, diag.Failedf("document %s has %d bytes, more than %d", d.Digest, d.Size, maxDocument)
	}
	if err := g.sized(d); err != nil {
		return nil, err
	}
	n := &node{Document: oci.Document{Descriptor: d}, evidence: evidence}
	g.nodes[d.Digest] = n
	return n, g.room()
}

func (g *graph) room() error {
	if len(g.nodes)+len(g.blobs) > maxNodes {
		return diag.Failedf("more than %d documents and blobs", maxNodes)
	}
	return nil
}

// sized holds all descriptors of a digest to one size.
func (g *graph) sized(d oci.Descriptor) error {
	if known, ok := g.sizes[d.Digest]; ok && known != d.Size {
		return diag.Failedf("%w: %s has %d bytes in one place, %d in another", digest.ErrMismatch, d.Digest, known, d.Size)
	}
	g.sizes[d.Digest] = d.Size
	return nil
}

// read gets the bytes of nodes, a few at once, and parses them.
func (g *graph) read(ctx context.Context, nodes []*node) error {
	jobs, ctx := errgroup.WithContext(ctx)
	jobs.SetLimit(g.jobs)
	for _, n := range nodes {
		jobs.Go(func() error {
			if n.Bytes == nil {
				doc, err := g.from.Document(ctx, n.Descriptor)
				if err != nil {
					return err
				}
				n.Bytes = doc.Bytes
			}
			if err := check(n.Document); err != nil {
				return err
			}
			if documents, blobs, ok := g.named(n.Descriptor.Digest); ok {
				n.manifest = manifest{documents: documents, blobs: blobs}
				return nil
			}
			var err error
			n.manifest, err = parse(n.Document)
			return err
		})
	}
	return jobs.Wait()
}

// named returns what a document names if the reader made it itself.
func (g *graph) named(d digest.Digest) (documents, blobs []oci.Descriptor, ok bool) {
	if maker, is := g.from.(Maker); is {
		return maker.Named(d)
	}
	return nil, nil, false
}

// check compares a document with its descriptor.
func check(doc oci.Document) error {
	d := doc.Descriptor
	if int64(len(doc.Bytes)) != d.Size {
		return diag.Failedf("document %s: %w: want %d bytes, found %d", d.Digest, digest.ErrMismatch, d.Size, len(doc.Bytes))
	}
	if got := digest.Of(doc.Bytes); got != d.Digest {
		return diag.Failedf("%w: want document %s, found %s", digest.ErrMismatch, d.Digest, got)
	}
	return nil
}

// names takes in what n names, and returns the documents that are new.
func (g *graph) names(n *node, evidence bool) ([]*node, error) {
	for _, d := range n.manifest.blobs {
		if err := g.sized(d); err != nil {
			return nil, err
		}
		if g.blob[d.Digest] {
			continue
		}
		g.blob[d.Digest] = true
		g.blobs = append(g.blobs, d)
		if err := g.room(); err != nil {
			return nil, err
		}
	}
	var fresh []*node
	for _, d := range n.documents {
		if known := g.nodes[d.Digest]; known != nil {
			if known.Descriptor.MediaType != d.MediaType {
				return nil, fmt.Errorf("%s is %q here and %q elsewhere", d.Digest, d.MediaType, known.Descriptor.MediaType)
			}
			if err := g.sized(d); err != nil {
				return nil, err
			}
			continue
		}
		child, err := g.node(d, evidence)
		if err != nil {
			return nil, err
		}
		fresh = append(fresh, child)
	}
	return fresh, nil
}

// arrange puts n into the order, after everything that it names.
func (g *graph) arrange(n *node, depth int) error {
	switch {
	case n.state == ordered && depth+n.height <= maxDepth:
		return nil
	case n.state == open:
		return diag.Failedf("index %s names itself", n.Descriptor.Digest)
	case n.state == ordered || depth > maxDepth:
		return tooDeep(n.Descriptor.Digest)
	}
	n.state = open
	for _, d := range n.documents {
		child := g.nodes[d.Digest]
		if err := g.arrange(child, depth+1); err != nil {
			return err
		}
		n.height = max(n.height, child.height+1)
	}
	n.state = ordered
	g.order = append(g.order, n)
	return nil
}
