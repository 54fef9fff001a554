package specs

import (
	"fmt"
	"slices"
	"strings"
)

// maxSize bounds every input: no file of an archive or a spec is larger.
const maxSize = 4 << 30 // bytes

// MaxEpoch is the latest time that a lock accepts, in seconds since 1970: the
// last one that a plain ustar header can hold (11 octal digits), so that no time
// needs an extended header.
const MaxEpoch = 1<<33 - 1

// lockChecker holds the rules of a lock. Each part is checked against the spec
// inside: a lock cannot bring what its spec does not ask for.
type lockChecker struct {
	checker
	lock *Lock
}

// checkLock checks l, which stands at path in its file below depth others, and
// its parents.
func checkLock(l *Lock, path string, depth int, f *faults) {
	at := func(prefix string) checker {
		return checker{report: func(p, msg, hint string) {
			place := strings.TrimSuffix(join(prefix, p), keyMark)
			f.add(noPlace, place+": "+msg, hint)
		}}
	}
	if depth > maxExtends {
		f.add(noPlace, fmt.Sprintf("%s: more than %d locks within each other", path, maxExtends), "")
		return
	}
	at(join(path, "spec")).spec(&l.Spec)
	c := lockChecker{at(path), l}
	c.head()
	c.inputs()
	c.groups()
	c.sections()
	c.base()
	c.programs()
	if l.Extends != nil {
		checkLock(l.Extends, join(path, "extends"), depth+1, f)
	}
}

// noPlace is the place of what stands in a file without lines.
var noPlace place

func (c lockChecker) head() {
	l := c.lock
	c.want(l.Version == FormatVersion, "version", "version is %d, want %d", l.Version, FormatVersion)
	c.want(l.Recipe >= 1, "recipe", "recipe is %d, want 1 or more", l.Recipe)
	c.want(only(l.Encoder, lower+digits+"/.-_+") && len(l.Encoder) <= 64, "encoder", "encoder is %s, want a name such as gzip/klauspost-1.20.3/6", quoted(l.Encoder))
	c.want((l.Extends != nil) == (l.Spec.Extends != ""), "extends", "the spec and its lock do not agree on whether there is a parent")
	c.want(len(l.Platforms) > 0, "platforms", "there are none")
}

// inputs demands exactly the local files that the spec names.
func (c lockChecker) inputs() {
	var have []string
	for i, in := range c.lock.Inputs {
		at := fmt.Sprintf("inputs[%d]", i)
		c.size(at+".size", in.Size, 0)
		c.want(!in.SHA256.IsZero(), at+".sha256", "there is none")
		have = append(have, in.Path)
	}
	if want := c.lock.Spec.InputFiles(); !slices.Equal(have, want) {
		c.report("inputs", fmt.Sprintf("found %s, want what the spec names: %s", quoted(strings.Join(have, " ")), quoted(strings.Join(want, " "))), "")
	}
}

// groups demands that the layers of each variant hold its packages, each once.
func (c lockChecker) groups() {
	l := c.lock
	for _, v := range sortedKeys(l.Groups) {
		_, ok := l.Spec.Variants[v]
		c.want(ok || v == Latest, "groups."+v, "the spec has no such variant")
		for i, g := range l.Groups[v] {
			c.want(len(g) > 0, fmt.Sprintf("groups.%s[%d]", v, i), "an empty group")
		}
	}
	for _, v := range l.Spec.VariantNames() {
		want := slices.Clone(l.Spec.Packages)
		if v != Latest {
			want = slices.Clone(l.Spec.Variants[v].Packages)
		}
		have := slices.Concat(l.Groups[v]...)
		slices.Sort(want)
		slices.Sort(have)
		c.want(slices.Equal(have, want), "groups."+v, "found the packages %s, want %s", quoted(strings.Join(have, " ")), quoted(strings.Join(want, " ")))
	}
}

func (c lockChecker) size(at string, n int64, least int64) {
	c.want(n >= least && n <= maxSize, at, "size is %d, want %d to %d bytes", n, least, int64(maxSize))
}

// sections checks the platforms: those of the spec or fewer, in its order.
func (c lockChecker) sections() {
	next := 0
	for i := range c.lock.Platforms {
		p := &c.lock.Platforms[i]
		at := fmt.Sprintf("platforms[%d]", i)
		n := slices.Index(c.lock.Spec.Platforms, p.Platform)
		c.want(n >= next, at+".platform", "%s is not in the spec, or not in its order", p.Platform)
		next = n + 1
		if ext := c.lock.Extends; ext != nil {
			_, ok := ext.Platform(p.Platform)
			c.want(ok, at+".platform", "the parent has no %s", p.Platform)
		}
		c.want(p.Epoch >= 0 && p.Epoch <= MaxEpoch, at+".epoch", "epoch is %d, want 0 to %d", p.Epoch, int64(MaxEpoch))
		c.indexes(at, p)
		c.packages(at, p)
	}
}
