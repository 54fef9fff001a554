package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/basal-project/basal/internal/diag"
)

func newCompletion() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print a script with which a shell completes basal's commands",
		Example: `  source <(basal completion bash)
  basal completion zsh > "${fpath[1]}/_basal"
  basal completion fish > ~/.config/fish/completions/basal.fish`,
		ValidArgs: []string{"bash", "zsh", "fish"},
		Args:      arguments(1, 1, "the name of a shell (bash, zsh, fish)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), cmd.OutOrStdout()
			scripts := map[string]func(io.Writer) error{
				"bash": func(w io.Writer) error { return root.GenBashCompletionV2(w, true) },
				"zsh":  root.GenZshCompletion,
				"fish": func(w io.Writer) error { return root.GenFishCompletion(w, true) },
			}
			script, ok := scripts[args[0]]
			if !ok {
				return diag.Usagef("no completion for %q, want bash, zsh or fish", args[0])
			}
			return script(out)
		},
	}
}
