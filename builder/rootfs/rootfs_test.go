package rootfs

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
)

func dir(path string) Entry { return Entry{Path: path, Kind: Dir, Mode: 0o755} }

func file(path, content string) Entry {
	return Entry{Path: path, Kind: File, Mode: 0o644, Content: Bytes([]byte(content))}
}

func symlink(path, to string) Entry { return Entry{Path: path, Kind: Symlink, Mode: 0o777, Link: to} }

// hardlink returns one more name of f.
func hardlink(path string, f Entry) Entry {
	f.Path, f.Kind, f.Link = path, Hardlink, f.Path
	return f
}

func from(origin string, entries ...Entry) []Entry {
	for i := range entries {
		entries[i].Origins = []string{origin}
	}
	return entries
}

func mustNew(t *testing.T, entries ...Entry) Tree {
	t.Helper()
	tree, err := New(entries)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// text spells a tree out, a line for each path.
func text(t *testing.T, tree Tree) map[string]string {
	t.Helper()
	out := map[string]string{}
	for e := range tree.All() {
		line := fmt.Sprintf("%s %04o %d:%d", e.Kind, e.Mode, e.UID, e.GID)
		if e.Kind == File || e.Kind == Hardlink {
			b, err := io.ReadAll(e.Content.Reader())
			if err != nil {
				t.Fatal(err)
			}
			line += " " + string(b)
		}
		if e.Link != "" {
			line += " -> " + e.Link
		}
		out[e.Path] = line
	}
	return out
}

func mustBe(t *testing.T, tree Tree, want map[string]string) {
	t.Helper()
	if got := text(t, tree); !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// permute calls do with every order of list.
func permute[T any](list []T, do func([]T)) {
	var rest func(n int)
	rest = func(n int) {
		if n == len(list) {
			do(slices.Clone(list))
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

func TestContentFollowsItsDirectory(t *testing.T) {
	want := []string{"a", "a/b", "a/b/c", "a/b.d", "a b", "a-b", "a.b", "aa", "b", "é"}
	paths := slices.Clone(want)
	slices.Sort(paths)
	if slices.Equal(paths, want) {
		t.Fatal("plain byte order would do")
	}
	slices.SortFunc(paths, Compare)
	if !slices.Equal(paths, want) {
		t.Errorf("got %q, want %q", paths, want)
	}
}

func TestNewSortsAndLooksUp(t *testing.T) {
	entries := []Entry{dir("a"), file("a/b", "1"), file("a.b", "2"), symlink("l", "/any\nthing"), dir("z")}
	want := []string{"a", "a/b", "a.b", "l", "z"}
	permute(entries, func(list []Entry) {
		before := slices.Clone(list)
		tree := mustNew(t, list...)
		var got []string
		for e := range tree.All() {
			got = append(got, e.Path)
			if found, ok := tree.Lookup(e.Path); !ok || found.Kind != e.Kind {
				t.Errorf("Lookup(%q) finds %v, %v", e.Path, found, ok)
			}
		}
		if !slices.Equal(got, want) || tree.Len() != len(want) || tree.Size() != 2 {
			t.Errorf("got %q of %d bytes, want %q", got, tree.Size(), want)
		}
		for i := range list {
			if list[i].Path != before[i].Path {
				t.Fatal("New changed its argument")
			}
		}
	})
	if _, ok := mustNew(t, entries...).Lookup("a/c"); ok {
		t.Error("Lookup finds what is not there")
	}
}

func TestEqualEntriesMerge(t *testing.T) {
	a := mustNew(t, from("deb:a", dir("etc"), file("etc/x", "same"), symlink("l", "etc"))...)
	b := mustNew(t, from("deb:b", dir("etc"), file("etc/x", "same"), symlink("l", "etc"))...)
	for _, trees := range [][]Tree{{a, b}, {b, a}, {a, a, b}} {
		tree, err := merge(trees...)
		if err != nil {
			t.Fatal(err)
		}
		mustBe(t, tree, text(t, a))
		for e := range tree.All() {
			origins := slices.Clone(e.Origins)
			slices.Sort(origins)
			if !slices.Equal(origins, []string{"deb:a", "deb:b"}) {
				t.Errorf("%s comes from %q", e.Path, e.Origins)
			}
		}
	}
	for e := range a.All() {
		if len(e.Origins) != 1 {
			t.Errorf("merging changed a merged tree: %s comes from %q", e.Path, e.Origins)
		}
	}
}

func TestConflictsNameBothSides(t *testing.T) {
	owned := file("x", "1")
	owned.UID = 5
	strict := dir("x")
	strict.Mode = 0o700
	long := strings.Repeat("0123456789", 10_000)
	for name, tt := range map[string]struct{ a, b Entry }{
		"content":              {file("x", "1"), file("x", "2")},
		"end of long content":  {file("x", long+"1"), file("x", long+"2")},
		"size":                 {file("x", "1"), file("x", "12")},
		"owner":                {file("x", "1"), owned},
		"mode":                 {dir("x"), strict},
		"kind":                 {dir("x"), file("x", "")},
		"target":               {symlink("x", "a"), symlink("x", "b")},
		"below a file":         {file("x", ""), file("x/y", "")},
		"far below a file":     {file("x", ""), file("x/y/z", "")},
		"below a link":         {symlink("x", "y"), dir("x/y")},
		"hard link or no link": {hardlink("x", file("a", "1")), file("x", "1")},
	} {
		all := append(from("deb:one", tt.a), from("deb:two", tt.b)...)
		if tt.a.Kind == Hardlink {
			carrier := file("a", "")
			carrier.Content = tt.a.Content
			all = append(all, carrier)
		}
		permute(all, func(list []Entry) {
			_, err := New(list)
			var both *ConflictError
			if !errors.As(err, &both) || !slices.Equal(slices.Sorted(slices.Values(slices.Concat(both.A.Origins, both.B.Origins))), []string{"deb:one", "deb:two"}) {
				t.Errorf("%s: got %#v, want both entries", name, err)
			}
			if !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "deb:one") || !strings.Contains(err.Error(), "deb:two") {
				t.Errorf("%s: got %v, want ErrConflict with both origins", name, err)
			}
		})
	}
}

func TestFirstNameOfAHardLinkedFileCarriesTheBytes(t *testing.T) {
	m := file("m", "bytes")
	want := map[string]string{
		"b": "file 0644 0:0 bytes",
		"m": "hardlink 0644 0:0 bytes -> b",
		"z": "hardlink 0644 0:0 bytes -> b",
	}
	permute([]Entry{m, hardlink("z", m), hardlink("b", m)}, func(list []Entry) {
		tree := mustNew(t, list...)
		mustBe(t, tree, want)
	})
	// Without its first name the file goes on under the next.
	tree := mustNew(t, m, hardlink("z", m), hardlink("b", m))
	mustBe(t, mustNew(t, tree.entries[1:]...), map[string]string{"m": "file 0644 0:0 bytes", "z": "hardlink 0644 0:0 bytes -> m"})
	mustBe(t, mustNew(t, tree.entries[2:]...), map[string]string{"z": "file 0644 0:0 bytes"})
}

// merge returns the union of trees.
func merge(trees ...Tree) (Tree, error) {
	var all []Entry
	for _, t := range trees {
		all = append(all, t.entries...)
	}
	return New(all)
}

func TestHardLinksOfTwoInputsMerge(t *testing.T) {
	pair := func(origin string) Tree {
		f := file("a", "bytes")
		return mustNew(t, from(origin, f, hardlink("z", f))...)
	}
	a, b := pair("deb:a"), pair("deb:b")
	for _, trees := range [][]Tree{{a, b}, {b, a}, {a, a}} {
		tree, err := merge(trees...)
		if err != nil {
			t.Fatal(err)
		}
		mustBe(t, tree, text(t, a))
	}
}

// A name must not follow its link to a file that another input has put there.
func TestHardLinkStaysWithItsOwnFile(t *testing.T) {
	old := file("a", "old")
	tree := mustNew(t, hardlink("z", old), hardlink("y", old), file("a", "new"))
	mustBe(t, tree, map[string]string{
		"a": "file 0644 0:0 new",
		"y": "file 0644 0:0 old",
		"z": "hardlink 0644 0:0 old -> y",
	})
}

func TestHardLinkToAHardLinkKeepsItsBytes(t *testing.T) {
	c := file("c", "bytes")
	b := hardlink("b", c)
	a := hardlink("a", b)
	permute([]Entry{a, b, c}, func(list []Entry) {
		tree := mustNew(t, list...)
		for _, path := range []string{"a", "b", "c"} {
			if line := text(t, tree)[path]; !strings.Contains(line, "bytes") {
				t.Errorf("%s is %q", path, line)
			}
		}
		mustBe(t, tree, map[string]string{
			"a": "file 0644 0:0 bytes",
			"b": "file 0644 0:0 bytes",
			"c": "hardlink 0644 0:0 bytes -> b",
		})
	})
}

func TestUnusableEntries(t *testing.T) {
	linked := file("x", "")
	linked.Link = "y"
	loud := file("x", "")
	loud.Mode = 0o10000
	for name, e := range map[string]Entry{
		"no kind":           {Path: "x"},
		"unknown kind":      {Path: "x", Kind: Hardlink + 1},
		"file with target":  linked,
		"empty target":      symlink("x", ""),
		"NUL in target":     symlink("x", "a\x00b"),
		"link to the root":  hardlink("x", Entry{Path: ""}),
		"link out":          hardlink("x", Entry{Path: "../y"}),
		"mode":              loud,
		"negative owner":    {Path: "x", Kind: File, UID: -1},
		"negative group":    {Path: "x", Kind: Dir, GID: -1},
		"the root":          dir(""),
		"the root as a dot": dir("."),
	} {
		if err := Check(e); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestPaths(t *testing.T) {
	for _, good := range []string{"a", "a/b", "a b", "...", "..a", "a/.b", ".w", ".wh", "é/ü", "a\nb", "wh.a"} {
		if err := CheckPath(good); err != nil {
			t.Errorf("%q is refused: %v", good, err)
		}
	}
	for _, bad := range []string{"", ".", "..", "/", "/a", "a/", "a//b", "./a", "a/.", "a/..", "a/../b", "../a", "a\x00", "a/b\x00c", ".wh.a", "a/.wh.b", "a/.wh..wh..opq", ".wh./a"} {
		if err := CheckPath(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestWithParents(t *testing.T) {
	tree := mustNew(t, from("deb:a", file("a/b/c", "1"), dir("a"), file("d/e", "2"))...)
	full, err := tree.WithParents(func(path string, child Entry) Entry {
		return Entry{Path: path, Kind: Dir, Mode: 0o711, Origins: child.Origins}
	})
	if err != nil {
		t.Fatal(err)
	}
	mustBe(t, full, map[string]string{
		"a": "dir 0755 0:0", "a/b": "dir 0711 0:0", "a/b/c": "file 0644 0:0 1",
		"d": "dir 0711 0:0", "d/e": "file 0644 0:0 2",
	})
}

func TestParent(t *testing.T) {
	for path, want := range map[string]string{"a": "", "a/b": "a", "a/b/c": "a/b"} {
		if got := Parent(path); got != want {
			t.Errorf("Parent(%q) = %q, want %q", path, got, want)
		}
	}
}

// broken fails where a disk would.
type broken struct{ err error }

func (b *broken) ReadAt([]byte, int64) (int, error) { return 0, b.err }

func TestReadErrorsComeThrough(t *testing.T) {
	bad := errors.New("bad sector")
	a, b := file("x", "1234"), file("x", "")
	b.Content = Section(&broken{bad}, 0, 4)
	for _, list := range [][]Entry{{a, b}, {b, a}} {
		if _, err := New(list); !errors.Is(err, bad) {
			t.Errorf("got %v, want %v", err, bad)
		}
	}
}

func TestEmptyContent(t *testing.T) {
	var none Content
	if n, err := none.Reader().Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the zero content reads %d bytes, %v", n, err)
	}
	if same, err := EqualContent(none, Bytes(nil)); !same || err != nil {
		t.Errorf("two empty contents are equal: %v, %v", same, err)
	}
}
