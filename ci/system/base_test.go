//go:build system

package system

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/basal-project/basal/builder/baseimage"
	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/ci/ocidir"
	"github.com/basal-project/basal/ci/registries"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// tricky are layers that replace, delete and link across each other.
func tricky() [][]registries.ForeignFile {
	dir := func(name string, mode int64) registries.ForeignFile {
		return registries.ForeignFile{Name: name, Mode: mode}
	}
	file := func(name, text string) registries.ForeignFile {
		return registries.ForeignFile{Name: name, Mode: 0o644, Text: text}
	}
	link := func(name, to string) registries.ForeignFile {
		return registries.ForeignFile{Name: name, Mode: 0o777, Link: to}
	}
	hard := func(name, to string) registries.ForeignFile {
		return registries.ForeignFile{Name: name, Mode: 0o644, Hard: to}
	}
	return [][]registries.ForeignFile{
		{
			dir("./", 0o755), dir("etc/", 0o750), file("etc/a", "1"), file("etc/b", "2"), file("etc/sub/c", "3"), file("etc/passwd", "app:x:5:5::/:/bin/sh\n"), file("etc/group", "app:x:5:\n"),
			dir("usr/lib/", 0o755), link("lib", "usr/lib"), link("abs", "/usr/lib"), file("usr/lib/x", "x"),
			dir("opaque/", 0o700), file("opaque/old", "o"), file("opaque/deep/old", "o"),
			file("one", "h"), hard("two", "one"), hard("sub/three", "two"),
			file("becomes-dir", "f"), dir("becomes-file/", 0o755), file("becomes-file/in", "f"),
			dir("becomes-link/", 0o755), file("becomes-link/in", "f"), link("link-becomes-dir", "etc"),
			{Name: "setuid", Mode: 0o4711, Text: "s"}, dir("sticky/", 0o1777),
		},
		{
			file("etc/.wh.b", ""), file("etc/a", "1 again"), file("lib/y", "y"), file("abs/z", "z"), file("lib/.wh.x", ""),
			file("opaque/.wh..wh..opq", ""), file("opaque/new", "n"),
			file("two", "no longer linked"), hard("four", "sub/three"),
			dir("becomes-dir/", 0o755), file("becomes-dir/in", "d"), file("becomes-file", "f"), link("becomes-link", "etc"),
			dir("link-becomes-dir/", 0o711), file("link-becomes-dir/in", "d"),
			dir("etc/", 0o755),
		},
		{
			file(".wh.nothing", ""), file("opaque/later", "l"), file("etc/sub/.wh.c", ""), file("etc/sub/d", "d"),
			file("implied/by/its/child", "c"), file(".wh.one", ""), dir("opaque/", 0o755),
		},
		{file(".wh.opaque", ""), file("opaque/reborn", "r")},
	}
}

// TestBaseAsUmoci: the file system that basal computes for a base is the one that
// umoci unpacks.
func TestBaseAsUmoci(t *testing.T) {
	r := startRegistry(t, registries.InProcess, registries.Options{})
	if err := registries.Foreign(r.Addr+"/base:1", []string{"amd64"}, tricky()...); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	layout, bundle := filepath.Join(dir, "layout"), filepath.Join(dir, "bundle")
	must(t, exec.Command("skopeo", "copy", "--src-tls-verify=false", "--override-arch=amd64", "docker://"+r.Addr+"/base:1", "oci:"+layout+":1"))
	must(t, exec.Command("umoci", "unpack", "--image", layout+":1", bundle))
	want, err := onDisk(filepath.Join(bundle, "rootfs"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := computed(t.Context(), layout)
	if err != nil {
		t.Fatal(err)
	}
	if len(want) < 30 || !slices.Equal(got, want) {
		t.Errorf("basal has\n  %s\numoci has\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// disk is the blobs of a layout.
type disk string

func (d disk) Open(_ context.Context, a specs.Artifact) (io.ReadCloser, error) {
	return os.Open(ocidir.Path(string(d), a.SHA256.String()))
}

// computed describes the file system of the one image in a layout.
func computed(ctx context.Context, layout string) ([]string, error) {
	b, err := os.ReadFile(filepath.Join(layout, "index.json"))
	if err != nil {
		return nil, err
	}
	var top struct{ Manifests []ocidir.Descriptor }
	if err := json.Unmarshal(b, &top); err != nil {
		return nil, err
	}
	m := top.Manifests[0]
	sum, err := digest.Parse(m.Digest)
	if err != nil {
		return nil, err
	}
	base := &specs.LockedBase{Name: "base", Repository: "base", MediaType: oci.MediaTypeManifest, Digest: sum, Size: m.Size}
	found, err := baseimage.Find(ctx, disk(layout), base, specs.Platform{OS: "linux", Arch: "amd64"})
	if err != nil {
		return nil, err
	}
	var files []*os.File
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	scratch := func() (baseimage.Scratch, error) {
		f, err := os.CreateTemp(layout, "scratch")
		files = append(files, f)
		return f, err
	}
	tree, err := baseimage.ReadTree(ctx, disk(layout), base, &found.Locked, "base:base", scratch, baseimage.InTurn)
	if err != nil {
		return nil, err
	}
	var out []string
	for e := range tree.All() {
		text := ""
		switch e.Kind {
		case rootfs.Symlink:
			text = "-> " + e.Link
		case rootfs.File, rootfs.Hardlink:
			b, err := io.ReadAll(e.Content.Reader())
			if err != nil {
				return nil, err
			}
			first := e.Path
			if e.Kind == rootfs.Hardlink {
				first = e.Link
			}
			text = fmt.Sprintf("%q, first name %s", b, first)
		}
		out = append(out, describe(e.Path, e.Kind == rootfs.Dir, e.Mode, e.UID, e.GID, text))
	}
	slices.Sort(out)
	return out, nil
}

func describe(path string, dir bool, mode uint16, uid, gid int, text string) string {
	if dir {
		path += "/"
	}
	return fmt.Sprintf("%s %04o %d:%d %s", path, mode, uid, gid, text)
}

// onDisk describes what is below root in the same words.
func onDisk(root string) ([]string, error) {
	var out []string
	first := map[uint64]string{} // by inode
	var visit func(dir string) error
	visit = func(dir string) error {
		entries, err := os.ReadDir(filepath.Join(root, dir)) // sorted
		if err != nil {
			return err
		}
		for _, entry := range entries {
			path := filepath.Join(dir, entry.Name())
			info, err := entry.Info()
			if err != nil {
				return err
			}
			st := info.Sys().(*syscall.Stat_t)
			text := ""
			switch {
			case info.Mode()&fs.ModeSymlink != 0:
				to, err := os.Readlink(filepath.Join(root, path))
				if err != nil {
					return err
				}
				text = "-> " + to
			case info.Mode().IsRegular():
				b, err := os.ReadFile(filepath.Join(root, path))
				if err != nil {
					return err
				}
				if first[st.Ino] == "" {
					first[st.Ino] = path
				}
				text = fmt.Sprintf("%q, first name %s", b, first[st.Ino])
			}
			out = append(out, describe(path, info.IsDir(), uint16(st.Mode&0o7777), int(st.Uid), int(st.Gid), text))
			if info.IsDir() {
				if err := visit(path); err != nil {
					return err
				}
			}
		}
		return nil
	}
	err := visit("")
	slices.Sort(out)
	return out, err
}
