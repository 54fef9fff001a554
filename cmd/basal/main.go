// Basal builds base images that can be proved: a spec and its lock become an OCI
// image, byte for byte the same on every machine.
//
// One small file for each command; main.go is what they share.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/agnivade/levenshtein"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/basal-project/basal/internal/diag"
)

func main() { os.Exit(int(run(os.Args[1:]))) }

// gcPercent trades memory that a short-lived process does not miss for fewer
// collections; memoryLimit, in bytes, ends that trade when an image is large.
// GOGC and GOMEMLIMIT still decide when they are set.
const (
	gcPercent   = 400
	memoryLimit = 36 << 20
)

func run(args []string) diag.Code {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal kills, whatever the first one waits for
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
	root.SetFlagErrorFunc(flagError)
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(newHelp())
	root.AddCommand(
		newLock(), newBuild(), newFetch(), newPush(), newPull(), newCopy(),
		newList(), newNew(), newInspect(), newDiff(), newExplain(), newFormat(), newVersion(), newMan(), newCompletion(), newGoHelper(),
	)
	return root
}

func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Show the help of a command",
		Example: "  basal help build",
		Args:    arguments(0, 1, "at most one COMMAND"),
		RunE: func(cmd *cobra.Command, args []string) error {
			found, _, err := cmd.Root().Find(args)
			if err != nil || len(args) > 0 && found == cmd.Root() {
				return unknownCommand(cmd.Root(), args[0])
			}
			return found.Help()
		},
	}
}

func unknownCommand(cmd *cobra.Command, name string) error {
	err := diag.Usagef("unknown command %q", name)
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	if near := nearest(name, names); near != "" {
		return err.WithHint("did you mean %q?", near)
	}
	return err.WithHint("basal --help lists the commands")
}

// flagError says what is wrong with an option, and which one may be meant.
func flagError(cmd *cobra.Command, err error) error {
	fault := diag.Usagef("%s: %w", cmd.CommandPath(), err)
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && len(unknown.GetSpecifiedName()) > 1 {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		if near := nearest("--"+unknown.GetSpecifiedName(), names); near != "" {
			return fault.WithHint("did you mean %q?", near)
		}
	}
	return fault.WithHint("%s --help shows the options", cmd.CommandPath())
}

// nearest returns the name that is spelled most like word, "" when none has more
// than half of it.
func nearest(word string, names []string) string {
	best, least := "", (len(word)+1)/2
	for _, name := range names {
		if d := levenshtein.ComputeDistance(word, name); d < least {
			best, least = name, d
		}
	}
	return best
}

// arguments checks the number of a command's arguments.
func arguments(least, most int, words string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || most >= 0 && len(args) > most {
			found := fmt.Sprintf("%d arguments", len(args))
			switch len(args) {
			case 0:
				found = "no arguments"
			case 1:
				found = "1 argument"
			}
			return diag.Usagef("%s wants %s, found %s", cmd.CommandPath(), words, found).
				WithHint("%s --help shows an example", cmd.CommandPath())
		}
		return nil
	}
}

// report prints each fault in err with its hint.
func report(w io.Writer, err error) {
	for _, fault := range diag.Flatten(err) {
		fmt.Fprintf(w, "basal: error: %s\n", diag.Printable(fault.Error()))
		if hint := diag.HintOf(fault); hint != "" {
			fmt.Fprintf(w, "basal: hint: %s\n", diag.Printable(hint))
		}
	}
}
