package compose

import (
	"strings"
	"testing"

	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

func TestFilesWinOverPackages(t *testing.T) {
	p := pack(t, "p", tree{"etc/conf": f644 + "theirs", "etc/keep": f644 + "kept", "var/run": "symlink /run", "tmp": d755, "tmp/x": f644})
	q := pack(t, "q", tree{"etc/conf": f644 + "others", "tmp": "dir 0700 0:0"})
	s := step(p, q).inputs(map[string]string{"conf.txt": "mine"}).with(files(
		specs.File{Path: "/etc/conf", Source: "conf.txt", Mode: "0600", UID: 1, GID: 2},
		specs.File{Path: "/etc/new", Content: text("")},
		specs.File{Path: "/etc/link", Type: specs.TypeSymlink, Target: "../x"},
		specs.File{Path: "/tmp", Type: specs.TypeDir, Mode: "1777"},
	))
	always(t, tree{
		"etc": d755, "etc/conf": "file 0600 1:2 mine", "etc/keep": f644 + "kept", "etc/new": f644, "etc/link": "symlink ../x",
		"tmp": "dir 1777 0:0", "tmp/x": f644, "var/run": "symlink /run",
	}, s)

	img := mustApply(t, s)
	for _, l := range img.Layers {
		_, has := l.Tree.Lookup("etc/conf")
		if mine := strings.HasPrefix(l.Name, "files"); has != mine {
			t.Errorf("layer %s has /etc/conf: %v", l.Name, has)
		}
		// Whichever layer names /tmp last, it keeps its mode.
		if tmp, ok := l.Tree.Lookup("tmp"); ok && tmp.Mode != 0o1777 {
			t.Errorf("layer %s gives /tmp the mode %o", l.Name, tmp.Mode)
		}
	}
	sums, _ := img.Tree.Lookup(statusDir + "p.md5sums")
	if s := string(content(t, sums)); strings.Contains(s, "etc/conf") || !strings.Contains(s, "etc/keep") {
		t.Errorf("p.md5sums is %q", s)
	}
}

// A child takes a path from its parent's package: the sums of that follow.
func TestFilesOfAChild(t *testing.T) {
	p := pack(t, "p", tree{"etc/conf": f644 + "theirs", "etc/keep": f644 + "kept"})
	mine := files(specs.File{Path: "/etc/conf", Content: text("mine")})
	img := mustApply(t, step(p), step().with(mine))
	last := img.Layers[len(img.Layers)-1]
	diff(t, "last layer", spell(t, last.Tree), tree{"etc": d755, "etc/conf": f644 + "mine"})
	if _, ok := last.Tree.Lookup(statusDir + "p.md5sums"); !ok {
		t.Error("the last layer does not correct p.md5sums")
	}
	same := mustApply(t, step(p), step().with(files(specs.File{Path: "/etc/keep", Content: text("kept")})))
	if n := len(same.Layers); n != 1 {
		t.Errorf("%d layers, want the parent's one: nothing differs", n)
	}
}

func TestLinksType(t *testing.T) {
	list := "# applets\nls\n\n  cat  \n[\n"
	s := step().inputs(map[string]string{"applets": list, "bad": "ok\na/b\n", "twice": "x\nx\n", "dots": "..\n", "escape": "a\x1b[2J\n", "latin1": "caf\xe9\n", "long": strings.Repeat("n", 256) + "\n", "whiteout": ".wh.x\n", "large": strings.Repeat("a\n", 600_000)})
	links := func(source string) Step {
		return s.with(files(specs.File{Path: "/busybox", Type: specs.TypeLinks, Source: source, Target: "/usr/bin/busybox"}))
	}
	always(t, tree{"busybox": d755, "busybox/ls": "symlink /usr/bin/busybox", "busybox/cat": "symlink /usr/bin/busybox", "busybox/[": "symlink /usr/bin/busybox"}, links("applets"))
	always(t, tree{"busybox": d755, "busybox/x": "symlink /usr/bin/busybox"}, links("twice"))
	never(t, `bad:2: "a/b" is not a plain file name`, nil, links("bad"))
	for _, source := range []string{"dots", "escape", "latin1", "long", "whiteout"} {
		never(t, source+":1:", nil, links(source))
	}
	never(t, "larger than 1 MiB", nil, links("large"))
	never(t, "file does not exist", nil, links("absent"))
}

func TestFilesThatCannotBe(t *testing.T) {
	p := pack(t, "p", tree{"etc/conf/x": f644})
	never(t, "below", rootfs.ErrConflict, step(p).with(files(specs.File{Path: "/etc/conf", Content: text("")})))
	never(t, "octal", nil, step().with(files(specs.File{Path: "/x", Content: text(""), Mode: "999"})))
	never(t, "octal", nil, step().with(files(specs.File{Path: "/x", Type: specs.TypeDir, Mode: "77777"})))
	never(t, "does not exist", nil, step().with(files(specs.File{Path: "/x", Source: "absent"})))
	never(t, "unknown type", nil, step().with(files(specs.File{Path: "/x", Type: "device"})))
	never(t, "/x", rootfs.ErrConflict, step(base(t)).with(files(specs.File{Path: "/lib/x", Content: text("1")}, specs.File{Path: "/usr/lib/x", Content: text("2")})))
}

func TestDirectoryModesOfAChild(t *testing.T) {
	tmp := files(specs.File{Path: "/tmp", Type: specs.TypeDir, Mode: "1777"})
	home := func(s *Step) {
		s.Accounts = specs.Accounts{Users: []specs.User{{Name: "nonroot", UID: 65532, GID: 65532, Home: "/home/nonroot", HomeMode: "700"}}}
	}
	img := mustApply(t,
		step().with(tmp).with(home),
		step(pack(t, "p", tree{"tmp/cache/x": f644, "home/nonroot/.rc": f644})),
	)
	diff(t, "the child's layer", spell(t, img.Layers[1].Tree), tree{
		"tmp": "dir 1777 0:0", "tmp/cache": d755, "tmp/cache/x": f644,
		"home": d755, "home/nonroot": "dir 0700 65532:65532", "home/nonroot/.rc": f644,
	})
}

// A spec's fault is its author's to mend, exit code 2, and the hint does not ask
// for what is there already.
func TestFaultsOfTheSpec(t *testing.T) {
	p := pack(t, "p", tree{"etc/conf/x": f644, "etc/passwd": f644 + "theirs"})
	file := func(path string) func(*Step) { return files(specs.File{Path: path, Content: text("")}) }
	user := func(s *Step) { s.Accounts.Users = []specs.User{{Name: "app", UID: 1}} }
	for name, c := range map[string]struct {
		hint  string
		below Step
		s     Step
	}{
		"a file over a directory": {"files says what", step(), step(p).with(file("/etc/conf"))},
		"a package's passwd":      {"write the path in files", step(), step(p).with(user)},
		"a parent's passwd":       {"write the whole file", step(p), step().with(user)},
		"a hand-written passwd":   {"write the whole file", step().with(file("/etc/passwd")), step().with(user)},
		"a parent's link":         {"leads to", step(base(t)), step().with(files(specs.File{Path: "/lib", Type: specs.TypeDir}))},
		"a link in a link":        {"leads to", step(base(t), pack(t, "q", tree{"lib/d": "symlink e"})), step().with(files(specs.File{Path: "/lib/d", Type: specs.TypeDir}))},
		"a home over a link": {"leads to", step(base(t)), step().with(func(s *Step) {
			s.Accounts.Users = []specs.User{{Name: "app", UID: 1, Home: "/lib", HomeMode: "700"}}
		})},
		"a pattern for nothing": {"platform", step(), step(p).with(func(s *Step) { s.Exclude = []string{"/etc/nosuch"} })},
	} {
		_, err := Apply(mustApply(t, c.below), c.s)
		if diag.CodeOf(err) != diag.Usage || !strings.Contains(diag.HintOf(err), c.hint) {
			t.Errorf("%s: got code %d, %v, hint %q, want %q", name, diag.CodeOf(err), err, diag.HintOf(err), c.hint)
		}
	}
	// Packages that do not agree are not the spec's fault, though it can settle that.
	_, err := Apply(Image{}, step(p, pack(t, "q", tree{"etc/conf/x": f644 + "q"})))
	if diag.CodeOf(err) != diag.Failed || !strings.Contains(diag.HintOf(err), "write the path in files") {
		t.Errorf("two packages: got code %d, %v, hint %q", diag.CodeOf(err), err, diag.HintOf(err))
	}
}
