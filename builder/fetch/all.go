package fetch

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// All makes sure that every artifact can be opened without the network,
// fetching up to workers of them at a time, each digest once. It goes on after
// a failure and returns all of them, in the order of the artifacts.
func (c *Client) All(ctx context.Context, artifacts []specs.Artifact, workers int) error {
	artifacts = distinct(artifacts)
	errs := make([]error, len(artifacts))
	var g errgroup.Group
	g.SetLimit(max(1, workers))
	for i, a := range artifacts {
		g.Go(func() error {
			if errs[i] = context.Cause(ctx); errs[i] == nil {
				errs[i] = c.Fetch(ctx, a)
			}
			return nil
		})
	}
	g.Wait() // the functions return nil: errors are kept in order
	if err := context.Cause(ctx); err != nil {
		return err // once, not for each artifact
	}
	return errors.Join(errs...)
}

// distinct keeps the first of the artifacts that have a digest in common.
func distinct(artifacts []specs.Artifact) []specs.Artifact {
	seen := map[digest.Digest]bool{}
	var kept []specs.Artifact
	for _, a := range artifacts {
		if !seen[a.SHA256] {
			seen[a.SHA256] = true
			kept = append(kept, a)
		}
	}
	return kept
}
