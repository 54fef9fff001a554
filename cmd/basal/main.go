// Basal builds base images that can be proved: a spec and its lock become an OCI
// image, byte for byte the same on every machine.
//
// One small file for each command; main.go is what they share.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/basal-project/basal/internal/diag"
)

func main() { os.Exit(int(run(os.Args[1:]))) }

// gcPercent trades memory that a short-lived process would not miss for fewer
// collections; the limit keeps large images small all the same.
const (
	gcPercent   = 200
	memoryLimit = 24 << 20
)

func run(args []string) diag.Code {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(gcPercent)
		debug.SetMemoryLimit(memoryLimit)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && ctx.Err() != nil {
		err = diag.Failedf("interrupted")
	}
	report(os.Stderr, err)
	return diag.CodeOf(err)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "basal",
		Short: "Base images you can prove",
		Long: `Basal turns a declarative spec and its lock into a minimal OCI base image, byte
for byte the same on every machine.

An IMAGE is a folder with an image.yaml, or the name of an image that is built
into this program (see basal list).

Exit codes: 0 done, 1 failed, 2 usage, spec or lock error, 3 could not be
evaluated (network, registry), 4 digests diverge.`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
		Args:              cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return diag.Usagef("%s", err).WithHint("%s --help shows the options", cmd.CommandPath())
	})
	root.CompletionOptions.HiddenDefaultCmd = false
	root.AddCommand(
		newLock(), newBuild(), newFetch(), newList(), newDiff(), newExplain(), newFormat(), newVersion(), newMan(),
	)
	return root
}

func unknownCommand(cmd *cobra.Command, name string) error {
	err := diag.Usagef("unknown command %q", name)
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		return err.WithHint("did you mean %q?", near[0])
	}
	return err.WithHint("basal --help lists the commands")
}

// arguments checks the number of a command's arguments.
func arguments(least, most int, words string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || most >= 0 && len(args) > most {
			return diag.Usagef("%s wants %s, found %d arguments", cmd.CommandPath(), words, len(args)).
				WithHint("%s --help shows an example", cmd.CommandPath())
		}
		return nil
	}
}

// report prints each fault in err with its hint.
func report(w io.Writer, err error) {
	for _, fault := range diag.Flatten(err) {
		fmt.Fprintf(w, "basal: error: %s\n", fault)
		if hint := diag.HintOf(fault); hint != "" {
			fmt.Fprintf(w, "basal: hint: %s\n", hint)
		}
	}
}
