package compose

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/basal-project/basal/builder/debian"
	"github.com/basal-project/basal/builder/layer"
	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// tree is a file system as text, by path:
//
//	"dir 0755 0:0"
//	"file 0644 0:0 content"      long contents as sha256:<8 digits>
//	"symlink target"
//	"hardlink first/name"
type tree map[string]string

// build returns the tree that text describes.
func build(t testing.TB, origin string, text tree) rootfs.Tree {
	t.Helper()
	var list []rootfs.Entry
	links := map[string]string{}
	for path, line := range text {
		e := rootfs.Entry{Path: path, Mode: 0o777, Origins: []string{origin}}
		kind, rest, _ := strings.Cut(line, " ")
		switch kind {
		case "dir", "file":
			e.Kind = rootfs.Dir
			if _, err := fmt.Sscanf(rest, "%o %d:%d", &e.Mode, &e.UID, &e.GID); err != nil {
				t.Fatalf("%s: %q: %v", path, line, err)
			}
			if kind == "file" {
				e.Kind = rootfs.File
				words := strings.SplitN(rest, " ", 3)
				e.Content = rootfs.Bytes([]byte(words[2]))
			}
		case "symlink":
			e.Kind, e.Link = rootfs.Symlink, rest
		case "hardlink":
			links[path] = rest
			continue
		default:
			t.Fatalf("%s: %q", path, line)
		}
		list = append(list, e)
	}
	for path, target := range links {
		i := slices.IndexFunc(list, func(e rootfs.Entry) bool { return e.Path == target })
		e := list[i]
		e.Path, e.Kind, e.Link = path, rootfs.Hardlink, target
		list = append(list, e)
	}
	out, err := rootfs.New(list)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func content(t testing.TB, e rootfs.Entry) []byte {
	t.Helper()
	b, err := io.ReadAll(e.Content.Reader())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func line(t testing.TB, e rootfs.Entry) string {
	t.Helper()
	switch e.Kind {
	case rootfs.Symlink, rootfs.Hardlink:
		return e.Kind.String() + " " + e.Link
	case rootfs.Dir:
		return fmt.Sprintf("dir %04o %d:%d", e.Mode, e.UID, e.GID)
	}
	b := content(t, e)
	if len(b) > 40 {
		b = []byte("sha256:" + digest.Of(b).Hex()[:8])
	}
	return fmt.Sprintf("file %04o %d:%d %s", e.Mode, e.UID, e.GID, b)
}

// spell is the inverse of build. Records of packages are left out: checkSums
// looks at those of every image.
func spell(t testing.TB, rt rootfs.Tree) tree {
	t.Helper()
	out := tree{}
	for e := range rt.All() {
		if !strings.HasPrefix(e.Path, "var/lib/dpkg") && e.Path != "var" && e.Path != "var/lib" {
			out[e.Path] = line(t, e)
		}
	}
	return out
}

func diff(t testing.TB, what string, got, want tree) {
	t.Helper()
	paths := map[string]bool{}
	for p := range got {
		paths[p] = true
	}
	for p := range want {
		paths[p] = true
	}
	for _, p := range slices.Sorted(maps.Keys(paths)) {
		if got[p] != want[p] {
			t.Errorf("%s: /%s is %q, want %q", what, p, got[p], want[p])
		}
	}
}

// pack returns a package with those files. name may have a version: a=2.
func pack(t testing.TB, name string, files tree, replaces ...string) Package {
	t.Helper()
	name, version, found := strings.Cut(name, "=")
	if !found {
		version = "1"
	}
	p := Package{
		Name: name, Version: version, SHA256: digest.Of(fmt.Append(nil, name, version, files)),
		Control: fmt.Appendf(nil, "Package: %s\nVersion: %s\n", name, version),
		Tree:    build(t, "deb:"+name, files), MD5: map[string][16]byte{}, MTime: 1000 + int64(len(name)),
	}
	for e := range p.Tree.All() {
		if e.Kind == rootfs.File || e.Kind == rootfs.Hardlink {
			p.MD5[e.Path] = md5.Sum(content(t, e))
		}
	}
	for _, r := range replaces {
		groups, err := debian.ParseDepends(r)
		if err != nil {
			t.Fatal(err)
		}
		p.Replaces = append(p.Replaces, groups...)
	}
	return p
}

// step returns a step named s whose packages have a layer each.
func step(packages ...Package) Step {
	s := Step{Name: "s", Packages: packages, Input: func(path string) (rootfs.Content, error) {
		return rootfs.Content{}, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}}
	for _, p := range packages {
		s.Groups = append(s.Groups, []string{p.Name})
	}
	return s
}

func (s Step) with(change func(*Step)) Step {
	change(&s)
	return s
}

func (s Step) inputs(files map[string]string) Step {
	s.Input = func(path string) (rootfs.Content, error) {
		b, ok := files[path]
		if !ok {
			return rootfs.Content{}, fs.ErrNotExist
		}
		return rootfs.Bytes([]byte(b)), nil
	}
	return s
}

func text(s string) *string { return &s }

// mustApply puts steps on each other and checks what holds for every image.
func mustApply(t testing.TB, steps ...Step) Image {
	t.Helper()
	var img Image
	for _, s := range steps {
		below := img
		var err error
		if img, err = Apply(below, s); err != nil {
			t.Fatal(err)
		}
		for i, l := range below.Layers {
			if id(t, img.Layers[i]) != id(t, l) {
				t.Errorf("step %s changed the layer %s below it", s.Name, l.Name)
			}
		}
		checkStack(t, img)
		checkSums(t, img)
	}
	return img
}

// checkStack unpacks the layers over each other and compares with the tree.
func checkStack(t testing.TB, img Image) {
	t.Helper()
	plain := func(e rootfs.Entry) string {
		if e.Kind == rootfs.Hardlink {
			e.Kind = rootfs.File
		}
		return line(t, e)
	}
	got, want := tree{}, tree{}
	for _, l := range img.Layers {
		for e := range l.Tree.All() {
			if e.Kind != rootfs.Dir {
				maps.DeleteFunc(got, func(p, _ string) bool { return strings.HasPrefix(p, e.Path+"/") })
			}
			got[e.Path] = plain(e)
		}
	}
	for e := range img.Tree.All() {
		want[e.Path] = plain(e)
	}
	diff(t, "unpacked", got, want)
}

// checkSums verifies each md5sums file against the tree, and that every file of
// a package is in it.
func checkSums(t testing.TB, img Image) {
	t.Helper()
	for _, p := range img.packages {
		if e, ok := img.Tree.Lookup(statusDir + p.Name); !ok || !bytes.Equal(content(t, e), p.Control) {
			t.Errorf("%s has no record, or another", p.Name)
		}
		listed := map[string]bool{}
		if e, ok := img.Tree.Lookup(statusDir + p.Name + ".md5sums"); ok {
			for line := range strings.Lines(string(content(t, e))) {
				sum, path, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
				f, ok := img.Tree.Lookup(path)
				if !ok || fmt.Sprintf("%x", md5.Sum(content(t, f))) != sum {
					t.Errorf("%s.md5sums does not fit /%s", p.Name, path)
				}
				listed[path] = true
			}
		}
		for e := range img.Tree.All() {
			file := e.Kind == rootfs.File || e.Kind == rootfs.Hardlink
			if file && e.Origins[0] == p.Origin() && !strings.HasPrefix(e.Path, statusDir) && !listed[e.Path] {
				t.Errorf("%s.md5sums does not list /%s", p.Name, e.Path)
			}
		}
	}
}

// identity is what a layer's key must stand for.
type identity struct {
	key    digest.Digest
	diffID digest.Digest
}

func id(t testing.TB, l Layer) identity {
	t.Helper()
	var out bytes.Buffer
	if err := layer.WriteTar(&out, l.Tree, l.MTime); err != nil {
		t.Fatal(err)
	}
	return identity{l.Key(1, "gzip"), digest.Of(out.Bytes())}
}

// layers returns the identities of an image's layers by name.
func layers(t testing.TB, img Image) map[string]identity {
	t.Helper()
	out := map[string]identity{}
	for _, l := range img.Layers {
		out[l.Name] = id(t, l)
	}
	return out
}

// permute calls do with s under every order of its packages.
func permute(s Step, do func(Step)) {
	var rest func(n int)
	list := slices.Clone(s.Packages)
	rest = func(n int) {
		if n == len(list) {
			p := s
			p.Packages, p.Groups = slices.Clone(list), step(list...).Groups
			do(p)
			return
		}
		for i := n; i < len(list); i++ {
			list[n], list[i] = list[i], list[n]
			rest(n + 1)
			list[n], list[i] = list[i], list[n]
		}
	}
	rest(0)
}

// always applies the last of steps under every order of its packages, and wants
// the same tree and the same layers.
func always(t *testing.T, want tree, steps ...Step) {
	t.Helper()
	below, top := steps[:len(steps)-1], steps[len(steps)-1]
	var first map[string]identity
	permute(top, func(s Step) {
		img := mustApply(t, append(slices.Clone(below), s)...)
		diff(t, "tree", spell(t, img.Tree), want)
		now := layers(t, img)
		if first == nil {
			first = now
		}
		if !maps.Equal(now, first) {
			t.Errorf("packages in the order %v have other layers: %v, want %v", s.Groups, now, first)
		}
	})
}

// never wants an error with those words under every order.
func never(t *testing.T, want string, sentinel error, steps ...Step) {
	t.Helper()
	below, top := steps[:len(steps)-1], steps[len(steps)-1]
	permute(top, func(s Step) {
		_, err := Apply(mustApply(t, below...), s)
		if err == nil || !strings.Contains(err.Error(), want) || sentinel != nil && !errors.Is(err, sentinel) {
			t.Errorf("order %v: got %v, want %q", s.Groups, err, want)
		}
	})
}

func files(list ...specs.File) func(*Step) { return func(s *Step) { s.Files = list } }
