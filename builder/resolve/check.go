package resolve

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

// Triggers is the name of the triggers file, which a waiver names like a script.
const Triggers = "triggers"

// CheckScripts reports the maintainer scripts of a package, and the lines of
// its triggers file, that are neither in the table nor waived. scripts are the
// names of those that its .deb has; triggers is the text of the file of that
// name (deb-triggers(5)), nil if there is none. Maintainer scripts never run,
// so what they would have done must be known.
//
// A waiver for what the table already knows is a fault, too: it says something
// else than basal does.
func CheckScripts(pkg string, scripts []string, triggers []byte, waive []specs.Waiver) error {
	var errs []error
	for _, s := range scripts {
		errs = append(errs, check(pkg, s, "", waive))
	}
	directives, err := parseTriggers(string(triggers))
	if err != nil {
		errs = append(errs, diag.Failedf("package %s: triggers: %w", pkg, err))
	}
	var unknown []string
	for _, d := range directives {
		if find(pkg, Triggers, d) == nil {
			unknown = append(unknown, d)
		}
	}
	switch waived := isWaived(waive, pkg, Triggers); {
	case len(unknown) > 0 && !waived:
		errs = append(errs, unknownScript(pkg, Triggers, fmt.Sprintf("triggers (%s) are", strings.Join(unknown, ", "))))
	case len(unknown) == 0 && len(directives) > 0 && waived:
		errs = append(errs, needless(pkg, Triggers, find(pkg, Triggers, directives[0])))
	}
	return errors.Join(errs...)
}

func check(pkg, script, trigger string, waive []specs.Waiver) error {
	k, waived := find(pkg, script, trigger), isWaived(waive, pkg, script)
	switch {
	case k == nil && !waived:
		return unknownScript(pkg, script, script+" is")
	case k != nil && waived:
		return needless(pkg, script, k)
	}
	return nil
}

func unknownScript(pkg, script, subject string) error {
	return diag.Usagef("package %s: its %s unknown to basal, and maintainer scripts never run", pkg, subject).
		WithHint("read what it does in the package; if the image can do without it, waive it:\n  waive:\n    - {package: %s, script: %s, because: …}", pkg, script)
}

func needless(pkg, script string, k *known) error {
	return diag.Usagef("package %s: the waiver of its %s waives nothing: basal knows it as %s (%s)", pkg, script, k.instead, k.because).
		WithHint("remove the waiver")
}

func find(pkg, script, trigger string) *known {
	i := slices.IndexFunc(table, func(k known) bool {
		return (k.pkg == "" || k.pkg == pkg) && k.script == script && k.trigger == trigger
	})
	if i < 0 {
		return nil
	}
	return &table[i]
}

func isWaived(waive []specs.Waiver, pkg, script string) bool {
	return slices.ContainsFunc(waive, func(w specs.Waiver) bool { return w.Package == pkg && w.Script == script })
}

// parseTriggers returns the directives of a triggers file as "interest NAME" and
// "activate NAME". Whether dpkg waits for a trigger makes no difference here.
func parseTriggers(text string) ([]string, error) {
	var all []string
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		verb := strings.TrimSuffix(strings.TrimSuffix(words[0], "-noawait"), "-await")
		if len(words) != 2 || verb != "interest" && verb != "activate" {
			return nil, fmt.Errorf("want interest or activate and a name, found %.80q", strings.TrimSpace(line))
		}
		if d := verb + " " + words[1]; !slices.Contains(all, d) {
			all = append(all, d)
		}
	}
	return all, nil
}
