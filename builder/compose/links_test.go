package compose

import (
	"strings"
	"testing"

	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/specs"
)

// base has the links of a merged /usr, as base-files has them.
func base(t *testing.T) Package {
	return pack(t, "base", tree{"bin": "symlink usr/bin", "lib": "symlink usr/lib", "sbin": "symlink /usr/sbin", "usr": d755, "usr/bin": d755, "usr/lib": d755, "usr/sbin": d755})
}

func merged(more tree) tree {
	for p, l := range (tree{"bin": "symlink usr/bin", "lib": "symlink usr/lib", "sbin": "symlink /usr/sbin", "usr": d755, "usr/bin": d755, "usr/lib": d755, "usr/sbin": d755}) {
		more[p] = l
	}
	return more
}

func TestMergedUsr(t *testing.T) {
	for name, tt := range map[string]struct{ has, want tree }{
		"file":               {tree{"lib/x": f644 + "X"}, tree{"usr/lib/x": f644 + "X"}},
		"absolute link":      {tree{"sbin/x": f644 + "X"}, tree{"usr/sbin/x": f644 + "X"}},
		"directory":          {tree{"lib": d755, "lib/d": "dir 0700 0:0", "lib/d/x": f644}, tree{"usr/lib/d": "dir 0700 0:0", "usr/lib/d/x": f644}},
		"both places":        {tree{"lib/x": f644 + "X", "usr/lib/x": f644 + "X"}, tree{"usr/lib/x": f644 + "X"}},
		"hard links":         {tree{"lib/a": f644 + "X", "usr/lib/b": "hardlink lib/a"}, tree{"usr/lib/a": f644 + "X", "usr/lib/b": "hardlink usr/lib/a"}},
		"hard link below":    {tree{"usr/bin/z": f644 + "X", "bin/a": "hardlink usr/bin/z"}, tree{"usr/bin/a": f644 + "X", "usr/bin/z": "hardlink usr/bin/a"}},
		"link stays as said": {tree{"bin/sh": "symlink ../lib/dash"}, tree{"usr/bin/sh": "symlink ../lib/dash"}},
		"name only alike":    {tree{"lib64/x": f644}, tree{"lib64": d755, "lib64/x": f644}},
	} {
		t.Run(name, func(t *testing.T) {
			p := pack(t, "p", tt.has)
			always(t, merged(tt.want), step(base(t), p))
			always(t, merged(tt.want), step(base(t)), step(p))
		})
	}
}

func TestDirectoryOverALink(t *testing.T) {
	etc := pack(t, "etc", tree{"etc/x": "symlink y"})
	never(t, "/etc/x", rootfs.ErrConflict, step(etc, pack(t, "p", tree{"etc/x": d755})))
	never(t, "/etc/x", rootfs.ErrConflict, step(etc), step(pack(t, "p", tree{"etc/x": d755})))
}

func TestLinksLeadThroughLinks(t *testing.T) {
	always(t, tree{
		"a": "symlink b", "b": "symlink c/../d", "d": d755, "d/e": "symlink ../f", "f": d755, "f/x": f644 + "X",
	}, step(
		pack(t, "one", tree{"a": "symlink b", "d/e": "symlink ../f"}),
		pack(t, "two", tree{"b": "symlink c/../d"}),
		pack(t, "three", tree{"a/e/x": f644 + "X"}),
	))
}

func TestLinksCannotLeaveTheRoot(t *testing.T) {
	always(t, tree{"up": "symlink ../../../..//etc", "etc": d755, "etc/x": f644 + "X"},
		step(pack(t, "a", tree{"up": "symlink ../../../..//etc"}), pack(t, "b", tree{"up/x": f644 + "X"})))
	always(t, tree{"root": "symlink /", "x": f644 + "X"},
		step(pack(t, "a", tree{"root": "symlink /"}), pack(t, "b", tree{"root/x": f644 + "X"})))
}

func TestUnusableLinks(t *testing.T) {
	for name, tt := range map[string]struct {
		link, want string
	}{
		"to itself":     {"symlink a", "too many symlinks"},
		"below itself":  {"symlink a/b", "too many symlinks"},
		"two circle":    {"symlink b", "too many symlinks"},
		"to a deletion": {"symlink .wh.x", ".wh."},
	} {
		t.Run(name, func(t *testing.T) {
			never(t, tt.want, nil, step(pack(t, "one", tree{"a": tt.link, "b": "symlink a"}), pack(t, "two", tree{"a/x": f644})))
		})
	}
}

func TestSpecDecidesAboutLinks(t *testing.T) {
	// A directory of the spec's takes the place of a package's link: nothing goes through that any more.
	always(t, tree{"lib": "dir 0711 0:0", "lib/x": f644 + "X", "bin": "symlink usr/bin", "sbin": "symlink /usr/sbin", "usr": d755, "usr/bin": d755, "usr/lib": d755, "usr/sbin": d755},
		step(base(t), pack(t, "p", tree{"lib/x": f644 + "X"})).with(files(specs.File{Path: "/lib", Type: specs.TypeDir, Mode: "711"})))
	// A link of the spec's leads packages.
	always(t, tree{"opt": "symlink usr", "usr": d755, "usr/x": f644 + "X"},
		step(pack(t, "p", tree{"opt/x": f644 + "X"})).with(files(specs.File{Path: "/opt", Type: specs.TypeSymlink, Target: "usr"})))
	// Its own files go through links, too.
	always(t, merged(tree{"usr/lib/x": f644 + "mine"}),
		step(base(t), pack(t, "p", tree{"usr/lib/x": f644 + "X"})).with(files(specs.File{Path: "/lib/x", Content: text("mine")})))
}

func FuzzResolve(f *testing.F) {
	f.Add("lib", "usr/lib", "a", "../..", "lib/a/b")
	f.Add("a", "b/..", "b", "/", "a/b/c")
	f.Fuzz(func(t *testing.T, from1, to1, from2, to2, p string) {
		l := links{from1: to1, from2: to2}
		if rootfs.CheckPath(p) != nil || to1 == "" || to2 == "" {
			return
		}
		got, err := l.resolve(p)
		if err != nil {
			return
		}
		if strings.HasPrefix(got, "/") || strings.Contains("/"+got+"/", "/../") {
			t.Errorf("%q leads to %q", p, got)
		}
		for dir := rootfs.Parent(got); dir != ""; dir = rootfs.Parent(dir) {
			if _, ok := l[dir]; ok {
				t.Errorf("%q leads to %q, of which /%s is a link", p, got, dir)
			}
		}
	})
}
