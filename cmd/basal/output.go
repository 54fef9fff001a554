package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/basal-project/basal/internal/canonjson"
	"github.com/basal-project/basal/internal/diag"
)

// asJSON adds --json to a command.
func asJSON(cmd *cobra.Command, on *bool) {
	cmd.Flags().BoolVar(on, "json", false, "print the answer as JSON")
}

// printJSON writes v to standard output.
func printJSON(cmd *cobra.Command, v any) error {
	b, err := canonjson.MarshalFile(v)
	if err != nil {
		return err
	}
	_, err = cmd.OutOrStdout().Write(b)
	return err
}

// typed writes an argument as a person types it in a shell.
func typed(arg string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-"
	if strings.HasPrefix(arg, "-") {
		arg = "./" + arg // no option
	}
	if arg != "" && strings.Trim(arg, plain) == "" {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}

// note tells the user something that is not the answer.
func note(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, "basal: %s\n", diag.Printable(fmt.Sprintf(format, args...)))
}
