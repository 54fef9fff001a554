package locking

import (
	"errors"
	"slices"

	"github.com/basal-project/basal/builder/deb"
	"github.com/basal-project/basal/builder/resolve"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

// waivers returns those of the image and of all patches.
func (m *maker) waivers() []specs.Waiver {
	all := slices.Clone(m.Spec.Waive)
	for _, name := range m.Spec.VariantNames() {
		all = append(all, m.Spec.Variants[name].Waive...)
	}
	return all
}

// noteScripts remembers which waivers are about a script that the package has.
func (m *maker) noteScripts(pkg string, meta *deb.Meta) {
	for _, w := range m.waivers() {
		if w.Package == pkg && (slices.Contains(meta.Scripts, w.Script) || w.Script == resolve.Triggers && meta.Triggers != nil) {
			m.scripts[w] = true
		}
	}
}

// unusedScripts returns an error for each waiver of a script that its package
// has on no platform: it would hide a fault of tomorrow. When only some
// platforms were looked at, another may have it.
func (m *maker) unusedScripts() error {
	if len(m.Platforms) > 0 {
		return nil
	}
	var errs []error
	for _, w := range m.waivers() {
		if w.Script != "" && !m.scripts[w] {
			errs = append(errs, diag.Usagef("%s: the waiver of %s for package %q waives nothing: the package has none", m.File, w.Script, w.Package).WithHint("remove it"))
		}
	}
	return errors.Join(errs...)
}
