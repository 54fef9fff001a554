package locking

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/basal-project/basal/builder/debian/debtest"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

// child returns the request of a spec without archives of its own.
func (r *rig) child(parent *specs.Lock, extra string) Request {
	r.t.Helper()
	text := "version: 1\nname: child\nplatforms: [linux/amd64, linux/arm64]\nextends: ../test\n" + extra
	spec, err := specs.Parse("child.yaml", []byte(text))
	if err != nil {
		r.t.Fatal(err)
	}
	req := r.request("")
	req.File, req.Spec, req.Parent = "child.yaml", spec, parent
	return req
}

func TestExtends(t *testing.T) {
	r := newRig(t, debtest.Suite{Packages: hello()})
	parent := r.lock(r.request("", "libhello"))
	req := r.child(parent, "packages: [hello]\n")
	var asked []int
	req.Keyring = func(up int, signedBy string) ([]byte, error) {
		asked = append(asked, up)
		return r.keyring(up, signedBy)
	}
	lock := r.lock(req) // hello's dependency is in the parent
	mustEqual(t, lock.Extends, parent)
	if !slices.Equal(slices.Compact(asked), []int{1}) {
		t.Errorf("the key was looked for %v levels up, want the parent's", asked)
	}
	for _, section := range lock.Platforms {
		if len(section.Packages) != 1 || section.Packages[0].Name != "hello" {
			t.Errorf("%s has %+v", section.Platform, section.Packages)
		}
		if below, _ := parent.Platform(section.Platform); section.Epoch != below.Epoch {
			t.Errorf("epoch %d is older than the parent's %d", section.Epoch, below.Epoch)
		}
	}
	if err := r.verify(lock); err != nil {
		t.Error(err)
	}
	forged := clone(t, lock)
	forged.Extends.Platforms[1].Packages[0].SHA256[0]++
	if err := r.verify(forged); err == nil {
		t.Error("an altered parent passes")
	}

	// What the parent has already is not for the child to add.
	if _, err := Make(t.Context(), r.client, r.child(parent, "packages: [libhello]\n")); diag.CodeOf(err) != diag.Usage || !strings.Contains(fmt.Sprint(err), "already in the image") {
		t.Errorf("got %v", err)
	}
}

func TestChildWithoutPackagesAsksNobody(t *testing.T) {
	r := newRig(t, debtest.Suite{Packages: hello()})
	parent := r.lock(r.request("", "libhello"))
	r.archive.Requests()
	req := r.child(parent, "files: [{path: /x, content: x}]\n")
	lock := r.lock(req)
	if asked := r.archive.Requests(); len(asked) > 0 {
		t.Errorf("asked for %q", asked)
	}
	for i, section := range lock.Platforms {
		if len(section.Indexes)+len(section.Packages) > 0 || section.Epoch != parent.Platforms[i].Epoch {
			t.Errorf("got %+v", section)
		}
	}
	if err := r.verify(lock); err != nil {
		t.Error(err)
	}
}

func TestParentWithFewerPlatforms(t *testing.T) {
	r := newRig(t, debtest.Suite{Packages: hello(), Archs: []string{"amd64"}})
	parent := r.lock(r.request("", "libhello"))
	for _, do := range []func(Request) error{
		func(req Request) error { _, err := Make(t.Context(), r.client, req); return err },
		func(req Request) error { _, err := Missing(t.Context(), r.client, req); return err },
	} {
		err := do(r.child(parent, "files: [{path: /x, content: x}]\n"))
		if diag.CodeOf(err) != diag.Usage || !strings.Contains(fmt.Sprint(err), "child.yaml: the lock of test, which it extends, has no linux/arm64") ||
			!strings.Contains(diag.HintOf(err), "it has linux/amd64") {
			t.Errorf("got code %d, %v, hint %q", diag.CodeOf(err), err, diag.HintOf(err))
		}
	}
}

// What only a variant of the parent has is there for the child's variant of that
// name, and for no other.
func TestParentsVariants(t *testing.T) {
	r := newRig(t, debtest.Suite{Packages: hello()})
	parent := r.lock(r.request("variants: {debug: {packages: [libhello]}}\n", "other"))
	for name, c := range map[string]struct{ extra, want string }{
		"the image":            {"packages: [hello]\n", "hello depends on libhello"},
		"a variant of its own": {"variants: {own: {packages: [hello]}}\n", "hello depends on libhello"},
		"two names":            {"variants: {debug: {packages: [hello]}, own: {with: [debug]}}\n", "hello depends on libhello"},
		"the same variant":     {"variants: {debug: {packages: [hello]}}\n", ""},
		"the package itself":   {"packages: [hello, libhello]\n", ""},
		"in another variant":   {"variants: {own: {packages: [libhello]}}\n", ""},
		"twice in one variant": {"packages: [libhello]\nvariants: {debug: {}}\n", `"libhello" is already in`},
		"what the parent has":  {"packages: [other]\n", `"other" is already in`},
		"what the variant has": {"variants: {debug: {packages: [libhello]}}\n", `"libhello" is already in`},
		"what both stand on":   {"variants: {own: {packages: [other]}}\n", `"other" is already in`},
	} {
		_, err := Make(t.Context(), r.client, r.child(parent, c.extra))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (diag.CodeOf(err) != diag.Usage || !strings.Contains(fmt.Sprint(err), c.want)):
			t.Errorf("%s: got code %d, %v, want %s", name, diag.CodeOf(err), err, c.want)
		}
	}
}

func TestParentsAccounts(t *testing.T) {
	r := newRig(t, debtest.Suite{Packages: hello()})
	parent := r.lock(r.request("accounts: {users: [{name: root, uid: 0, gid: 0}]}\nvariants: {debug: {accounts: {groups: [{name: adm, gid: 4}]}}}\n", "other"))
	for extra, want := range map[string]string{
		"accounts: {users: [{name: root, uid: 7, gid: 7}]}\n":                    "user root (uid 7) is already",
		"accounts: {users: [{name: toor, uid: 0, gid: 7}]}\n":                    "user toor (uid 0) is already",
		"accounts: {groups: [{name: adm, gid: 4}]}\n":                            "",
		"accounts: {groups: [{name: adm, gid: 4}]}\nvariants: {debug: {}}\n":     "variant debug",
		"variants: {debug: {accounts: {groups: [{name: x, gid: 4}]}}}\n":         "group x (gid 4) is already",
		"variants: {own: {accounts: {users: [{name: root, uid: 9, gid: 9}]}}}\n": "user root (uid 9) is already",
		"variants: {own: {accounts: {users: [{name: app, uid: 9, gid: 9}]}}}\n":  "",
	} {
		_, err := Make(t.Context(), r.client, r.child(parent, extra))
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", extra, err)
		case want != "" && (diag.CodeOf(err) != diag.Usage || !strings.Contains(fmt.Sprint(err), want)):
			t.Errorf("%s: got code %d, %v, want %s", extra, diag.CodeOf(err), err, want)
		}
	}
}
