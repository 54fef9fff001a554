package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/basal-project/basal/builder/locking"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// verifyLock follows the chain from keys to packages again.
func verifyLock(cmd *cobra.Command, folder imageFolder, f lockFlags) error {
	lock, err := folder.current()
	if err != nil {
		return err
	}
	f.offline = true
	src, err := f.open(cmd, nil)
	if err != nil {
		return err
	}
	defer src.close(cmd)
	hint := fmt.Sprintf("run: basal fetch %s --proof; it brings the release files into the cache, from the snapshot service if need be", folder.place)
	open := func(d digest.Digest, size int64) (io.ReadCloser, error) {
		r, err := src.Open(context.WithoutCancel(cmd.Context()), specs.Artifact{SHA256: d, Size: size, Archive: "release file", Path: d.String()})
		if err != nil {
			return nil, diag.Unavailablef("%w", err).WithHint("%s", hint)
		}
		return r, nil
	}
	if err := locking.Verify(cmd.Context(), lock, folder.keyringOf, open); err != nil {
		return err
	}
	if f.json {
		return printJSON(cmd, struct {
			Lock     string `json:"lock"`
			Verified bool   `json:"verified"`
		}{folder.file(lockName), true})
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: every package is listed by a signed archive\n", diag.Printable(folder.file(lockName)))
	return err
}
