package specs

import (
	"fmt"
	"slices"
	"strings"
)

// maxVariants bounds the work of laying every variant upon every other.
const maxVariants = 64

// variants checks each patch by itself, then against what it is laid upon.
func (c checker) variants(s *Spec) {
	if len(s.Variants) > maxVariants {
		c.report("variants", fmt.Sprintf("found %d variants, want at most %d", len(s.Variants), maxVariants), "")
		return
	}
	for _, name := range sortedKeys(s.Variants) {
		at := "variants." + name
		switch {
		case name == Latest:
			c.report(at+keyMark, fmt.Sprintf("%q is the image without a patch", Latest), "choose another name")
		case !isName(name):
			c.report(at+keyMark, fmt.Sprintf("variant is %s, want lower-case letters and digits with single . _ - between", quoted(name)), "")
		}
		c.tag(s, name)
		c.patch(at, s.Variants[name])
		c.places(at+".files", s.Variants[name].Files, s.Platforms)
		c.with(s, name)
		order, err := s.PatchOrder(name)
		if err != nil {
			order = []string{name} // with reports it
		}
		c.waivers(at+".waive", s.Variants[name].Waive, owned(s, order))
		c.together(s, name, order)
	}
}

// tag refuses a name that is also the tag of another variant on one platform.
func (c checker) tag(s *Spec, name string) {
	for _, p := range s.Platforms {
		other, ok := strings.CutSuffix(name, "-"+p.Tag())
		_, known := s.Variants[other]
		if ok && p.Tag() != "" && (known || other == Latest) {
			c.report("variants."+name+keyMark, fmt.Sprintf("variant is %s, which is the tag of %s on %s, too", quoted(name), other, p), "choose another name")
		}
	}
}

// with checks the other variants that a patch names.
func (c checker) with(s *Spec, name string) {
	at := "variants." + name + ".with"
	distinct(c, at, s.Variants[name].With)
	for i, w := range s.Variants[name].With {
		step := fmt.Sprintf("%s[%d]", at, i)
		if _, ok := s.Variants[w]; !ok {
			others := slices.DeleteFunc(sortedKeys(s.Variants), func(n string) bool { return n == name })
			c.report(step, fmt.Sprintf("there is no variant %s", quoted(w)), didYouMean(w, others))
			continue
		}
		c.want(!reaches(s, w, name, map[string]bool{}), step, "variant %s comes back to itself through with", quoted(name))
	}
}

// reaches reports whether with leads from one variant to another.
func reaches(s *Spec, from, to string, seen map[string]bool) bool {
	if from == to {
		return true
	}
	if seen[from] {
		return false
	}
	seen[from] = true
	return slices.ContainsFunc(s.Variants[from].With, func(w string) bool { return reaches(s, w, to, seen) })
}

// claim is something that one image can have once.
type claim struct{ what, path string }

// claims lists what the patch of a variant, or the image itself, claims.
func claims(s *Spec, variant string) []claim {
	packages, accounts := s.Packages, s.Accounts
	if variant != Latest {
		packages, accounts = s.Variants[variant].Packages, s.Variants[variant].Accounts
	}
	var list []claim
	add := func(path, format string, arg any) { list = append(list, claim{fmt.Sprintf(format, arg), path}) }
	for i, p := range packages {
		add(fmt.Sprintf("packages[%d]", i), "package %q", p)
	}
	for i, u := range accounts.Users {
		add(fmt.Sprintf("accounts.users[%d].name", i), "user %q", u.Name)
		add(fmt.Sprintf("accounts.users[%d].uid", i), "uid %d", u.UID)
	}
	for i, g := range accounts.Groups {
		add(fmt.Sprintf("accounts.groups[%d].name", i), "group %q", g.Name)
		add(fmt.Sprintf("accounts.groups[%d].gid", i), "gid %d", g.GID)
	}
	return list
}

// together refuses a claim that two of the patches of a variant make, or that
// one repeats from the image. Each pair is reported once, where it first meets.
func (c checker) together(s *Spec, name string, order []string) {
	owner := map[string]string{}
	for _, v := range append([]string{Latest}, order...) {
		for _, cl := range claims(s, v) {
			first, taken := owner[cl.what]
			if !taken {
				owner[cl.what] = v
				continue
			}
			by := fmt.Sprintf("variant %q", first)
			if first == Latest {
				by = "the image itself"
			}
			switch {
			case first == v: // reported as listed twice
			case v == name:
				c.report("variants."+name+"."+cl.path, fmt.Sprintf("%s is already in %s", cl.what, by), "")
			case first != Latest && !reaches(s, v, first, map[string]bool{}):
				c.report("variants."+name+".with", fmt.Sprintf("%s comes from %s and from variant %q", cl.what, by, v), "")
			}
		}
	}
}

// owned lists the packages that a waiver of a variant's can be about.
func owned(s *Spec, order []string) []string {
	list := slices.Clone(s.Packages)
	for _, v := range order {
		list = append(list, s.Variants[v].Packages...)
	}
	if s.Certificates != nil && s.Certificates.Bundle == bundleDebian {
		list = append(list, bundlePackage)
	}
	return list
}
