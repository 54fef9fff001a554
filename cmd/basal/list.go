package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/basal-project/basal/images"
)

func newList() *cobra.Command {
	var json bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the images that are built into this program",
		Example: "  basal list",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			type row struct {
				Name      string   `json:"name"`
				Summary   string   `json:"summary"`
				Variants  []string `json:"variants"`
				Platforms []string `json:"platforms"`
			}
			var rows []row
			for _, name := range images.Names() {
				folder, _ := images.Open(name)
				spec, err := imageFolder{files: folder, place: "embedded " + name}.spec()
				if err != nil {
					return err
				}
				r := row{Name: name, Summary: spec.Summary, Variants: spec.VariantNames()}
				for _, p := range spec.Platforms {
					r.Platforms = append(r.Platforms, p.String())
				}
				rows = append(rows, r)
			}
			if json {
				return printJSON(cmd, rows)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, r := range rows {
				fmt.Fprintf(w, "%s\t%s\t%s\n", r.Name, strings.Join(r.Variants, " "), r.Summary)
			}
			return w.Flush()
		},
	}
	asJSON(cmd, &json)
	return cmd
}
