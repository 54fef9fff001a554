package transfer

import (
	"context"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// Move moves roots, which from has, to another place. What is there already is
// not written again. After an error no tag names content that is not complete,
// and most often none has changed.
//
// A fault of the content is an error of exit code 1; errors of from and to come
// as they are.
func Move(ctx context.Context, from Reader, to Writer, roots []Root, opt Options) (Report, error) {
	m := &move{from: from, to: to, jobs: opt.jobs(), allTags: opt.AllTags, graph: newGraph(from, opt.jobs()), there: map[digest.Digest]bool{}}
	err := m.run(ctx, roots, opt.Evidence)
	return m.report, err
}

// move is one run of Move.
type move struct {
	from  Reader
	to    Writer
	jobs  int
	graph *graph
	tags  []*change

	allTags bool

	mu     sync.Mutex // guards what follows
	there  map[digest.Digest]bool
	old    []oci.Document // what moved tags named before
	report Report
}

func (m *move) run(ctx context.Context, roots []Root, evidence Finder) error {
	var docs []oci.Document
	for _, r := range roots {
		docs = append(docs, r.Document)
	}
	if err := m.graph.add(ctx, docs, false); err != nil {
		return err
	}
	tagged := roots
	if evidence != nil {
		found, strays, err := findEvidence(ctx, m.graph, evidence)
		if err != nil {
			return err
		}
		m.report.Strays = strays
		tagged = append(found, roots...) // when an image has its name, its evidence is complete
	}
	m.count()
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return m.planTags(ctx, tagged) },
		m.putBlobs,
		m.putDocuments,
		m.relist,
		m.remember,
		m.setTags,
		m.settle,
		m.restore,
		m.confirm,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (m *move) count() {
	m.report.Documents, m.report.Blobs = len(m.graph.order), len(m.graph.blobs)
	for _, n := range m.graph.order {
		if n.evidence {
			m.report.Evidence++
		}
	}
}

// each calls do for all of list, a few at once.
func each[T any](ctx context.Context, jobs int, list []T, do func(context.Context, T) error) error {
	g, jobCtx := errgroup.WithContext(ctx)
	g.SetLimit(jobs)
	for _, v := range list {
		if jobCtx.Err() != nil {
			break
		}
		g.Go(func() error { return do(jobCtx, v) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// putBlobs writes the blobs. Those that were missing are then asked for again: a
// target that lost one on the way gets it a second time.
func (m *move) putBlobs(ctx context.Context) error {
	missing, err := m.offer(ctx, m.graph.blobs)
	if err != nil {
		return err
	}
	m.report.Written += len(missing)
	lost, err := m.offer(ctx, missing)
	if err != nil {
		return err
	}
	for _, d := range lost {
		return diag.Failedf("the target took blob %s and does not have it", d.Digest)
	}
	return nil
}

// offer puts blobs, and returns those that the target wanted.
func (m *move) offer(ctx context.Context, blobs []oci.Descriptor) ([]oci.Descriptor, error) {
	wanted := map[digest.Digest]bool{}
	err := each(ctx, m.jobs, blobs, func(ctx context.Context, d oci.Descriptor) error {
		return m.to.PutBlob(ctx, d, func(ctx context.Context) (io.ReadCloser, error) {
			m.mu.Lock()
			wanted[d.Digest] = true
			m.mu.Unlock()
			return m.from.Open(ctx, d)
		})
	})
	m.mu.Lock() // a transport may open once more what it needs no longer
	defer m.mu.Unlock()
	var out []oci.Descriptor
	for _, d := range blobs {
		if wanted[d.Digest] {
			out = append(out, d)
		}
	}
	return out, err
}

// putDocuments writes the documents that the target does not have, and looks
// whether it then has them.
func (m *move) putDocuments(ctx context.Context) error {
	missing, err := m.missing(ctx, m.graph.order)
	if err != nil {
		return err
	}
	if err := m.put(ctx, missing); err != nil {
		return err
	}
	m.report.Written += len(missing)
	lost, err := m.missing(ctx, missing)
	if err != nil {
		return err
	}
	for _, n := range lost {
		return diag.Failedf("the target took document %s and does not have it", n.Descriptor.Digest)
	}
	return nil
}

// missing returns those of nodes that the target does not have.
func (m *move) missing(ctx context.Context, nodes []*node) ([]*node, error) {
	lacks := make([]bool, len(nodes))
	at := make([]int, len(nodes))
	for i := range at {
		at[i] = i
	}
	err := each(ctx, m.jobs, at, func(ctx context.Context, i int) error {
		d := nodes[i].Descriptor
		m.mu.Lock()
		there := m.there[d.Digest]
		m.mu.Unlock()
		if there {
			return nil
		}
		has, err := m.to.HasDocument(ctx, d)
		lacks[i] = !has
		return err
	})
	var out []*node
	for i, n := range nodes {
		if lacks[i] {
			out = append(out, n)
		}
	}
	return out, err
}

// put writes documents, which are in order. Those of one height do not name each
// other and go together; those with a subject go alone, because a registry may
// keep the referrers of a subject in one document, which each of them changes.
func (m *move) put(ctx context.Context, nodes []*node) error {
	for len(nodes) > 0 {
		n := 1
		for n < len(nodes) && together(nodes[0], nodes[n]) {
			n++
		}
		err := each(ctx, m.jobs, nodes[:n], func(ctx context.Context, n *node) error {
			return m.to.PutDocument(ctx, n.Document)
		})
		if err != nil {
			return err
		}
		nodes = nodes[n:]
	}
	return nil
}

func together(a, b *node) bool {
	return a.height == b.height && a.subject.IsZero() && b.subject.IsZero()
}
