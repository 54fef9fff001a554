package inspect

import (
	"cmp"
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/digest"
)

// Evidence counts the referrers of one type. A registry says so, and nothing of
// it was verified: neither that they are there, nor what they are.
type Evidence struct {
	On    string `json:"on"`   // index, or the platform of a manifest
	Type  string `json:"type"` // as the registry says it
	Count int    `json:"count"`
}

// evidence asks for the referrers of the root and of each image. A place that
// cannot say is no fault of the image.
func (r *Report) evidence(ctx context.Context, at Place, index bool) {
	type subject struct {
		on string
		d  digest.Digest
	}
	var subjects []subject
	if index {
		subjects = append(subjects, subject{"index", r.Digest})
	}
	for _, p := range r.Platforms {
		subjects = append(subjects, subject{p.Platform, p.Digest})
	}
	found := make([][]oci.Descriptor, len(subjects))
	faults := make([]error, len(subjects))
	var work errgroup.Group
	work.SetLimit(jobs)
	for i, s := range subjects {
		work.Go(func() error {
			found[i], faults[i] = at.Referrers(ctx, s.d)
			return nil
		})
	}
	work.Wait() // no job fails
	if err := cmp.Or(faults...); err != nil {
		r.EvidenceFault = err.Error()
	}
	for i, s := range subjects {
		counts := map[string]int{}
		for _, d := range found[i] {
			counts[d.ArtifactType]++
		}
		for kind, n := range counts {
			r.Evidence = append(r.Evidence, Evidence{On: s.on, Type: kind, Count: n})
		}
		own := r.Evidence[len(r.Evidence)-len(counts):]
		slices.SortFunc(own, func(a, b Evidence) int { return cmp.Compare(a.Type, b.Type) })
	}
}
