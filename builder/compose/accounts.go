package compose

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

const (
	passwdPath = "etc/passwd"
	groupPath  = "etc/group"
)

// accountFiles adds the step's accounts to the image's and returns the files
// that follow from all of them: /etc/passwd (passwd(5)), /etc/group (group(5))
// and the home directories that the step asks for.
func (img *Image) accountFiles(parent rootfs.Tree, s Step) ([]rootfs.Entry, error) {
	if s.Accounts.IsZero() {
		return nil, nil
	}
	for _, u := range s.Accounts.Users {
		if slices.ContainsFunc(slices.Concat(img.base.Users, img.users), func(o specs.User) bool { return o.Name == u.Name || o.UID == u.UID }) {
			return nil, diag.Usagef("accounts: user %s (uid %d) is already in the image", u.Name, u.UID)
		}
		img.users = append(img.users, u)
	}
	for _, g := range s.Accounts.Groups {
		if slices.ContainsFunc(slices.Concat(img.base.Groups, img.groups), func(o specs.Group) bool { return o.Name == g.Name || o.GID == g.GID }) {
			return nil, diag.Usagef("accounts: group %s (gid %d) is already in the image", g.Name, g.GID)
		}
		img.groups = append(img.groups, g)
	}
	origin := generatedBy + "accounts of " + s.Name
	var out []rootfs.Entry
	if len(s.Accounts.Users) > 0 {
		out = append(out, textFile(passwdPath, slices.Concat(img.base.passwd, passwd(img.users)), origin))
	}
	if _, there := parent.Lookup(groupPath); len(s.Accounts.Groups) > 0 || !there && !inPackages(s.Packages, groupPath) {
		out = append(out, textFile(groupPath, slices.Concat(img.base.group, group(img.groups)), origin)) // empty rather than missing
	}
	for _, u := range s.Accounts.Users {
		if u.HomeMode == "" {
			continue
		}
		m, err := mode(u.HomeMode, 0)
		if err != nil {
			return nil, diag.Usagef("accounts: user %s: home-mode: %w", u.Name, err)
		}
		out = append(out, rootfs.Entry{Path: strings.TrimPrefix(u.Home, "/"), Kind: rootfs.Dir, Mode: m, UID: u.UID, GID: u.GID, Origins: []string{origin}})
	}
	return out, nil
}

func passwd(users []specs.User) []byte {
	var out bytes.Buffer
	for _, u := range users {
		fmt.Fprintf(&out, "%s:x:%d:%d:%s:%s:%s\n", u.Name, u.UID, u.GID, or(u.Gecos, u.Name), or(u.Home, "/nonexistent"), or(u.Shell, "/sbin/nologin"))
	}
	return out.Bytes()
}

func group(groups []specs.Group) []byte {
	var out bytes.Buffer
	for _, g := range groups {
		fmt.Fprintf(&out, "%s:x:%d:%s\n", g.Name, g.GID, strings.Join(g.Members, ","))
	}
	return out.Bytes()
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
