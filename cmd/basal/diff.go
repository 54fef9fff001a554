package main

import (
	"github.com/spf13/cobra"

	"github.com/basal-project/basal/builder/explain"
	"github.com/basal-project/basal/builder/layout"
	"github.com/basal-project/basal/internal/diag"
)

func newDiff() *cobra.Command {
	var json bool
	cmd := &cobra.Command{
		Use:   "diff A B",
		Short: "Say how two image layouts or archives differ",
		Long: `Diff compares two OCI layouts, folders or archives, from their indexes down to
the first differing bytes of a file. It also checks that every blob is what its
digest says. It exits with 4 when there is a difference.`,
		Example: "  basal diff out/mine out/theirs",
		Args:    arguments(2, 2, "two layouts"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := layout.Open(args[0])
			if err != nil {
				return err
			}
			defer a.Close()
			b, err := layout.Open(args[1])
			if err != nil {
				return err
			}
			defer b.Close()
			report := explain.Diff(a, b)
			if json {
				err = printJSON(cmd, report)
			} else {
				err = report.WriteText(cmd.OutOrStdout())
			}
			if err != nil || report.Equal() {
				return err
			}
			return &diag.Error{Msg: args[0] + " and " + args[1] + " differ", Code: diag.Diverged}
		},
	}
	asJSON(cmd, &json)
	return cmd
}
