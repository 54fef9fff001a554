package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/basal-project/basal/builder/layer"
)

// manDate stands in every page; it says nothing.
var manDate = time.Unix(layer.Epoch, 0).UTC()

func newMan() *cobra.Command {
	return &cobra.Command{
		Use:     "man DIR",
		Short:   "Write the manual pages",
		Example: "  basal man out/man && man out/man/basal-build.1",
		Args:    arguments(1, 1, "one folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			// A fixed date: pages are the same wherever they are made.
			header := &doc.GenManHeader{Section: "1", Source: "basal", Manual: "Basal", Date: &manDate}
			return doc.GenManTree(cmd.Root(), header, args[0])
		},
	}
}
