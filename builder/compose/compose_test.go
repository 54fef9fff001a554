package compose

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/basal-project/basal/builder/layer"
	"github.com/basal-project/basal/specs"
)

func TestScratch(t *testing.T) {
	if img := mustApply(t, step()); img.Tree.Len() != 0 || len(img.Layers) != 0 {
		t.Errorf("nothing makes %v", img)
	}
}

func TestGroupsAreLayers(t *testing.T) {
	s := step(
		pack(t, "one", tree{"a": f644 + "A"}), pack(t, "two", tree{"b": f644 + "B"}), pack(t, "three", tree{"c": f644 + "C"}),
	).with(files(specs.File{Path: "/d", Content: text("D")}))
	s.Groups = [][]string{{"three", "one"}, {"two"}}
	img := mustApply(t, s)
	var names []string
	var times []int64
	for _, l := range img.Layers {
		names, times = append(names, l.Name), append(times, l.MTime)
	}
	if !slices.Equal(names, []string{"three 1, one 1", "two 1", "files of s"}) {
		t.Errorf("layers %q", names)
	}
	if !slices.Equal(times, []int64{1005, 1003, layer.Epoch}) {
		t.Errorf("times %v, want the newest of a group's packages, and a fixed one", times)
	}
	diff(t, "group", spell(t, img.Layers[0].Tree), tree{"a": f644 + "A", "c": f644 + "C"})

	s.Groups = [][]string{{"four"}}
	if _, err := Apply(Image{}, s); err == nil || !strings.Contains(err.Error(), "layer group names four") {
		t.Errorf("a group without its package: %v", err)
	}
}

// A variant's patch stands on the image: all of the image's layers are shared.
func TestPatchesShareLayers(t *testing.T) {
	image := mustApply(t, step(pack(t, "one", tree{"a": f644 + "A"})).with(files(specs.File{Path: "/d", Content: text("D")})))
	debug, err := Apply(image, step(pack(t, "busybox", tree{"bin/sh": "file 0755 0:0 sh"})))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := Apply(image, step().with(files(specs.File{Path: "/e", Content: text("E")})))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []Image{debug, plain} {
		if len(v.Layers) != 3 || id(t, v.Layers[0]) != id(t, image.Layers[0]) || id(t, v.Layers[1]) != id(t, image.Layers[1]) {
			t.Errorf("layers %v", layers(t, v))
		}
	}
	diff(t, "the image", spell(t, image.Tree), tree{"a": f644 + "A", "d": f644 + "D"})
	diff(t, "debug", spell(t, debug.Tree), tree{"a": f644 + "A", "d": f644 + "D", "bin": d755, "bin/sh": "file 0755 0:0 sh"})
}

// sensitive builds an image of two packages and reports which layers differ from
// those of the unchanged one: by key, which must tell the truth about the bytes.
func sensitive(t *testing.T, change func(a, b *Package, s *Step)) []string {
	t.Helper()
	make := func(change func(a, b *Package, s *Step)) map[string]identity {
		a := pack(t, "aa", tree{"etc/a": f644 + "A", "etc/more": f644 + "more", "lib/a": f644, "srv": "dir 0750 0:0", "srv/a": f644, "z": "hardlink etc/a"})
		b := pack(t, "bb", tree{"opt/b": f644 + "B"})
		s := step().with(files(specs.File{Path: "/mine", Content: text("mine")}))
		change(&a, &b, &s)
		s.Packages, s.Groups = []Package{a, b}, [][]string{{"aa"}, {"bb"}}
		img := mustApply(t, s)
		out := map[string]identity{}
		for i, l := range img.Layers {
			out[[]string{"aa", "bb", "files"}[i]] = id(t, l)
		}
		return out
	}
	before, after := make(func(a, b *Package, s *Step) {}), make(change)
	var changed []string
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if before[name].key != after[name].key {
			changed = append(changed, name)
		} else if before[name].diffID != after[name].diffID {
			t.Errorf("layer %s: one key for different bytes", name)
		}
	}
	return changed
}

func TestKeysFollowTheInputsOfALayer(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(a, b *Package, s *Step)
		want   []string
	}{
		"nothing":           {func(a, b *Package, s *Step) {}, nil},
		"another .deb":      {func(a, b *Package, s *Step) { a.SHA256[3]++ }, []string{"aa"}},
		"another time":      {func(a, b *Package, s *Step) { a.MTime++ }, []string{"aa"}},
		"another control":   {func(a, b *Package, s *Step) { a.Control = append(a.Control, "X: y\n"...) }, []string{"aa"}},
		"the other package": {func(a, b *Package, s *Step) { *b = pack(t, "bb=2", tree{"opt/b": f644 + "B2"}) }, []string{"bb"}},
		"an excluded file":  {func(a, b *Package, s *Step) { s.Exclude = []string{"/etc/more"} }, []string{"aa"}},
		"a replaced file":   {func(a, b *Package, s *Step) { files(specs.File{Path: "/etc/a", Content: text("x")})(s) }, []string{"aa", "files"}},
		"a moved file": {func(a, b *Package, s *Step) {
			files(specs.File{Path: "/lib", Type: specs.TypeSymlink, Target: "usr/lib"})(s)
		}, []string{"aa", "files"}},
		"a directory's mode": {func(a, b *Package, s *Step) { files(specs.File{Path: "/srv", Type: specs.TypeDir, Mode: "700"})(s) }, []string{"aa", "files"}},
		"an owner":           {func(a, b *Package, s *Step) { files(specs.File{Path: "/mine", Content: text("mine"), UID: 1})(s) }, []string{"files"}},
		"the spec's bytes":   {func(a, b *Package, s *Step) { files(specs.File{Path: "/mine", Content: text("other")})(s) }, []string{"files"}},
		"the step's name":    {func(a, b *Package, s *Step) { s.Name = "other" }, nil},
		"the version alone":  {func(a, b *Package, s *Step) { a.Version = "9" }, nil},
	} {
		if got := sensitive(t, tt.change); !slices.Equal(got, tt.want) {
			t.Errorf("%s changes the layers %q, want %q", name, got, tt.want)
		}
	}
}

func TestKeyNamesRecipeAndEncoder(t *testing.T) {
	l := mustApply(t, step(pack(t, "aa", tree{"a": f644}))).Layers[0]
	if again := l; l.Key(1, "x") != again.Key(1, "x") || l.Key(1, "x") == l.Key(2, "x") || l.Key(1, "x") == l.Key(1, "y") {
		t.Error("the key does not follow recipe and encoder")
	}
}
