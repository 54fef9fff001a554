package fetch

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

func localFiles(t *testing.T, dir string) fs.FS {
	t.Helper()
	files, err := LocalFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func localArtifact(path string, b []byte) specs.Artifact {
	return specs.Artifact{SHA256: digest.Of(b), Size: int64(len(b)), Path: path}
}

func TestLocalFiles(t *testing.T) {
	child, parent, outside := t.TempDir(), t.TempDir(), t.TempDir()
	mustWrite(t, filepath.Join(child, "conf/a"), []byte("child's"))
	mustWrite(t, filepath.Join(parent, "conf/a"), []byte("parent's"))
	mustWrite(t, filepath.Join(outside, "secret"), []byte("secret"))
	if err := os.Symlink(filepath.Join(outside, "secret"), filepath.Join(child, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("conf/a", filepath.Join(child, "inner")); err != nil {
		t.Fatal(err)
	}
	c := clientWith(t, Options{Local: []fs.FS{localFiles(t, child), localFiles(t, parent)}, Transport: noNetwork{t}})

	for _, tt := range []struct{ path, content string }{
		{"conf/a", "child's"},
		{"./conf/a", "child's"},
		{"inner", "child's"},
		{"conf/a", "parent's"}, // the digest tells which
	} {
		a := localArtifact(tt.path, []byte(tt.content))
		mustRead(t, c, a, []byte(tt.content))
		if err := c.Fetch(t.Context(), a); err != nil {
			t.Errorf("Fetch %s: %v", tt.path, err)
		}
	}
	for _, tt := range []struct{ path, content, want string }{
		{"conf/a", "edited", "has changed since it was locked"},
		{"conf/b", "", "is not there"},
		{"conf", "", "not a regular file"},
		{"link", "secret", "escapes"},
		{"../" + filepath.Base(outside) + "/secret", "secret", "not below the spec's folder"},
		{filepath.Join(outside, "secret"), "secret", "not below the spec's folder"},
		{".", "", "not below the spec's folder"},
	} {
		_, err := read(c, localArtifact(tt.path, []byte(tt.content)))
		if diag.CodeOf(err) != diag.Usage {
			t.Errorf("%s: %v, want exit code 2", tt.path, err)
			continue
		}
		mustHave(t, err.Error(), tt.want, tt.path)
	}
	huge := localArtifact("conf/a", nil)
	huge.Size = MaxLocal + 1
	if _, err := read(c, huge); err == nil {
		t.Error("a file that is too large was read")
	}
}

func TestLocalFileFromTheOfflineDirectory(t *testing.T) {
	dir, b := t.TempDir(), []byte("kept")
	a := localArtifact("conf/a", b)
	mustWrite(t, filepath.Join(dir, "sha256", a.SHA256.Hex()), b)
	offline, err := OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	mustRead(t, clientWith(t, Options{Directory: offline}), a, b)

	edited := t.TempDir()
	mustWrite(t, filepath.Join(edited, "conf/a"), []byte("edited"))
	_, err = read(clientWith(t, Options{Directory: offline, Local: []fs.FS{localFiles(t, edited)}}), a)
	if diag.CodeOf(err) != diag.Usage {
		t.Errorf("got %v, want an error: the old file must not come in quietly", err)
	}
}

func TestExport(t *testing.T) {
	h := files(t, map[string][]byte{"debian/" + pool: body})
	spec := t.TempDir()
	mustWrite(t, filepath.Join(spec, "conf"), []byte("conf"))
	artifacts := []specs.Artifact{deb(body), localArtifact("conf", []byte("conf")), deb(body)}
	dir := filepath.Join(t.TempDir(), "new", "offline")
	mustWrite(t, filepath.Join(dir, "sha256", artifacts[1].SHA256.Hex()), []byte("damaged"))

	c := clientWith(t, Options{Mirrors: mirrors(t, h.URL), Local: []fs.FS{localFiles(t, spec)}})
	if err := c.Export(t.Context(), artifacts, dir, 2); err != nil {
		t.Fatal(err)
	}
	if got := tree(t, dir); len(got) != 2 {
		t.Errorf("the directory holds %q, want two files", got)
	}
	offline, err := OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	c = clientWith(t, Options{Directory: offline, Offline: true, Transport: noNetwork{t}})
	mustRead(t, c, artifacts[0], body)
	mustRead(t, c, artifacts[1], []byte("conf"))
	if err := c.All(t.Context(), artifacts, 2); err != nil {
		t.Errorf("everything is there: %v", err)
	}

	flipped := bytes.Clone(body)
	flipped[0]++
	mustWrite(t, filepath.Join(dir, "sha256", artifacts[0].SHA256.Hex()), flipped)
	if _, err := read(c, artifacts[0]); diag.CodeOf(err) != diag.Unavailable {
		t.Errorf("a damaged copy: %v, want exit code 3", err)
	}
	if got := tree(t, dir); len(got) != 2 {
		t.Errorf("the user's directory was changed: %q", got)
	}
}

func TestFailedExportLeavesNothing(t *testing.T) {
	h := files(t, map[string][]byte{"debian/" + pool: body})
	missing := deb([]byte("missing"))
	missing.Path = "pool/missing"
	parent := t.TempDir()
	dir := filepath.Join(parent, "offline")
	if err := client(t, h).Export(t.Context(), []specs.Artifact{deb(body), missing}, dir, 2); diag.CodeOf(err) != diag.Unavailable {
		t.Errorf("got %v, want exit code 3", err)
	}
	if got := tree(t, parent); len(got) != 0 {
		t.Errorf("files are left: %q", got)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the directory is left")
	}

	mustWrite(t, dir, nil) // a file where the directory should be
	if err := client(t, h).Export(t.Context(), []specs.Artifact{deb(body)}, dir, 2); err == nil {
		t.Error("it was exported to nowhere")
	}
	if _, err := OpenDirectory(dir); diag.CodeOf(err) != diag.Usage {
		t.Errorf("OpenDirectory of a file: %v, want exit code 2", err)
	}
	if _, err := OpenDirectory(filepath.Join(parent, "none")); diag.CodeOf(err) != diag.Usage {
		t.Errorf("OpenDirectory of nothing: %v, want exit code 2", err)
	}
}

// tree returns the files below dir.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
