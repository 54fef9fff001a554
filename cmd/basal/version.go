package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/basal-project/basal/builder"
	"github.com/basal-project/basal/internal/gz"
)

// version is set by releases with -ldflags "-X main.version=…".
var version = "devel"

func newVersion() *cobra.Command {
	var json bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version, and which locks this program can build",
		Example: "  basal version --json",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := struct {
				Version string `json:"version"`
				Recipe  int    `json:"recipe"`
				Encoder string `json:"encoder"`
				Go      string `json:"go"`
				Host    string `json:"host"`
			}{version, builder.Recipe, gz.Encoder, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
			if json {
				return printJSON(cmd, v)
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "basal %s\nrecipe %d\nencoder %s\n%s %s\n", v.Version, v.Recipe, v.Encoder, v.Go, v.Host)
			return err
		},
	}
	asJSON(cmd, &json)
	return cmd
}
