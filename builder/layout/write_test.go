package layout

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// snapshot returns mode and content of all files below root by path.
func snapshot(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		content := ""
		if e.Type().IsRegular() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = string(b)
		}
		if rel != "." {
			files[rel] = info.Mode().String() + " " + content
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func equalSnapshots(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s: got %.80q, want %.80q", name, got[name], want[name])
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s should not be there", name)
		}
	}
}

func TestWriteDirectoryGolden(t *testing.T) {
	images, blobs := testImages(t)
	out := filepath.Join(t.TempDir(), "missing", "parents", "static")
	if err := Write(out, "static", images, blobs); err != nil {
		t.Fatal(err)
	}
	got := snapshot(t, out)
	want := map[string]string{
		"blobs":        "drwxr-xr-x ",
		"blobs/sha256": "drwxr-xr-x ",
		"oci-layout":   "-rw-r--r-- " + `{"imageLayoutVersion":"1.0.0"}` + "\n",
		"index.json":   "-rw-r--r-- " + golden(t, "index.json"),
	}
	blob := func(d digest.Digest, b []byte) {
		if digest.Of(b) != d {
			t.Errorf("the test's own blob %s is wrong", d)
		}
		want[blobPath(d)] = "-rw-r--r-- " + string(b)
	}
	for d, b := range blobs.blobs {
		blob(d, b)
	}
	for _, i := range images {
		blob(i.Index.Descriptor.Digest, i.Index.Bytes)
		for _, p := range i.Platforms {
			blob(p.Manifest.Descriptor.Digest, p.Manifest.Bytes)
			blob(p.Config.Descriptor.Digest, p.Config.Bytes)
		}
	}
	equalSnapshots(t, got, want)
	if n := blobs.open.Load(); n != 0 {
		t.Errorf("%d blobs were left open", n)
	}
}

func TestWriteArchiveGolden(t *testing.T) {
	images, blobs := testImages(t)
	out := filepath.Join(t.TempDir(), "static.tar")
	if err := Write(out, "static", images, blobs); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(out)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != fileMode {
		t.Errorf("mode %v, want %v", info.Mode(), fs.FileMode(fileMode))
	}
	l := open(t, out)
	for _, name := range []string{"index.json", "manifest.json"} {
		b, err := l.File(name)
		if err != nil {
			t.Fatal(err)
		}
		if string(b) != golden(t, name) {
			t.Errorf("%s: got %s", name, b)
		}
	}
}

func golden(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func open(t *testing.T, path string) *Layout {
	t.Helper()
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestWriteIgnoresUmaskAndOrder(t *testing.T) {
	images, blobs := testImages(t)
	dir := t.TempDir()
	var snapshots []map[string]string
	for _, umask := range []int{0o022, 0o777} {
		old := syscall.Umask(umask)
		err := errors.Join(
			Write(filepath.Join(dir, "out"), "static", images, blobs),
			Write(filepath.Join(dir, "out.tar"), "static", images, blobs))
		syscall.Umask(old)
		if err != nil {
			t.Fatal(err)
		}
		snapshots = append(snapshots, snapshot(t, dir))
		slices.Reverse(images)
	}
	equalSnapshots(t, snapshots[1], snapshots[0])
}

// failing gives bytes that are wrong in one way for one blob.
type failing struct {
	*memory
	victim digest.Digest
	change func([]byte) (io.Reader, error)
}

func (f failing) Open(d digest.Digest, size int64) (io.ReadCloser, error) {
	if d != f.victim {
		return f.memory.Open(d, size)
	}
	r, err := f.change(slices.Clone(f.blobs[d]))
	if err != nil {
		return nil, err
	}
	f.open.Add(1)
	return &counted{r, f.memory}, nil
}

var errDisk = errors.New("input/output error")

func TestFailedWriteChangesNothing(t *testing.T) {
	images, blobs := testImages(t)
	victim := images[0].Platforms[1].Layers[1].Digest
	read := func(b []byte) (io.Reader, error) { return strings.NewReader(string(b)), nil }
	for name, c := range map[string]struct {
		change func([]byte) (io.Reader, error)
		want   error
	}{
		"missing":   {func([]byte) (io.Reader, error) { return nil, fs.ErrNotExist }, fs.ErrNotExist},
		"flipped":   {func(b []byte) (io.Reader, error) { b[len(b)/2] ^= 1; return read(b) }, digest.ErrMismatch},
		"last byte": {func(b []byte) (io.Reader, error) { b[len(b)-1] ^= 1; return read(b) }, digest.ErrMismatch},
		"truncated": {func(b []byte) (io.Reader, error) { return read(b[:len(b)-1]) }, digest.ErrMismatch},
		"empty":     {func([]byte) (io.Reader, error) { return read(nil) }, digest.ErrMismatch},
		"trailing":  {func(b []byte) (io.Reader, error) { return read(append(b, 0)) }, digest.ErrMismatch},
		"halfway": {func(b []byte) (io.Reader, error) {
			return io.MultiReader(strings.NewReader(string(b[:9])), failingReader{}), nil
		}, errDisk},
	} {
		for _, target := range []string{"out", "out.tar"} {
			for _, exists := range []bool{false, true} {
				dir := t.TempDir()
				out := filepath.Join(dir, target)
				if exists {
					if err := Write(out, "old", images[:1], blobs); err != nil {
						t.Fatal(err)
					}
				}
				before := snapshot(t, dir)
				err := Write(out, "static", images, failing{blobs, victim, c.change})
				if !errors.Is(err, c.want) {
					t.Errorf("%s, %s: got %v, want %v", name, target, err, c.want)
				}
				equalSnapshots(t, snapshot(t, dir), before)
				if n := blobs.open.Load(); n != 0 {
					t.Fatalf("%s, %s: %d blobs were left open", name, target, n)
				}
			}
		}
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errDisk }

func TestWriteChecksDocuments(t *testing.T) {
	dir := t.TempDir()
	for name, spoil := range map[string]func(*Image){
		"index":    func(i *Image) { i.Index.Bytes = spoilt(i.Index.Bytes) },
		"manifest": func(i *Image) { i.Platforms[0].Manifest.Bytes = spoilt(i.Platforms[0].Manifest.Bytes) },
		"config":   func(i *Image) { i.Platforms[0].Config.Bytes = spoilt(i.Platforms[0].Config.Bytes) },
		"size":     func(i *Image) { i.Platforms[0].Layers[0].Size++ },
	} {
		images, blobs := testImages(t)
		spoil(&images[0])
		if err := Write(filepath.Join(dir, "out"), "static", images, blobs); !errors.Is(err, digest.ErrMismatch) {
			t.Errorf("%s: got %v, want %v", name, err, digest.ErrMismatch)
		}
	}
	equalSnapshots(t, snapshot(t, dir), nil)
}

func spoilt(b []byte) []byte {
	b = slices.Clone(b)
	b[len(b)-2] ^= 1
	return b
}

func TestWriteRefusesTwoImagesOfOneTag(t *testing.T) {
	images, blobs := testImages(t)
	images[1].Tag = images[0].Tag
	err := Write(filepath.Join(t.TempDir(), "out"), "static", images, blobs)
	if err == nil || !strings.Contains(err.Error(), `the tag "nonroot"`) {
		t.Errorf("got %v", err)
	}
}

func TestReplace(t *testing.T) {
	images, blobs := testImages(t)
	for name, c := range map[string]struct {
		target  string
		prepare func(path string) error
		want    string // of the error; empty when the target is replaced
	}{
		"empty directory":    {"out", func(p string) error { return os.Mkdir(p, 0o700) }, ""},
		"layout":             {"out", func(p string) error { return Write(p, "old", images[:1], blobs) }, ""},
		"archive":            {"out.tar", func(p string) error { return Write(p, "old", images[:1], blobs) }, ""},
		"empty file":         {"out.tar", func(p string) error { return os.WriteFile(p, nil, 0o600) }, ""},
		"other file":         {"out.tar", func(p string) error { return os.WriteFile(p, []byte("mine"), 0o600) }, "no tar archive"},
		"long name":          {strings.Repeat("x", 300), func(string) error { return nil }, "file name too long"},
		"long for a stage":   {strings.Repeat("x", 250), func(string) error { return nil }, "file name too long"},
		"full directory":     {"out", func(p string) error { return os.MkdirAll(filepath.Join(p, "mine"), 0o777) }, "neither empty nor an OCI layout"},
		"file":               {"out", func(p string) error { return os.WriteFile(p, nil, 0o666) }, "no directory"},
		"directory for .tar": {"out.tar", func(p string) error { return os.Mkdir(p, 0o777) }, "no regular file"},
		"dangling link":      {"out", func(p string) error { return os.Symlink("nowhere", p) }, "leads nowhere"},
		"layout with more": {"out", func(p string) error {
			return errors.Join(Write(p, "old", images[:1], blobs), os.WriteFile(filepath.Join(p, "notes"), nil, 0o666))
		}, `"notes", which would be lost`},
		"oci-layout is a directory": {"out", func(p string) error { return os.MkdirAll(filepath.Join(p, layoutFile), 0o777) }, "neither empty"},
	} {
		dir := t.TempDir()
		out := filepath.Join(dir, c.target)
		if err := c.prepare(out); err != nil {
			t.Fatal(err)
		}
		before := snapshot(t, dir)
		err := Write(out, "static", images, blobs)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if l := open(t, out); len(tags(t, l)) != 2 {
				t.Errorf("%s: the target was not replaced", name)
			}
			continue
		}
		if err == nil || diag.CodeOf(err) != diag.Usage || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want a usage error with %q", name, err, c.want)
		}
		equalSnapshots(t, snapshot(t, dir), before)
	}
}

func tags(t *testing.T, l *Layout) []string {
	t.Helper()
	images, err := l.Images()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, i := range images {
		all = append(all, i.Tag)
	}
	return all
}

func TestWriteFollowsLinks(t *testing.T) {
	images, blobs := testImages(t)
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	if err := errors.Join(os.Mkdir(real, 0o777), os.Symlink("real", link)); err != nil {
		t.Fatal(err)
	}
	if err := Write(link, "static", images, blobs); err != nil {
		t.Fatal(err)
	}
	if got, err := os.Readlink(link); err != nil || got != "real" {
		t.Errorf("the link became %q, %v", got, err)
	}
	open(t, real)
}

func TestWriteRefusesTheWorkingDirectory(t *testing.T) {
	images, blobs := testImages(t)
	t.Chdir(t.TempDir())
	if err := Write(".", "static", images, blobs); diag.CodeOf(err) != diag.Usage {
		t.Errorf("got %v, want a usage error", err)
	}
}

// Who asks for a compressed archive must not get a folder of that name.
func TestWriteRefusesCompressedArchives(t *testing.T) {
	images, blobs := testImages(t)
	dir := t.TempDir()
	for _, name := range []string{"x.tgz", "x.tar.gz", "x.tar.zst", "x.tar.xz"} {
		err := Write(filepath.Join(dir, name), "static", images, blobs)
		if diag.CodeOf(err) != diag.Usage || !strings.Contains(diag.HintOf(err), "x.tar: layers are compressed already") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestStaleStages(t *testing.T) {
	images, blobs := testImages(t)
	for _, target := range []string{"out", "out.tar"} {
		dir := t.TempDir()
		stale := filepath.Join(dir, "."+target+".basal-12345")
		locked := filepath.Join(dir, "."+target+".basal-678")
		other := filepath.Join(dir, "."+target+".basal-1.basal-2") // of the target out.basal-1
		for _, p := range []string{stale, locked, other} {
			if err := os.MkdirAll(filepath.Join(p, "blobs"), 0o777); err != nil {
				t.Fatal(err)
			}
		}
		f, err := os.Open(locked)
		if err != nil {
			t.Fatal(err)
		}
		if err := flock(f); err != nil {
			t.Fatal(err)
		}
		if err := Write(filepath.Join(dir, target), "static", images, blobs); err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(dir)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			got = append(got, e.Name())
		}
		want := []string{filepath.Base(other), filepath.Base(locked), target}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", target, got, want)
		}
	}
}

// TestConcurrentWrites lets two images fight for one place: from the first moment
// on there is always one, and in the end it is whole.
func TestConcurrentWrites(t *testing.T) {
	images, blobs := testImages(t)
	for _, target := range []string{"out", "out.tar"} {
		dir := t.TempDir()
		out := filepath.Join(dir, target)
		var wg sync.WaitGroup
		for n := range 8 {
			wg.Go(func() {
				own := &memory{blobs: blobs.blobs}
				if err := Write(out, "static", images[n%2:n%2+1], own); err != nil {
					t.Error(err)
				}
				if _, err := os.Lstat(out); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := tags(t, open(t, out)); len(got) != 1 {
			t.Errorf("%s: got tags %v", target, got)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
			t.Errorf("%s: left %v, %v", target, left, err)
		}
	}
}

func TestSwapWithoutExchange(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, ".out.basal-1"), filepath.Join(dir, "out")
	for path, name := range map[string]string{a: "new", b: "old"} {
		if err := os.MkdirAll(filepath.Join(path, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := swap(a, b); err != nil {
		t.Fatal(err)
	}
	got := slices.Sorted(maps.Keys(snapshot(t, dir)))
	if want := []string{".out.basal-1", ".out.basal-1/old", "out", "out/new"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if err := swap(filepath.Join(dir, "missing"), b); err == nil {
		t.Error("a missing stage was swapped in")
	}
	if _, err := os.Stat(filepath.Join(b, "new")); err != nil {
		t.Error("a failed swap lost the target")
	}
}
