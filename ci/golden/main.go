// Command golden builds every committed image and compares it with its
// digests.txt, or writes that file anew:
//
//	go run ./ci/golden            compare; exit code 4 when something differs
//	go run ./ci/golden -update    write
//
// digests.txt has one line for each thing with a digest: the variant, the
// platform or "index", what it is, and the digest. A layer has two, its diffID
// (of the tar) and its digest (of the gzip), so that a change of the encoder
// alone can be told from a change of content.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
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
	var b strings.Builder
	for _, ix := range indexes {
		fmt.Fprintf(&b, "%s index %s\n", ix.Ref, ix.Digest)
		for _, im := range ix.Images {
			fmt.Fprintf(&b, "%s %s manifest %s\n", ix.Ref, im.Platform, im.Digest)
			for i, l := range im.Layers {
				fmt.Fprintf(&b, "%s %s layer-%d diffID %s\n", ix.Ref, im.Platform, i+1, im.DiffIDs[i])
				fmt.Fprintf(&b, "%s %s layer-%d digest %s\n", ix.Ref, im.Platform, i+1, l.Digest)
			}
		}
	}
	return b.String(), nil
}
