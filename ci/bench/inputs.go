package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const basal = "bin/basal"

// fourSpec has four packages whole, so that the same .debs can be given to
// Debian's tools.
const fourSpec = `version: 1
name: four
platforms: [linux/amd64]
archives:
  - {uri: debian, suites: [trixie], components: [main], signed-by: debian-13}
packages: [base-files, netbase, tzdata, ca-certificates]
waive:
  - {package: base-files, depends: awk, because: nothing runs}
  - {package: tzdata, depends: debconf, because: nothing runs}
  - {package: ca-certificates, depends: openssl, because: nothing runs}
  - {package: ca-certificates, depends: debconf, because: nothing runs}
`

// inputs are the folders of one bench: the spec, its .debs, and where outputs
// go.
type inputs struct {
	dir  string
	debs []string
}

// prepare locks the four packages and gets their .debs out of basal's cache. It
// also builds everything once, so that caches are warm.
func prepare(dir string) (*inputs, error) {
	in := &inputs{dir: dir}
	if err := os.Mkdir(in.path("four"), 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(in.path("four/image.yaml"), []byte(fourSpec), 0o644); err != nil {
		return nil, err
	}
	if err := os.CopyFS(in.path("static"), os.DirFS("images/static")); err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"lock", in.path("four")},
		{"fetch", in.path("four"), "-o", in.path("fetched")},
		{"build", in.path("four"), "-o", in.path("out")},
		{"build", in.path("static"), "-o", in.path("out-static")},
		{"lock", in.path("static")},
	} {
		if out, err := exec.Command(basal, args...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s %s: %w\n%s", basal, strings.Join(args, " "), err, out)
		}
	}
	return in, in.linkDebs()
}

// linkDebs finds the four .debs by their digests.
func (in *inputs) linkDebs() error {
	var lock struct {
		Platforms []struct {
			Packages []struct{ Name, SHA256 string }
		}
	}
	b, err := os.ReadFile(in.path("four/lock.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &lock); err != nil {
		return err
	}
	if err := os.Mkdir(in.path("debs"), 0o755); err != nil {
		return err
	}
	for _, p := range lock.Platforms[0].Packages {
		deb := in.path("debs/" + p.Name + ".deb")
		if err := os.Link(in.path("fetched/sha256/"+strings.TrimPrefix(p.SHA256, "sha256:")), deb); err != nil {
			return err
		}
		in.debs = append(in.debs, deb)
	}
	if len(in.debs) != 4 {
		return fmt.Errorf("the lock has %d packages, want 4", len(in.debs))
	}
	return nil
}

func (in *inputs) path(name string) string { return filepath.Join(in.dir, name) }

// fresh returns a function that empties a folder below in.
func (in *inputs) fresh(name string) func() error {
	return func() error {
		if err := os.RemoveAll(in.path(name)); err != nil {
			return err
		}
		return os.Mkdir(in.path(name), 0o755)
	}
}

func (in *inputs) build() command {
	return command{
		name:  "basal build, four packages, no layer cache",
		args:  []string{basal, "build", in.path("four"), "-o", in.path("a/out"), "--no-cache"},
		clean: in.fresh("a"),
		asked: asked{peak: 36},
	}
}

func (in *inputs) warm() command {
	return command{
		name:  "basal build, nothing changed, warm layer cache",
		args:  []string{basal, "build", in.path("four"), "-o", in.path("b/out")},
		clean: in.fresh("b"),
		asked: asked{cpu: 0.025, peak: 28},
	}
}

func (in *inputs) pipeline() command {
	const script = `out=$1; shift; n=0; for deb; do n=$((n+1)); dpkg-deb --fsys-tarfile "$deb" | gzip -6n > "$out/$n.tar.gz" || exit 1; done`
	return command{
		name:  "dpkg-deb --fsys-tarfile | gzip -6n, each",
		args:  append([]string{"sh", "-c", script, "sh", in.path("c")}, in.debs...),
		clean: in.fresh("c"),
	}
}

func (in *inputs) unpackAndPack() command {
	const script = `out=$1; shift; for deb; do dpkg-deb -x "$deb" "$out/root" || exit 1; done; ` +
		`tar --sort=name --numeric-owner -C "$out/root" -c . | gzip -6n > "$out/root.tar.gz"`
	return command{
		name:  "dpkg-deb -x, GNU tar, gzip -6n",
		args:  append([]string{"sh", "-c", script, "sh", in.path("d")}, in.debs...),
		clean: in.fresh("d"),
	}
}

func (in *inputs) version() command {
	return command{
		name:  "basal version",
		args:  []string{basal, "version"},
		clean: func() error { return nil },
		asked: asked{cpu: 0.02},
	}
}

func (in *inputs) static() command {
	return command{
		name:  "basal build static, 6 platforms, 4 variants",
		args:  []string{basal, "build", in.path("static"), "-o", in.path("e/out"), "--no-cache"},
		clean: in.fresh("e"),
		asked: asked{cpu: 1.4, wall: 0.8, peak: 48},
	}
}

func (in *inputs) lock() command {
	return command{
		name:  "basal lock static, indexes cached",
		args:  []string{basal, "lock", in.path("static")},
		clean: func() error { return nil },
		asked: asked{cpu: 2, peak: 64},
	}
}

// mmdebstrap extracts the same .debs from a small archive of their own, whose
// index leaves out what they depend on. ok is false when it is not installed.
func (in *inputs) mmdebstrap() (c command, ok bool) {
	if _, err := exec.LookPath("mmdebstrap"); err != nil {
		return c, false
	}
	const index = `cd "$0" && for deb in *.deb; do dpkg-deb -f "$deb" Package Version Architecture Maintainer Description; ` +
		`echo "Filename: ./$deb"; echo "Size: $(stat -c %s "$deb")"; echo "SHA256: $(sha256sum "$deb" | cut -d' ' -f1)"; echo; done > Packages`
	return command{
		name: "mmdebstrap --variant=extract",
		args: []string{"mmdebstrap", "--quiet", "--variant=extract", "--architectures=amd64",
			"--include=base-files,netbase,tzdata,ca-certificates", "", in.path("f/root.tar.gz"), "deb [trusted=yes] copy:" + in.path("debs") + " ./"},
		clean: func() error {
			if _, err := os.Stat(in.path("debs/Packages")); errors.Is(err, fs.ErrNotExist) {
				if out, err := exec.Command("sh", "-c", index, in.path("debs")).CombinedOutput(); err != nil {
					return fmt.Errorf("making an index: %w\n%s", err, out)
				}
			}
			return in.fresh("f")()
		},
	}, true
}
