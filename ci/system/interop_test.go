//go:build system

package system

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/basal-project/basal/ci/ocidir"
)

var (
	variants  = []string{"debug", "debug-nonroot", "latest", "nonroot"}
	platforms = []string{"linux/amd64", "linux/arm/v7", "linux/arm64/v8", "linux/ppc64le", "linux/riscv64", "linux/s390x"}
)

// TestLayout: the layout holds each variant for each platform.
func TestLayout(t *testing.T) {
	indexes, err := ocidir.Read(static)
	if err != nil {
		t.Fatal(err)
	}
	var refs []string
	for _, ix := range indexes {
		refs = append(refs, ix.Ref)
		var got []string
		for _, im := range ix.Images {
			got = append(got, im.Platform.String())
		}
		slices.Sort(got)
		if !slices.Equal(got, platforms) {
			t.Errorf("%s: got platforms %q, want %q", ix.Ref, got, platforms)
		}
	}
	slices.Sort(refs)
	if !slices.Equal(refs, variants) {
		t.Errorf("got variants %q, want %q", refs, variants)
	}
}

// TestSkopeo: another implementation reads each variant by its reference, finds
// the manifest that we announced, and the layers in it.
func TestSkopeo(t *testing.T) {
	indexes, err := ocidir.Read(static)
	if err != nil {
		t.Fatal(err)
	}
	for _, ix := range indexes {
		ref := "oci:" + static + ":" + ix.Ref
		var inspected struct {
			Architecture string
			Layers       []string
		}
		if err := json.Unmarshal([]byte(must(t, exec.Command("skopeo", "inspect", "--override-arch=amd64", ref))), &inspected); err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, l := range ix.Arch("amd64").Layers {
			want = append(want, l.Digest)
		}
		if inspected.Architecture != "amd64" || !slices.Equal(inspected.Layers, want) {
			t.Errorf("%s: got %+v, want amd64 with layers %q", ix.Ref, inspected, want)
		}
		raw := must(t, exec.Command("skopeo", "inspect", "--raw", ref))
		blob, err := os.ReadFile(ocidir.Path(static, ix.Digest))
		if err != nil || raw != string(blob) {
			t.Errorf("%s: skopeo's raw manifest is not the blob %s (error %v)", ix.Ref, ix.Digest, err)
		}
	}
}

// TestSkopeoCopy: copied between layouts with all platforms, an index keeps its
// digest.
func TestSkopeoCopy(t *testing.T) {
	to := t.TempDir()
	must(t, exec.Command("skopeo", "copy", "--all", "--preserve-digests", "--insecure-policy", "oci:"+static+":nonroot", "oci:"+to+":nonroot"))
	indexes, err := ocidir.Read(static)
	if err != nil {
		t.Fatal(err)
	}
	copied, err := ocidir.Read(to)
	if err != nil || len(copied) != 1 {
		t.Fatalf("got %d indexes (error %v), want 1", len(copied), err)
	}
	if !slices.ContainsFunc(indexes, func(ix ocidir.Index) bool { return ix.Ref == "nonroot" && ix.Digest == copied[0].Digest }) {
		t.Errorf("copied: %s, which is not the digest of nonroot", copied[0].Digest)
	}
}

// TestUnpack: umoci unpacks the image; modes and owners are the ones that
// programs rely on, and every package's md5sums are true.
func TestUnpack(t *testing.T) {
	bundle := filepath.Join(t.TempDir(), "bundle")
	must(t, exec.Command("umoci", "unpack", "--image", static+":latest-amd64", bundle))
	root := filepath.Join(bundle, "rootfs")
	for _, tt := range []struct {
		path string
		mode fs.FileMode
		uid  uint32
	}{
		{"tmp", fs.ModeDir | fs.ModeSticky | 0o777, 0},
		{"root", fs.ModeDir | 0o700, 0},
		{"home/nonroot", fs.ModeDir | 0o700, 65532},
		{"etc/passwd", 0o644, 0},
		{"etc/ssl/certs/ca-certificates.crt", 0o644, 0},
		{"usr/lib/os-release", 0o644, 0},
	} {
		info, err := os.Lstat(filepath.Join(root, tt.path))
		if err != nil {
			t.Error(err)
			continue
		}
		if uid := info.Sys().(*syscall.Stat_t).Uid; info.Mode() != tt.mode || uid != tt.uid {
			t.Errorf("/%s: got %v of user %d, want %v of user %d", tt.path, info.Mode(), uid, tt.mode, tt.uid)
		}
	}
	sums, err := filepath.Glob(filepath.Join(root, "var/lib/dpkg/status.d/*.md5sums"))
	if err != nil || len(sums) < 5 {
		t.Fatalf("got %d md5sums files (error %v), want at least 5", len(sums), err)
	}
	for _, file := range sums {
		cmd := exec.Command("md5sum", "--check", "--strict", "--quiet", file)
		cmd.Dir = root
		must(t, cmd)
	}
}

// TestUnpackRootless: the same without root.
func TestUnpackRootless(t *testing.T) {
	dir := surrounding{uid: nobody}.folder(t)
	cmd := exec.Command("umoci", "unpack", "--rootless", "--image", static+":nonroot-amd64", filepath.Join(dir, "bundle"))
	cmd.Env = append(os.Environ(), "HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	must(t, cmd)
	if _, err := os.Stat(filepath.Join(dir, "bundle/rootfs/etc/ssl/certs/ca-certificates.crt")); err != nil {
		t.Error(err)
	}
}
