package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/basal-project/basal/builder"
	"github.com/basal-project/basal/specs"
)

// downloads is how many inputs are fetched at once: enough to hide latency, few
// enough for a volunteer's mirror.
const downloads = 4

func newFetch() *cobra.Command {
	var f sourceFlags
	var output string
	var proof bool
	cmd := &cobra.Command{
		Use:   "fetch IMAGE [-o DIR]",
		Short: "Fetch every input of an image, for building offline",
		Long: `Fetch brings every byte that the lock names into the cache and, with -o, into a
folder that can be carried to a machine without a network: the packages, the
local files, the base image and the modules of Go programs. With --proof it also brings the InRelease and Packages files that
basal lock --verify goes by.`,
		Example: `  basal fetch static -o inputs
  basal build static --inputs inputs --offline -o out/static
  basal fetch static --proof && basal lock static --verify`,
		Args: arguments(1, 1, "one IMAGE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			in, err := openImage(cmd, args[0], &f)
			if err != nil {
				return err
			}
			defer in.close(cmd)
			artifacts := lockedArtifacts(in.lock)
			if proof {
				artifacts = append(artifacts, proofArtifacts(in.lock)...)
			}
			programs, tool := builder.Programs(in.lock), in.compiler(true)
			defer tool.Close()
			if output == "" {
				return errors.Join(in.All(cmd.Context(), artifacts, downloads), tool.Fetch(cmd.Context(), programs))
			}
			if err := in.Export(cmd.Context(), artifacts, output, downloads); err != nil {
				return err
			}
			return tool.Export(cmd.Context(), programs, output)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "", "a `folder` for the inputs")
	cmd.Flags().BoolVar(&proof, "proof", false, "also the signed release files behind the lock")
	return cmd
}

// lockedArtifacts returns all that a build of lock reads.
func lockedArtifacts(lock *specs.Lock) []specs.Artifact {
	all := baseArtifacts(lock)
	for l := lock; l != nil; l = l.Extends {
		for _, in := range l.Inputs {
			all = append(all, in.Artifact())
		}
		for i := range l.Platforms {
			p := &l.Platforms[i]
			for _, pkg := range p.Packages {
				all = append(all, p.Artifact(pkg))
			}
		}
	}
	return all
}

// proofArtifacts returns the release files and indexes that a lock names. A
// mirror has an InRelease file until the next one; the snapshot service keeps
// them.
func proofArtifacts(lock *specs.Lock) []specs.Artifact {
	var all []specs.Artifact
	for l := lock; l != nil; l = l.Extends {
		for _, p := range l.Platforms {
			for _, ix := range p.Indexes {
				suite := "dists/" + ix.Suite + "/"
				all = append(all,
					specs.Artifact{SHA256: ix.Release.SHA256, Size: ix.Release.Size, Archive: ix.Archive, Path: suite + "InRelease", Date: ix.Release.Date},
					specs.Artifact{SHA256: ix.SHA256, Size: ix.Size, Archive: ix.Archive, Path: suite + ix.Path, Date: ix.Release.Date})
			}
		}
	}
	return all
}
