package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/basal-project/basal/builder/cache"
	"github.com/basal-project/basal/builder/fetch"
	"github.com/basal-project/basal/builder/gobuild"
	"github.com/basal-project/basal/internal/diag"
)

// sourceFlags are the options of every command that needs inputs.
type sourceFlags struct {
	mirrors  []string
	inputs   string
	offline  bool
	insecure bool
	progress string
}

func (f *sourceFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.mirrors, "mirror", nil, "a Debian mirror, `[NAME=]URL`; may be repeated (default $BASAL_DEBIAN_MIRROR, else this machine's apt sources)")
	cmd.Flags().StringVar(&f.inputs, "inputs", "", "a `folder` made by basal fetch, looked at after the cache")
	cmd.Flags().BoolVar(&f.offline, "offline", false, "never use the network")
	insecureFlag(cmd, &f.insecure)
	cmd.Flags().StringVar(&f.progress, "progress", "auto", "`how` to show downloads: auto, bar, plain or none")
}

const (
	mirrorVariable   = "BASAL_DEBIAN_MIRROR" // mirrors, with spaces between, for when no option names any
	snapshotVariable = "BASAL_SNAPSHOT"      // the snapshot service in place of the public one
)

// source is an open cache and a client that fills it.
type source struct {
	*fetch.Client
	cache    *cache.Cache
	bases    *bases
	progress progress
	programs gobuild.Options // without a cache
}

// open makes the client. local are the folders of the specs in use.
func (f *sourceFlags) open(cmd *cobra.Command, local folders) (*source, error) {
	mirrors, err := f.findMirrors()
	if err != nil {
		return nil, err
	}
	opt := fetch.Options{
		Local:     local.files(),
		Mirrors:   mirrors,
		Snapshot:  fetch.SnapshotService,
		Offline:   f.offline,
		UserAgent: "basal/" + version,
	}
	if s := os.Getenv(snapshotVariable); s != "" {
		if err := fetch.CheckBase(s); err != nil {
			return nil, diag.Usagef("%s: %w", snapshotVariable, err)
		}
		opt.Snapshot = s
	}
	if f.inputs != "" {
		if opt.Directory, err = fetch.OpenDirectory(f.inputs); err != nil {
			return nil, err
		}
	}
	if opt.Cache, err = openCache(); err != nil {
		return nil, err
	}
	s := &source{cache: opt.Cache}
	s.programs = gobuild.Options{Folders: local.dirs(), Inputs: f.inputs, Offline: f.offline, Helper: []string{os.Args[0], goHelper}}
	s.programs.Note = func(text string) { note(cmd.ErrOrStderr(), "%s", text) }
	if s.progress, err = newProgress(f.progress, cmd.ErrOrStderr()); err != nil {
		return nil, err
	}
	opt.Progress = s.progress
	s.bases = newBases(registryClient(f.insecure, s.progress), f.offline)
	opt.Registry = s.bases
	s.Client = fetch.New(opt)
	return s, nil
}

func (f *sourceFlags) findMirrors() (fetch.Mirrors, error) {
	from, list := "--mirror", f.mirrors
	if len(list) == 0 {
		from, list = mirrorVariable, strings.Fields(os.Getenv(mirrorVariable))
	}
	if len(list) == 0 {
		return fetch.AptMirrors("/"), nil
	}
	mirrors, err := fetch.ParseMirrors(list)
	if err != nil {
		return mirrors, diag.Usagef("%s: %w", from, err)
	}
	return mirrors, nil
}

// close ends the progress display, and says when the cache was of no use.
func (s *source) close(cmd *cobra.Command) {
	s.progress.close()
	if why := s.cache.Unwritable(); why != nil {
		note(cmd.ErrOrStderr(), "the cache could not be written, and nothing is kept: %v", why)
	}
	s.cache.Close()
}

// openCache opens $XDG_CACHE_HOME/basal, by default below $HOME/.cache. A
// relative value counts as none (XDG Base Directory Specification); without a
// home the cache is private to this run.
func openCache() (*cache.Cache, error) {
	dir := os.Getenv("XDG_CACHE_HOME")
	if !filepath.IsAbs(dir) {
		home, err := os.UserHomeDir()
		if err != nil {
			return cache.Open("")
		}
		dir = filepath.Join(home, ".cache")
	}
	return cache.Open(filepath.Join(dir, "basal"))
}
