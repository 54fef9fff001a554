package main

import (
	"github.com/spf13/cobra"

	"github.com/basal-project/basal/internal/diag"
)

func newPull() *cobra.Command {
	var f copyFlags
	var output string
	cmd := &cobra.Command{
		Use:   "pull REF -o DIR",
		Short: "Bring an image from a registry into an OCI layout or archive",
		Long: `Pull writes the image that REF names, with all its platforms and all evidence
about it, to an OCI layout: a folder, or an archive when the name ends in .tar.
The archive is an OCI layout and, if the image can be loaded there, a Docker
archive at once.

A tag is resolved once; everything else is by digest. What REF names by a digest
alone gets the tag latest in the layout.`,
		Example: `  basal pull registry.example.org/static:nonroot -o out/static
  basal pull 127.0.0.1:5000/static@sha256:… -o static.tar`,
		Args: arguments(1, 1, "one REF"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if output == "" {
				return diag.Usagef("basal pull wants an output").WithHint("for example: basal pull %s -o out/image", args[0])
			}
			from, err := parsePlace(registryClient(f.insecure, nil), args[0])
			if err != nil {
				return err
			}
			if from.path != "" {
				return diag.Usagef("%s is a path, and basal pull wants a reference to a registry", args[0]).
					WithHint("basal copy copies layouts")
			}
			return f.copy(cmd, from, place{path: output})
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "a folder, or an archive if `PATH` ends in .tar")
	f.add(cmd)
	return cmd
}
