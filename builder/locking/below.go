package locking

import (
	"fmt"
	"slices"

	"github.com/basal-project/basal/builder/resolve"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

// stratum is what one spec, or the patch of one of its variants, brings to the
// images that stand on it.
type stratum struct {
	lock *specs.Lock
	specs.Patch
}

// below returns the strata under a variant of a child of parent, lowest first,
// as the builder lays them: a parent takes part with its variant of that name if
// it has one, and else as it is.
func below(parent *specs.Lock, variant string) ([]stratum, error) {
	if parent == nil {
		return nil, nil
	}
	if _, ok := parent.Spec.Variants[variant]; !ok {
		variant = specs.Latest
	}
	all, err := below(parent.Extends, variant)
	if err != nil {
		return nil, err
	}
	s := &parent.Spec
	all = append(all, stratum{parent, specs.Patch{Packages: s.Packages, Accounts: s.Accounts}})
	order, err := s.PatchOrder(variant)
	for _, name := range order {
		all = append(all, stratum{parent, s.Variants[name]})
	}
	return all, err
}

// present returns the packages under a variant on one platform.
func (r *resolver) present(variant string) ([]specs.LockedPackage, error) {
	strata, err := below(r.Parent, variant)
	if err != nil {
		return nil, err
	}
	var list []specs.LockedPackage
	for _, s := range strata {
		section, ok := s.lock.Platform(r.platform)
		if !ok {
			continue // checkPlatforms has refused it
		}
		for _, p := range section.Packages {
			if slices.Contains(s.Packages, p.Name) {
				list = append(list, p)
			}
		}
	}
	return list, nil
}

// parts returns the requests of the image and of each variant that has other
// packages, or stands on others. A patch stands on the image and on the patches
// that it is applied after.
func (r *resolver) parts() ([]part, error) {
	var parts []part
	for _, name := range r.Spec.VariantNames() {
		p := part{name: name, Request: resolve.Request{Platform: r.platform, Indexes: r.indexes, Packages: slices.Clone(r.Spec.Packages), Base: r.installed, Waive: r.Spec.Waive}}
		var err error
		if p.Present, err = r.present(name); err != nil {
			return nil, err
		}
		if p.patches, err = r.Spec.PatchOrder(name); err != nil {
			return nil, err
		}
		for _, n := range p.patches {
			p.Packages = append(p.Packages, r.Spec.Variants[n].Packages...)
			p.Waive = slices.Concat(p.Waive, r.Spec.Variants[n].Waive)
		}
		if len(p.Packages) > 0 && !slices.ContainsFunc(parts, p.sameAs) {
			parts = append(parts, p)
		}
	}
	return parts, nil
}

// sameAs reports whether two parts are of the same packages on the same others.
func (p part) sameAs(o part) bool {
	return slices.Equal(p.Packages, o.Packages) && slices.Equal(p.Present, o.Present)
}

// checkAccounts refuses users and groups that an image would have twice: from
// the spec or a patch, and from the parent below.
func (req Request) checkAccounts() error {
	for _, variant := range req.Spec.VariantNames() {
		strata, err := below(req.Parent, variant)
		if err != nil {
			return err
		}
		own := []specs.Accounts{req.Spec.Accounts}
		order, err := req.Spec.PatchOrder(variant)
		if err != nil {
			return err
		}
		for _, name := range order {
			own = append(own, req.Spec.Variants[name].Accounts)
		}
		for _, s := range strata {
			for _, a := range own {
				if twice := clash(s.Accounts, a); twice != "" {
					return diag.Usagef("%s: accounts: %s is already in the image that this one extends (variant %s)", req.File, twice, variant).
						WithHint("remove it here, or give it another name and number")
				}
			}
		}
	}
	return nil
}

// clash returns what two lists of accounts both claim, "" when nothing.
func clash(a, b specs.Accounts) string {
	for _, u := range b.Users {
		if slices.ContainsFunc(a.Users, func(o specs.User) bool { return o.Name == u.Name || o.UID == u.UID }) {
			return fmt.Sprintf("user %s (uid %d)", u.Name, u.UID)
		}
	}
	for _, g := range b.Groups {
		if slices.ContainsFunc(a.Groups, func(o specs.Group) bool { return o.Name == g.Name || o.GID == g.GID }) {
			return fmt.Sprintf("group %s (gid %d)", g.Name, g.GID)
		}
	}
	return ""
}
