package compose

import (
	"testing"

	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/specs"
)

const (
	d755 = "dir 0755 0:0"
	f644 = "file 0644 0:0 "
)

func TestPackagesMerge(t *testing.T) {
	always(t, tree{
		"etc": d755, "etc/a": f644 + "A", "etc/b": f644 + "B", "etc/same": f644 + "same", "home": d755,
		"home/x": "file 0600 7:8 x", "opt": d755, "opt/c": "symlink a",
	}, step(
		pack(t, "a", tree{"etc": d755, "etc/a": f644 + "A", "etc/same": f644 + "same"}),
		pack(t, "b", tree{"etc/b": f644 + "B", "home": d755, "home/x": "file 0600 7:8 x"}),
		pack(t, "c", tree{"opt/c": "symlink a", "etc/same": f644 + "same"}),
		pack(t, "empty", tree{}),
	))
}

// A directory is in every layer that has something below it, as it is in the
// whole image: unpacking one after another changes none.
func TestLayersNameTheirParents(t *testing.T) {
	img := mustApply(t, step(
		pack(t, "a", tree{"srv": "dir 0750 3:4", "srv/a": f644 + "A"}),
		pack(t, "b", tree{"srv/b/c": f644 + "B"}),
	))
	diff(t, "layer", spell(t, img.Layers[1].Tree), tree{"srv": "dir 0750 3:4", "srv/b": d755, "srv/b/c": f644 + "B"})
}

func TestConflicts(t *testing.T) {
	for name, tt := range map[string]struct{ a, b string }{
		"content":      {f644 + "1", f644 + "2"},
		"mode":         {f644 + "1", "file 0755 0:0 1"},
		"owner":        {f644 + "1", "file 0644 1:0 1"},
		"kind":         {f644 + "1", "symlink y"},
		"two modes":    {d755, "dir 0700 0:0"},
		"two owners":   {d755, "dir 0755 5:5"},
		"file and dir": {f644 + "1", d755},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := pack(t, "aa", tree{"etc/x": tt.a}), pack(t, "bb", tree{"etc/x": tt.b})
			never(t, "/etc/x", rootfs.ErrConflict, step(a, b))
			never(t, "deb:aa", rootfs.ErrConflict, step(a, b))
			never(t, "deb:bb", rootfs.ErrConflict, step(a), step(b))
		})
	}
	never(t, "below", rootfs.ErrConflict, step(pack(t, "a", tree{"x": f644}), pack(t, "b", tree{"x/y": f644})))
}

func TestReplaces(t *testing.T) {
	old := pack(t, "old=1:2", tree{"etc/x": f644 + "old", "etc/own": f644 + "own"})
	merged := tree{"etc": d755, "etc/x": f644 + "new", "etc/own": f644 + "own"}
	x := tree{"etc/x": f644 + "new"}
	for _, r := range []string{"old", "old (<< 1:3)", "old (= 1:2)", "other, old (>= 1)"} {
		always(t, merged, step(old, pack(t, "new", x, r)))
		always(t, merged, step(old), step(pack(t, "new", x, r)))
	}
	for _, r := range []string{"other", "old (<< 1:2)", "old (>> 2:0)"} {
		never(t, "/etc/x", rootfs.ErrConflict, step(old, pack(t, "new", x, r)))
		never(t, "/etc/x", rootfs.ErrConflict, step(old), step(pack(t, "new", x, r)))
	}
	// A parent cannot take over what a child brings.
	never(t, "/etc/x", rootfs.ErrConflict, step(pack(t, "new", x, "old")), step(old))
	// Directories are nobody's.
	never(t, "/d", rootfs.ErrConflict, step(pack(t, "aa", tree{"d": d755}), pack(t, "bb", tree{"d": "dir 0700 0:0"}, "aa")))
}

func TestReplacesAmongSeveral(t *testing.T) {
	file := func(s string) tree { return tree{"x": f644 + s} }
	won := tree{"x": f644 + "c"}
	always(t, won, step(pack(t, "aa", file("a")), pack(t, "bb", file("a")), pack(t, "cc", file("c"), "aa, bb")))
	always(t, won, step(pack(t, "aa", file("a")), pack(t, "bb", file("b"), "aa"), pack(t, "cc", file("c"), "aa, bb")))
	always(t, won, step(pack(t, "aa", file("a")), pack(t, "bb", file("b"), "aa"), pack(t, "cc", file("c"), "bb")))

	// Who replaces each other decides nothing.
	never(t, "/x", rootfs.ErrConflict, step(pack(t, "aa", file("a"), "bb"), pack(t, "bb", file("b"), "aa")))
	never(t, "/x", rootfs.ErrConflict, step(pack(t, "aa", file("a"), "bb"), pack(t, "bb", file("b"), "cc"), pack(t, "cc", file("c"), "aa")))
	never(t, "/x", rootfs.ErrConflict, step(pack(t, "aa", file("a")), pack(t, "bb", file("b")), pack(t, "cc", file("c"), "aa")))
	never(t, "/x", rootfs.ErrConflict, step(pack(t, "aa", file("same")), pack(t, "bb", file("same"))), step(pack(t, "cc", file("c"), "aa")))
	always(t, won, step(pack(t, "aa", file("same")), pack(t, "bb", file("same"))), step(pack(t, "cc", file("c"), "aa, bb")))
}

// The parent has only a package's certificates, the child installs it all.
func TestPackageOverItsOwnBundle(t *testing.T) {
	certs := certificates(t)
	img := mustApply(t,
		step().with(func(s *Step) { s.Certificates = Certificates{Bundle: &certs, BundleOnly: true} }),
		step(certs),
	)
	for _, path := range []string{"usr/share/ca-certificates/mozilla/B.crt", "etc/ssl/certs/ca-certificates.crt"} {
		if _, ok := img.Tree.Lookup(path); !ok {
			t.Errorf("there is no /%s", path)
		}
	}
}

func TestHardLinks(t *testing.T) {
	a := pack(t, "aa", tree{"usr/bin/m": f644 + "M", "usr/bin/z": "hardlink usr/bin/m"})
	always(t, tree{"usr": d755, "usr/bin": d755, "usr/bin/m": f644 + "M", "usr/bin/z": "hardlink usr/bin/m"}, step(a))

	// Without its first name the file goes on under the second.
	always(t, tree{"usr": d755, "usr/bin": d755, "usr/bin/z": f644 + "M"},
		step(a).with(func(s *Step) { s.Exclude = []string{"/usr/bin/m"} }))

	// A name does not follow its link to what the spec, or another package, puts there.
	other := tree{"usr": d755, "usr/bin": d755, "usr/bin/m": f644 + "new", "usr/bin/z": f644 + "M"}
	spec := files(specs.File{Path: "/usr/bin/m", Content: text("new")})
	always(t, other, step(a).with(spec))
	always(t, other, step(a), step().with(spec))
	b := pack(t, "bb", tree{"usr/bin/m": f644 + "new"}, "aa")
	always(t, other, step(a, b))
	always(t, other, step(a), step(b))
}

func TestExclude(t *testing.T) {
	doc := pack(t, "doc", tree{
		"usr/share/doc/doc/copyright": f644 + "licence", "usr/share/doc/doc/changelog": f644 + "long",
		"usr/share/zoneinfo/right": d755, "usr/share/zoneinfo/right/UTC": f644 + "leap", "usr/share/zoneinfo/UTC": f644 + "utc",
	})
	exclude := func(globs ...string) Step { return step(doc).with(func(s *Step) { s.Exclude = globs }) }
	zone := tree{"usr": d755, "usr/share": d755, "usr/share/zoneinfo": d755, "usr/share/zoneinfo/UTC": f644 + "utc"}
	with := func(more tree) tree {
		for p, l := range zone {
			more[p] = l
		}
		return more
	}
	licence := with(tree{"usr/share/doc": d755, "usr/share/doc/doc": d755, "usr/share/doc/doc/copyright": f644 + "licence"})
	always(t, licence, exclude("/usr/share/doc/**", "/usr/share/zoneinfo/right/**"))
	always(t, licence, exclude("/usr/share/doc/*/changelog*", "/usr/share/zoneinfo/right", "/usr/share/zoneinfo/right/*"))
	always(t, licence, exclude("/usr/share/doc/**", "/usr/share/zoneinfo/right"))
	always(t, with(tree{}), exclude("/usr/share/doc/**", "/usr/share/doc/*/copyright", "/**/right/**"))

	never(t, "exclude: /usr/share/dic/** takes nothing", nil, exclude("/usr/share/doc/**", "/usr/share/dic/**"))
	never(t, "exclude: /usr/share/doc/*/c?pyright takes nothing", nil, exclude("/usr/share/doc/*/c?pyright"))

	// A directory goes with its content, and keeps its mode if something stays.
	home := pack(t, "home", tree{"root": "dir 0700 0:0", "root/.profile": f644, "root/a": d755, "root/a/b": f644, "rooted": f644, "usr/share/doc": "dir 0711 0:0", "usr/share/doc/h": d755, "usr/share/doc/h/copyright": f644})
	take := func(globs ...string) Step { return step(home).with(func(s *Step) { s.Exclude = globs }) }
	notice := tree{"rooted": f644, "usr": d755, "usr/share": d755, "usr/share/doc": "dir 0711 0:0", "usr/share/doc/h": d755, "usr/share/doc/h/copyright": f644}
	always(t, notice, take("/root", "/usr/share/doc"))
	notice["root"], notice["root/.profile"] = "dir 0700 0:0", f644
	always(t, notice, take("/root/a", "/root/a/*"))
	never(t, "exclude reaches /root/.profile", nil, step(home), step(doc).with(func(s *Step) { s.Exclude = []string{"/root"} }))

	// What a pattern leaves out of a layer is not in another package's.
	other := pack(t, "other", tree{"usr/share/zoneinfo/other": f644})
	never(t, "exclude reaches /usr/share/zoneinfo/other", nil, step(other), exclude("/usr/share/zoneinfo/o*"))
	mustApply(t, step(other), exclude("/usr/share/zoneinfo/right/**"))
}

// An excluded link does not lead files elsewhere: it is not there.
func TestExcludedLinkLeadsNowhere(t *testing.T) {
	a := pack(t, "a", tree{"data": "symlink srv"})
	b := pack(t, "b", tree{"data/x": f644 + "X"})
	always(t, tree{"srv": d755, "srv/x": f644 + "X", "data": "symlink srv"}, step(a, b))
	always(t, tree{"data": d755, "data/x": f644 + "X"}, step(a, b).with(func(s *Step) { s.Exclude = []string{"/data"} }))
}
