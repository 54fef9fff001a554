package layer

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/digest"
)

// The goldens of sample. DO NOT CHANGE THEM TO FIX A BUILD: the published digest
// of every image changes with them, so builder.Recipe must rise, too.
const (
	goldenDiffID = "sha256:2e408f30d64642ef7192b2de7a3c48f7c83d0f46f4fec3fc5e97599cc501b83c"
	goldenDigest = "sha256:b3d0d5605ddaf0bd17709480b908fc7fa9de00dcfe4fc697b91dfd306355fec3"
)

const sampleTime = 1_752_510_000

var (
	nested = "deep/" + strings.Repeat("n", 90)  // over 100 bytes with the name below, but it splits into prefix and name
	long   = "deep/" + strings.Repeat("l", 180) // no part fits into a ustar header
	longer = "deep/" + strings.Repeat("d/", 130) + "end"
)

// sample has an entry of every kind and everything that needs more than a plain
// header.
func sample(t testing.TB) rootfs.Tree {
	t.Helper()
	noise := make([]byte, 100_000)
	x := uint32(7)
	for i := range noise {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	file := func(path, content string) rootfs.Entry {
		return rootfs.Entry{Path: path, Kind: rootfs.File, Mode: 0o644, Content: rootfs.Bytes([]byte(content))}
	}
	owned := file("etc/owned", "")
	owned.UID, owned.GID, owned.Mode = 65532, 65533, 0o4711
	large := file("etc/large-ids", "x")
	large.UID, large.GID = 1<<31-2, 0o10000000 // one more than seven octal digits hold
	shared := file("etc/b", "shared\n")
	other := shared
	other.Path, other.Kind, other.Link = "etc/c", rootfs.Hardlink, shared.Path
	tree, err := rootfs.New([]rootfs.Entry{
		{Path: "tmp", Kind: rootfs.Dir, Mode: 0o1777},
		{Path: "etc", Kind: rootfs.Dir, Mode: 0o755},
		{Path: "etc/link", Kind: rootfs.Symlink, Mode: 0o777, Link: "/usr/ä"},
		{Path: "etc/far", Kind: rootfs.Symlink, Mode: 0o777, Link: "/" + strings.Repeat("far/", 70)},
		file("usr/Főtanúsítvány", "non-ASCII"),
		file("noise", string(noise)),
		file("a.b", "beside"), file("a/b", "below"), {Path: "a", Kind: rootfs.Dir, Mode: 0o700, UID: 1000, GID: 100},
		file(nested+"/"+strings.Repeat("m", 60), "nested"), file(long, "long"), file(longer, "longer"),
		owned, large, other, shared,
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func write(t testing.TB, tree rootfs.Tree) (Layer, []byte) {
	t.Helper()
	var out bytes.Buffer
	l, err := Write(&out, tree, sampleTime)
	if err != nil {
		t.Fatal(err)
	}
	return l, out.Bytes()
}

func writeTar(t testing.TB, tree rootfs.Tree) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := WriteTar(&out, tree, sampleTime); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestGolden(t *testing.T) {
	l, _ := write(t, sample(t))
	switch {
	case l.DiffID.String() != goldenDiffID:
		t.Errorf("the layer's content changed: diffID %s, want %s", l.DiffID, goldenDiffID)
	case l.Digest.String() != goldenDigest:
		t.Errorf("contents equal, only compression differs: digest %s, want %s", l.Digest, goldenDigest)
	}
}

func TestLayerIsWhatItSays(t *testing.T) {
	tree := sample(t)
	l, blob := write(t, tree)
	if digest.Of(blob) != l.Digest || int64(len(blob)) != l.Size {
		t.Errorf("wrote %s of %d bytes, says %s of %d", digest.Of(blob), len(blob), l.Digest, l.Size)
	}
	z, err := gzip.NewReader(bytes.NewReader(blob))
	if err != nil {
		t.Fatal(err)
	}
	if h := z.Header; !h.ModTime.IsZero() || h.Name != "" || h.Comment != "" || h.Extra != nil || h.OS != 255 {
		t.Errorf("gzip header %+v, want an empty one", h)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if digest.Of(plain) != l.DiffID || !bytes.Equal(plain, writeTar(t, tree)) {
		t.Errorf("unpacked %s, says %s", digest.Of(plain), l.DiffID)
	}
}

// entries reads a layer as others do.
func entries(t *testing.T, b []byte) (headers []*tar.Header, contents []string) {
	t.Helper()
	r := tar.NewReader(bytes.NewReader(b))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return headers, contents
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		headers, contents = append(headers, h), append(contents, string(content))
	}
}

func TestLayerReadsBack(t *testing.T) {
	tree := sample(t)
	headers, contents := entries(t, writeTar(t, tree))
	want := slices.Collect(tree.All())
	if len(headers) != len(want) {
		t.Fatalf("%d entries, want %d", len(headers), len(want))
	}
	types := map[rootfs.Kind]byte{rootfs.Dir: tar.TypeDir, rootfs.File: tar.TypeReg, rootfs.Symlink: tar.TypeSymlink, rootfs.Hardlink: tar.TypeLink}
	for i, e := range want {
		h, name := headers[i], e.Path
		content, err := io.ReadAll(e.Content.Reader())
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == rootfs.Dir {
			name += "/"
		}
		if e.Kind != rootfs.File {
			content = nil
		}
		got := fmt.Sprintf("%c %s -> %s %o %d:%d %q", h.Typeflag, h.Name, h.Linkname, h.Mode, h.Uid, h.Gid, contents[i])
		if w := fmt.Sprintf("%c %s -> %s %o %d:%d %q", types[e.Kind], name, e.Link, e.Mode, e.UID, e.GID, content); got != w {
			t.Errorf("got  %.300s\nwant %.300s", got, w)
		}
		if h.ModTime.Unix() != sampleTime || !h.AccessTime.IsZero() || !h.ChangeTime.IsZero() || h.Uname != "" || h.Gname != "" {
			t.Errorf("%s has times or owners of its own: %+v", name, h)
		}
	}
}

func TestPAXRecordsOnlyWhereNeeded(t *testing.T) {
	need := map[string][]string{
		long: {"path"}, longer: {"path"}, "usr/Főtanúsítvány": {"path"},
		"etc/link": {"linkpath"}, "etc/far": {"linkpath"}, "etc/large-ids": {"gid", "uid"},
	}
	headers, _ := entries(t, writeTar(t, sample(t)))
	for _, h := range headers {
		var got []string
		for key := range h.PAXRecords {
			got = append(got, key)
		}
		slices.Sort(got)
		if want := need[h.Name]; !slices.Equal(got, want) {
			t.Errorf("%.60s has the records %q, want %q", h.Name, got, want)
		}
	}
}

func TestEmptyLayer(t *testing.T) {
	if b := writeTar(t, rootfs.Tree{}); !bytes.Equal(b, make([]byte, 1024)) {
		t.Errorf("%d bytes, want two zero blocks", len(b))
	}
}

func TestSameBytesAlways(t *testing.T) {
	tree := sample(t)
	first, _ := write(t, tree)
	for _, procs := range []int{1, 8} {
		before := runtime.GOMAXPROCS(procs)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				var out bytes.Buffer
				if l, err := Write(&out, tree, sampleTime); err != nil || l != first {
					t.Errorf("GOMAXPROCS %d: %v, %v, want %v", procs, l, err, first)
				}
			})
		}
		wg.Wait()
		runtime.GOMAXPROCS(before)
	}
	// A writer that takes a byte at a time changes nothing either.
	if l, err := Write(&dribble{}, tree, sampleTime); err != nil || l != first {
		t.Errorf("%v, %v, want %v", l, err, first)
	}
}

// dribble hands on single bytes.
type dribble struct{ bytes.Buffer }

func (d *dribble) Write(p []byte) (int, error) {
	for i := range p {
		d.Buffer.WriteByte(p[i])
	}
	return len(p), nil
}

func TestTimeIsAnInput(t *testing.T) {
	tree := sample(t)
	a, _ := write(t, tree)
	b, err := Write(io.Discard, tree, sampleTime+1)
	if err != nil || a.DiffID == b.DiffID {
		t.Errorf("another time gives %v, %v", b, err)
	}
}

// cut is a disk that is full after n bytes, or a source that breaks there.
type cut struct {
	n   int64
	err error
}

func (c *cut) Write(p []byte) (int, error) {
	if c.n -= int64(len(p)); c.n < 0 {
		return 0, c.err
	}
	return len(p), nil
}

func (c *cut) ReadAt(p []byte, off int64) (int, error) {
	if off >= c.n {
		return 0, c.err
	}
	return int(min(int64(len(p)), c.n-off)), nil
}

func TestErrorsComeThrough(t *testing.T) {
	full := errors.New("disk full")
	l, _ := write(t, sample(t))
	for _, n := range []int64{0, 1, 1000, l.Size / 2, l.Size - 1} {
		if _, err := Write(&cut{n, full}, sample(t), sampleTime); !errors.Is(err, full) {
			t.Errorf("full after %d bytes: %v", n, err)
		}
	}
	for name, err := range map[string]error{"reading": errors.New("bad sector"), "too short": io.EOF} {
		tree, nerr := rootfs.New([]rootfs.Entry{{Path: "x", Kind: rootfs.File, Content: rootfs.Section(&cut{10, err}, 0, 20)}})
		if nerr != nil {
			t.Fatal(nerr)
		}
		got := WriteTar(io.Discard, tree, 0)
		if got == nil || err != io.EOF && !errors.Is(got, err) || !strings.Contains(got.Error(), "/x") {
			t.Errorf("%s: %v, want %v of /x", name, got, err)
		}
	}
	// What failed leaves nothing behind in the pools.
	if again, _ := write(t, sample(t)); again != l {
		t.Errorf("after errors: %v, want %v", again, l)
	}
}
