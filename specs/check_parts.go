package specs

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strings"
)

// The values of Certificates.Bundle.
const (
	bundleDebian = "debian"
	bundleNone   = "none"
)

// bundlePackage is the package that is locked for its bundle alone.
const bundlePackage = "ca-certificates"

func (c checker) certificates(certs *Certificates) {
	if certs == nil {
		return
	}
	bundles := []string{bundleDebian, bundleNone}
	if certs.Bundle != "" && !slices.Contains(bundles, certs.Bundle) {
		c.report("certificates.bundle", fmt.Sprintf("bundle is %s, want %s", quoted(certs.Bundle), orList(bundles)), "")
	}
	for i, p := range certs.Add {
		c.local(fmt.Sprintf("certificates.add[%d]", i), p)
	}
	distinct(c, "certificates.add", certs.Add)
	for i, p := range certs.Remove {
		c.want(isRelative(p), fmt.Sprintf("certificates.remove[%d]", i), "remove is %s, want a name such as mozilla/X.crt", quoted(p))
	}
	distinct(c, "certificates.remove", certs.Remove)
	c.want(len(certs.Remove) == 0 || certs.Bundle == bundleDebian, "certificates.remove", "there is nothing to remove without bundle: %s", bundleDebian)
}

// local checks the path of a file beside the spec. It cannot leave the spec's
// folder: a published definition carries the folder, not the machine.
func (c checker) local(at, p string) {
	if isRelative(p) {
		return
	}
	hint := "the file must be in the folder of the spec, or below"
	if clean := path.Clean(p); isRelative(clean) {
		hint = "write it as " + clean
	}
	c.report(at, fmt.Sprintf("found %s, want a clean relative path", quoted(p)), hint)
}

// kept are the os-release fields by which scanners know the distribution.
var kept = []string{"ID", "VERSION_ID", "VERSION_CODENAME"}

func (c checker) osRelease(fields map[string]string) {
	for _, key := range sortedKeys(fields) {
		at := "os-release." + key
		switch {
		case !only(key, upper+digits+"_"):
			c.report(at+keyMark, fmt.Sprintf("key %s has other characters than A-Z, 0-9 and _", quoted(key)), "")
		case slices.Contains(kept, key):
			c.report(at+keyMark, fmt.Sprintf("%s stays Debian's", key), "scanners find vulnerabilities by it; set NAME, PRETTY_NAME or VARIANT instead")
		}
		c.line(at, fields[key])
	}
}

// maxID is the largest user and group id that every program reads as positive.
const maxID = math.MaxInt32

func (c checker) accounts(at string, a Accounts) {
	for i, u := range a.Users {
		p := fmt.Sprintf("%s.users[%d]", at, i)
		c.account(p, u.Name, map[string]string{"gecos": u.Gecos, "home": u.Home, "shell": u.Shell})
		c.id(p+".uid", u.UID)
		c.id(p+".gid", u.GID)
		c.want(u.Home == "" || u.Home == "/" || isAbsolute(u.Home), p+".home", "home is %s, want a clean absolute path", quoted(u.Home))
		c.want(u.Shell == "" || isAbsolute(u.Shell), p+".shell", "shell is %s, want a clean absolute path", quoted(u.Shell))
		if u.HomeMode != "" {
			c.mode(p+".home-mode", u.HomeMode)
			c.want(u.Home != "" && u.Home != "/", p+".home-mode", "home-mode needs a home other than /")
		}
	}
	for i, g := range a.Groups {
		p := fmt.Sprintf("%s.groups[%d]", at, i)
		c.account(p, g.Name, nil)
		c.id(p+".gid", g.GID)
		for j, m := range g.Members {
			c.want(isAccount(m), fmt.Sprintf("%s.members[%d]", p, j), "member is %s, want the name of a user", quoted(m))
		}
		distinct(c, p+".members", g.Members)
	}
	c.unique(at, a)
}

func (c checker) account(at, name string, fields map[string]string) {
	c.notEmpty(name != "", at, "name")
	c.want(name == "" || isAccount(name), at+".name", "name is %s, want at most 32 of a-z 0-9 _ -, the first a letter or _", quoted(name))
	for _, key := range sortedKeys(fields) {
		s := fields[key]
		c.want(!strings.Contains(s, ":") && !hasControl(s), join(at, key), "found %s, want text without colons and line breaks", quoted(s))
	}
}

func (c checker) id(at string, id int) {
	c.want(id >= 0 && id <= maxID, at, "id is %d, want 0 to %d", id, maxID)
}

// unique holds names and ids together: two names with one id make files' owners
// ambiguous to read.
func (c checker) unique(at string, a Accounts) {
	names, ids := map[string]bool{}, map[int]string{}
	one := func(p, key, name string, id int) {
		c.want(name == "" || !names[name], p+".name", "name %s is listed twice", quoted(name))
		if other, ok := ids[id]; ok && other != name {
			c.report(join(p, key), fmt.Sprintf("%s %d is already that of %s", key, id, quoted(other)), "")
		}
		names[name], ids[id] = true, name
	}
	homes := map[string]string{} // those that are made
	for i, u := range a.Users {
		if other, ok := homes[u.Home]; ok && u.HomeMode != "" {
			c.report(fmt.Sprintf("%s.users[%d].home", at, i), fmt.Sprintf("home %s is already that of %s", quoted(u.Home), quoted(other)), "leave home-mode out for one of them")
		}
		if u.HomeMode != "" {
			homes[u.Home] = u.Name
		}
		one(fmt.Sprintf("%s.users[%d]", at, i), "uid", u.Name, u.UID)
	}
	clear(names)
	clear(ids)
	for i, g := range a.Groups {
		one(fmt.Sprintf("%s.groups[%d]", at, i), "gid", g.Name, g.GID)
	}
}

// mode checks an octal mode. setuid and setgid are refused: a base image that
// gives privileges away is not what this language is for.
func (c checker) mode(at, s string) {
	m := mode(s)
	switch {
	case m < 0 || m > 0o7777:
		c.report(at, fmt.Sprintf("mode is %s, want octal digits up to 7777", quoted(s)), `for instance "0755"`)
	case m&0o6000 != 0:
		c.report(at, fmt.Sprintf("mode %s has setuid or setgid, which is refused", quoted(s)), "")
	}
}
