package main

import (
	"github.com/spf13/cobra"

	"github.com/basal-project/basal/builder/gobuild"
)

// goHelper is the name of the command that basal starts itself with when it
// locks Go programs.
const goHelper = "go-helper"

func newGoHelper() *cobra.Command {
	return &cobra.Command{
		Use:    goHelper + " DIR PACKAGE",
		Short:  "Say what Go package is in a folder; basal lock runs this",
		Hidden: true,
		Args:   arguments(2, 2, "a folder and a package"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return gobuild.Helper(cmd.Context(), args, cmd.OutOrStdout())
		},
	}
}

// compiler returns the tool that compiles Go programs. cached says whether it may
// take what an earlier run has made.
func (s *source) compiler(cached bool) *gobuild.Tool {
	opt := s.programs
	if cached {
		opt.Cache = s.cache
	}
	return gobuild.New(opt)
}

func cleanSourceFlag(cmd *cobra.Command, clean *bool) {
	cmd.Flags().BoolVar(clean, "clean-source", false, "refuse a local Go program whose source differs from its git commit")
}
