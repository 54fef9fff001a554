package compose

import (
	"fmt"
	"testing"

	"github.com/basal-project/basal/specs"
)

func TestCheckLists(t *testing.T) {
	users := specs.Accounts{Users: []specs.User{{Name: "app", UID: 7, GID: 7}}}
	groups := specs.Accounts{Groups: []specs.Group{{Name: "app", GID: 7}}}
	own := []specs.File{{Path: "/etc/passwd"}}
	for _, c := range []struct {
		base  tree
		a     specs.Accounts
		files []specs.File
		want  string
	}{
		{tree{"etc": "symlink usr/etc", "usr": d755, "usr/etc": d755}, users, nil, "/etc is a symlink"},
		{tree{"etc": "symlink usr/etc", "usr": d755, "usr/etc": d755}, specs.Accounts{}, nil, "<nil>"},
		{tree{"etc": f644}, groups, nil, "/etc is a file"},
		{tree{"etc": d755, "etc/passwd": "symlink ../x"}, users, nil, "/etc/passwd is a symlink"},
		{tree{"etc": d755, "etc/passwd": "symlink ../x"}, users, own, "<nil>"},
		{tree{"etc": d755, "etc/passwd": "symlink ../x"}, groups, nil, "<nil>"},
		{tree{"etc": d755, "etc/group": d755}, groups, own, "/etc/group is a dir"},
		{tree{"etc": d755, "etc/passwd": f644, "etc/group": f644}, users, nil, "<nil>"},
		{tree{}, users, nil, "<nil>"},
	} {
		if got := fmt.Sprint(CheckLists(build(t, "base:x", c.base), c.a, c.files)); got != c.want {
			t.Errorf("%v, %v: got %s, want %s", c.base, c.a, got, c.want)
		}
	}
}
