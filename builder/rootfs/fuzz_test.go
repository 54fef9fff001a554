package rootfs

import (
	"cmp"
	"slices"
	"strings"
	"testing"
)

// FuzzCompare holds the order to its laws: total, antisymmetric, transitive,
// and with nothing between a directory and what is below it.
func FuzzCompare(f *testing.F) {
	f.Add("a", "a/b", "a.b")
	f.Add("usr/lib", "usr/lib64", "usr/lib/x")
	f.Add("", "\x00", "/")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if cmp.Compare(Compare(a, b), 0) != -cmp.Compare(Compare(b, a), 0) {
			t.Errorf("%q and %q are ordered differently from both sides", a, b)
		}
		if (Compare(a, b) == 0) != (a == b) {
			t.Errorf("%q and %q are the same to Compare", a, b)
		}
		if Compare(a, b) <= 0 && Compare(b, c) <= 0 && Compare(a, c) > 0 {
			t.Errorf("%q, %q, %q go in a circle", a, b, c)
		}
		if Compare(a, b) < 0 && Compare(b, a+"/"+c) < 0 && !strings.HasPrefix(b, a+"/") {
			t.Errorf("%q stands between %q and what is below it", b, a)
		}
	})
}

// FuzzNew makes trees of entries that are written as lines "kind path [target]".
// What New accepts is in order, distinct, of sound shape, and stays what it is
// when it goes through New again.
func FuzzNew(f *testing.F) {
	f.Add("d a\nf a/b\nl c a\nh z a/b\n")
	f.Add("f a\nf a/b\n")
	f.Add("h a b\nh b a\nf b\n")
	f.Add("h a a\nf a\nh c a\n")
	f.Add("f .wh.x\nd ..\nl x \x00\n")
	f.Fuzz(func(t *testing.T, lines string) {
		content := map[string]Content{}
		var entries []Entry
		for line := range strings.Lines(lines) {
			words := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 3)
			for len(words) < 3 {
				words = append(words, "")
			}
			e := Entry{Path: words[1], Link: words[2], Mode: 0o755}
			switch words[0] {
			case "d":
				e.Kind, e.Link = Dir, ""
			case "f":
				e.Kind, e.Link = File, ""
				if _, ok := content[e.Path]; !ok {
					content[e.Path] = Bytes([]byte(e.Path))
				}
				e.Content = content[e.Path]
			case "l":
				e.Kind = Symlink
			case "h":
				e.Kind = Hardlink
				if _, ok := content[e.Link]; !ok {
					content[e.Link] = Bytes([]byte(e.Link))
				}
				e.Content = content[e.Link]
			}
			entries = append(entries, e)
		}
		tree, err := New(entries)
		if err != nil {
			return
		}
		checkSound(t, tree)
		again, err := New(slices.Concat(tree.entries, tree.entries))
		if err != nil {
			t.Fatalf("a tree does not merge with itself: %v", err)
		}
		mustBe(t, again, text(t, tree))
	})
}

func checkSound(t *testing.T, tree Tree) {
	t.Helper()
	before := ""
	for e := range tree.All() {
		if before != "" && Compare(before, e.Path) >= 0 {
			t.Fatalf("%q stands before %q", before, e.Path)
		}
		before = e.Path
		if err := Check(e); err != nil {
			t.Fatal(err)
		}
		for dir := Parent(e.Path); dir != ""; dir = Parent(dir) {
			if p, ok := tree.Lookup(dir); ok && p.Kind != Dir {
				t.Fatalf("%q is below a %s", e.Path, p.Kind)
			}
		}
		if e.Kind == Hardlink {
			target, ok := tree.Lookup(e.Link)
			if !ok || target.Kind != File || Compare(e.Link, e.Path) >= 0 || target.Content != e.Content {
				t.Fatalf("hard link %q leads to %v", e.Path, target)
			}
		}
	}
}
