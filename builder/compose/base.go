package compose

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

// originBase begins the origin of what comes from a published image.
const originBase = "base:"

// BaseOrigin is the origin of the entries of the base that is called name.
func BaseOrigin(name string) string { return originBase + name }

func isFromBase(e rootfs.Entry) bool {
	return slices.ContainsFunc(e.Origins, func(o string) bool { return strings.HasPrefix(o, originBase) })
}

// Base returns a published image to put steps on. It has no Layers: those of the
// base exist already. Its accounts and CA bundle are kept as they are, and what
// steps add goes behind them.
func Base(tree rootfs.Tree) (Image, error) {
	img := Image{Tree: tree}
	var err error
	if img.base.Accounts, err = AccountsOf(tree); err != nil {
		return Image{}, err
	}
	if img.base.passwd, err = textOf(tree, passwdPath, maxAccounts); err != nil {
		return Image{}, err
	}
	if img.base.group, err = textOf(tree, groupPath, maxAccounts); err != nil {
		return Image{}, err
	}
	if e, ok := tree.Lookup(bundlePath); ok && isFile(e) {
		b, err := readPEM(e.Content)
		if err != nil {
			return Image{}, fmt.Errorf("/%s: %w", bundlePath, err)
		}
		img.certs = []certificate{{pem: b, origin: rootfs.From(e.Origins)}}
	}
	return img, nil
}

// baseAccounts are those of a base: its lines, which stay as they are, and what
// they claim.
type baseAccounts struct {
	specs.Accounts
	passwd, group []byte
}

const maxAccounts = 4 << 20 // bytes of /etc/passwd, or of /etc/group

func isFile(e rootfs.Entry) bool { return e.Kind == rootfs.File || e.Kind == rootfs.Hardlink }

// textOf returns the lines of a file, nil when there is none.
func textOf(tree rootfs.Tree, path string, most int64) ([]byte, error) {
	e, ok := tree.Lookup(path)
	if !ok || !isFile(e) || e.Content.Size() == 0 {
		return nil, nil
	}
	if e.Content.Size() > most {
		return nil, fmt.Errorf("/%s has %d bytes, more than %d", path, e.Content.Size(), most)
	}
	b, err := io.ReadAll(e.Content.Reader())
	if err != nil {
		return nil, err
	}
	if !bytes.HasSuffix(b, []byte("\n")) {
		b = append(b, '\n')
	}
	return b, nil
}

// AccountsOf returns the names and numbers of the accounts in /etc/passwd and
// /etc/group of a file system. Lines that do not begin as passwd(5) and group(5)
// say are passed over.
func AccountsOf(tree rootfs.Tree) (specs.Accounts, error) {
	var all specs.Accounts
	err := accountLines(tree, passwdPath, func(name string, id int) {
		all.Users = append(all.Users, specs.User{Name: name, UID: id})
	})
	if err == nil {
		err = accountLines(tree, groupPath, func(name string, id int) {
			all.Groups = append(all.Groups, specs.Group{Name: name, GID: id})
		})
	}
	return all, err
}

func accountLines(tree rootfs.Tree, path string, add func(name string, id int)) error {
	b, err := textOf(tree, path, maxAccounts)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(b)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(fields) < 3 || fields[0] == "" {
			continue
		}
		if id, err := strconv.ParseUint(fields[2], 10, 32); err == nil {
			add(fields[0], int(id))
		}
	}
	return nil
}

// checkKept refuses to write a list anew where the base has something else than
// a file whose lines could be kept.
func checkKept(e, below rootfs.Entry) error {
	if isFile(below) {
		return nil
	}
	return diag.Usagef("/%s is a %s in the base, and its lines cannot be kept", e.Path, below.Kind).
		WithHint("write the whole file in files")
}

// CheckLists refuses accounts that cannot be written into tree, a base's: /etc is
// no directory there, or a list that would get more lines is no file. A list that
// files has is written as it is there.
func CheckLists(tree rootfs.Tree, a specs.Accounts, files []specs.File) error {
	if a.IsZero() {
		return nil
	}
	if e, ok := tree.Lookup("etc"); ok && e.Kind != rootfs.Dir {
		return fmt.Errorf("/etc is a %s", e.Kind)
	}
	for _, path := range []string{passwdPath, groupPath} {
		more := path == passwdPath && len(a.Users) > 0 || path == groupPath && len(a.Groups) > 0
		written := slices.ContainsFunc(files, func(f specs.File) bool { return f.Path == "/"+path })
		if e, ok := tree.Lookup(path); ok && more && !written && !isFile(e) {
			return fmt.Errorf("/%s is a %s", path, e.Kind)
		}
	}
	return nil
}

// keepsLines reports whether the file at path is written with all that the base
// has there.
func keepsLines(path string) bool {
	return path == passwdPath || path == groupPath || path == bundlePath
}
