//go:build system

package system

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/basal-project/basal/ci/ocidir"
)

// TestExtends: an image that extends static by one file and one user shares all
// of static's layers, byte for byte; one new layer holds the file and the new
// /etc/passwd; and in a container /tmp and the home directories are as they were.
func TestExtends(t *testing.T) {
	spec := writeSpec(t, extendingSpec)
	dir := t.TempDir()
	layout, archive := filepath.Join(dir, "derived"), filepath.Join(dir, "derived.tar")
	must(t, basal("lock", spec))
	must(t, basal("build", spec, "-o", layout))
	must(t, basal("build", spec, "-o", archive))

	parent, child := latestAmd64(t, static), latestAmd64(t, layout)
	n := len(parent.Layers)
	if len(child.Layers) != n+1 {
		t.Fatalf("got %d layers, want static's %d and one more", len(child.Layers), n)
	}
	for i, l := range parent.Layers {
		if child.Layers[i].Digest != l.Digest || child.DiffIDs[i] != parent.DiffIDs[i] {
			t.Errorf("layer %d is %s, want static's %s", i+1, child.Layers[i].Digest, l.Digest)
		}
		a, errA := os.ReadFile(ocidir.Path(static, l.Digest))
		b, errB := os.ReadFile(ocidir.Path(layout, l.Digest))
		if errA != nil || errB != nil || !slices.Equal(a, b) {
			t.Errorf("layer %d: the blobs differ (errors %v, %v)", i+1, errA, errB)
		}
	}

	entries := readLayer(t, ocidir.Path(layout, child.Layers[n].Digest))
	for path, want := range map[string]string{
		"etc/greeting": "-rw-r--r-- 0:0 hello\n",
		"home/app/":    "drwxr-x--- 1000:1000 ",
	} {
		if entries[path] != want {
			t.Errorf("%s in the last layer: got %q, want %q", path, entries[path], want)
		}
	}
	for _, name := range []string{"root:x:0:", "nonroot:x:65532:", "app:x:1000:"} {
		if !strings.Contains(entries["etc/passwd"], name) {
			t.Errorf("no %s in the last layer's etc/passwd: %q", name, entries["etc/passwd"])
		}
	}

	e := startEngine(t)
	must(t, e.docker("load", "-i", archive))
	busybox := busyboxOf(t, e)
	out := must(t, e.docker("run", "--rm", "--network=none", "-v", busybox+":/busybox:ro", "--entrypoint=/busybox", "derived:latest-amd64",
		"stat", "-c", "%n %a %u:%g", "/tmp", "/root", "/home/nonroot", "/home/app"))
	if want := "/tmp 1777 0:0\n/root 700 0:0\n/home/nonroot 700 65532:65532\n/home/app 750 1000:1000\n"; out != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

func latestAmd64(t *testing.T, layout string) ocidir.Image {
	t.Helper()
	indexes, err := ocidir.Read(layout)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(indexes, func(ix ocidir.Index) bool { return ix.Ref == "latest" })
	if i < 0 || len(indexes[i].Arch("amd64").Layers) == 0 {
		t.Fatalf("%s has no latest for amd64", layout)
	}
	return indexes[i].Arch("amd64")
}

// readLayer returns each entry as "mode uid:gid content".
func readLayer(t *testing.T, file string) map[string]string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	entries := make(map[string]string)
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return entries
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		entries[h.Name] = fmt.Sprintf("%v %d:%d %s", h.FileInfo().Mode(), h.Uid, h.Gid, b)
	}
}

// busyboxOf takes busybox out of static's debug image, to look around in images
// that have no program.
func busyboxOf(t *testing.T, e engine) string {
	t.Helper()
	dir := t.TempDir()
	archive := filepath.Join(dir, "debug.tar")
	must(t, basal("build", "static", "--platform=linux/amd64", "-o", archive))
	must(t, e.docker("load", "-i", archive))
	id := strings.TrimSpace(must(t, e.docker("create", "static:debug-amd64")))
	to := filepath.Join(dir, "busybox")
	must(t, e.docker("cp", "--follow-link", id+":/busybox/sh", to))
	must(t, e.docker("rm", id))
	return to
}
