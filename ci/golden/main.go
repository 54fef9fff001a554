// Command golden builds every committed image and compares it with its
// digests.txt, or writes that file anew:
//
//	go run ./ci/golden            compare; exit code 4 when something differs
//	go run ./ci/golden -update    write
//
// digests.txt has a line for each thing with a digest:
//
//	index VARIANT DIGEST
//	manifest VARIANT PLATFORM DIGEST
//	layer PLATFORM DIFFID DIGEST
//
// Variants share layers, so each stands there once for a platform. The diffID is
// of the tar, the digest of the gzip: a change of the encoder alone can be told
// from a change of content.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/basal-project/basal/ci/ocidir"
)

func main() {
	update := flag.Bool("update", false, "write the files instead of comparing")
	flag.Parse()
	same, err := run(*update)
	if err != nil {
		fmt.Fprintln(os.Stderr, "golden:", err)
		os.Exit(1)
	}
	if !same {
		os.Exit(4)
	}
}

func run(update bool) (same bool, err error) {
	locks, err := filepath.Glob("images/*/lock.json")
	if err != nil {
		return false, err
	}
	if len(locks) == 0 {
		return false, errors.New("no images/*/lock.json here: run it in the repository's root")
	}
	tmp, err := os.MkdirTemp("", "basal-golden-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(tmp)
	same = true
	for _, lock := range locks {
		dir := filepath.Dir(lock)
		name := filepath.Base(dir)
		got, err := digests(name, filepath.Join(tmp, name))
		if err != nil {
			return false, err
		}
		file := filepath.Join(dir, "digests.txt")
		if update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				return false, err
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
		report := compare(string(want), got)
		fmt.Printf("%s: %s\n", name, report)
		same = same && report == equal
	}
	return same, nil
}

// digests builds an image, without help from the layer cache, and lists its
// digests.
func digests(name, out string) (string, error) {
	cmd := exec.Command("bin/basal", "build", name, "-o", out, "--no-cache")
	cmd.Stderr = os.Stderr
	if _, err := cmd.Output(); err != nil {
		return "", fmt.Errorf("basal build %s: %w", name, err)
	}
	indexes, err := ocidir.Read(out)
	if err != nil {
		return "", err
	}
	return list(indexes), nil
}

// list writes indexes and manifests as they are ordered in the layout, then each
// platform's layers.
func list(indexes []ocidir.Index) string {
	var b strings.Builder
	for _, ix := range indexes {
		fmt.Fprintf(&b, "index %s %s\n", ix.Ref, ix.Digest)
	}
	var layers []string
	for _, ix := range indexes {
		for _, im := range ix.Images {
			fmt.Fprintf(&b, "manifest %s %s %s\n", ix.Ref, im.Platform, im.Digest)
			for i, l := range im.Layers {
				line := fmt.Sprintf("layer %s %s %s\n", im.Platform, im.DiffIDs[i], l.Digest)
				if !slices.Contains(layers, line) {
					layers = append(layers, line)
				}
			}
		}
	}
	slices.SortStableFunc(layers, func(a, b string) int {
		return strings.Compare(strings.Fields(a)[1], strings.Fields(b)[1])
	})
	return b.String() + strings.Join(layers, "")
}
