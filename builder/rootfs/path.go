package rootfs

import (
	"errors"
	"fmt"
	"strings"
)

// Compare is the order of a Tree and of a layer: bytewise by path with '/'
// lowest, so that a directory's content follows it directly.
func Compare(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] == b[i] {
			continue
		}
		switch {
		case a[i] == '/':
			return -1
		case b[i] == '/':
			return 1
		case a[i] < b[i]:
			return -1
		}
		return 1
	}
	return len(a) - len(b)
}

// CheckPath reports whether p can name an entry: relative, clean, not the root,
// no "..", no NUL, and no ".wh." name, which a layer would read as a deletion.
func CheckPath(p string) error {
	if p == "" || p == "." {
		return errors.New("the root itself is not an entry")
	}
	for start := 0; start <= len(p); {
		end := len(p)
		if i := strings.IndexByte(p[start:], '/'); i >= 0 {
			end = start + i
		}
		switch name := p[start:end]; {
		case name == "" || name == "." || name == "..":
			return fmt.Errorf("path %q is not clean and relative", p)
		case strings.HasPrefix(name, ".wh."):
			return fmt.Errorf("path %q has a name that layers reserve for deletions (.wh.)", p)
		}
		start = end + 1
	}
	if strings.IndexByte(p, 0) >= 0 {
		return fmt.Errorf("path %q contains a NUL byte", p)
	}
	return nil
}

// Parent returns the directory that holds p, "" for a top-level name.
func Parent(p string) string {
	if i := strings.LastIndexByte(p, '/'); i >= 0 {
		return p[:i]
	}
	return ""
}
