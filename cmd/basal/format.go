package main

import (
	"bytes"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

func newFormat() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:     "format IMAGE...",
		Short:   "Rewrite image.yaml in the usual layout; comments stay",
		Example: "  basal format images/static",
		Args:    arguments(1, -1, "at least one IMAGE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, arg := range args {
				if err := formatImage(arg, check); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "change nothing; fail when something would change")
	return cmd
}

func formatImage(arg string, check bool) error {
	folder, err := findImage(arg)
	if err != nil {
		return err
	}
	if folder.dir == "" {
		return diag.Usagef("%s is part of this program and cannot be changed", folder.place)
	}
	old, err := folder.document(specName)
	if err != nil {
		return err
	}
	formatted, err := specs.Format(folder.file(specName), old)
	if err != nil || bytes.Equal(old, formatted) {
		return err
	}
	if check {
		return diag.Failedf("%s is not in the usual layout", folder.file(specName)).WithHint("run: basal format %s", typed(folder.place))
	}
	return writeFile(filepath.Join(folder.dir, specName), formatted, 0o644)
}
