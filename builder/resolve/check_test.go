package resolve

import (
	"strings"
	"testing"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

func TestCheckScripts(t *testing.T) {
	const ldconfig = "# Triggers added by dh_makeshlibs/13.24.2\nactivate-noawait ldconfig\n"
	for _, c := range []struct {
		pkg, scripts, triggers, waive string
		want                          string // part of the error, "" for none
	}{
		{"media-types", "", "", "", ""},
		{"base-files", "postinst postrm preinst", "interest-noawait /usr/lib32\ninterest-noawait /usr/libo32\ninterest-noawait /usr/libx32\n", "", ""},
		{"netbase", "postinst postrm", "", "", ""},
		{"tzdata", "config postinst postrm", "", "", ""},
		{"ca-certificates", "config postinst postrm", "interest update-ca-certificates\ninterest update-ca-certificates-fresh\n", "", ""},
		{"busybox-static", "", "activate-noawait update-initramfs\n", "", ""},
		{"libc6", "postinst postrm preinst", ldconfig, "", ""},
		{"libssl3t64", "", ldconfig, "", ""},
		{"libstdc++6", "prerm", ldconfig, "", ""},
		{"openssl", "postinst", "", "", ""},

		{"mawk", "postinst prerm", "", "", "package mawk: its postinst is unknown"},
		{"mawk", "postinst prerm", "", "mawk/postinst", ""},
		{"mawk", "postinst preinst", "", "mawk/postinst", "its preinst is unknown"},
		{"mawk", "postinst", "", "gawk/postinst", "unknown"},
		{"libfoo", "postinst", ldconfig, "", "unknown"},
		{"libfoo", "", "interest /usr/share/foo\nactivate ldconfig\n", "", "its triggers (interest /usr/share/foo) are unknown"},
		{"libfoo", "", "interest /usr/share/foo\n", "libfoo/triggers", ""},
		{"libfoo", "", "interest-noawait ldconfig\n", "", "its triggers (interest ldconfig) are unknown"},
		{"libfoo", "", "interest /usr/lib32\n", "", "unknown"},
		{"libc6", "postinst", "", "libc6/postinst", "waives nothing"},
		{"libssl3t64", "", ldconfig, "libssl3t64/triggers", "waives nothing"},
		{"libssl3t64", "", "", "libssl3t64/postinst", ""}, // on another architecture it may have one
		{"libfoo", "", "await foo\n", "", "want interest or activate"},
		{"libfoo", "", "activate\n", "", "want interest or activate"},
		{"libfoo", "", "activate a b\n", "libfoo/triggers", "want interest or activate"},
	} {
		var waive []specs.Waiver
		for _, w := range waivers(c.waive) {
			waive = append(waive, specs.Waiver{Package: w.Package, Script: w.Depends, Because: "test"})
		}
		err := CheckScripts(c.pkg, strings.Fields(c.scripts), []byte(c.triggers), waive)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s %s %q waive %q: got %v, want %q", c.pkg, c.scripts, c.triggers, c.waive, err, c.want)
		}
		for _, e := range diag.Flatten(err) {
			if strings.Contains(e.Error(), "unknown") && !strings.Contains(diag.HintOf(e), "{package: "+c.pkg+", script: ") {
				t.Errorf("%s: the hint %q has no line to paste", c.pkg, diag.HintOf(e))
			}
		}
	}
}

// TestTableIsReadable holds the table to its form: a reason in each row, no row
// twice, triggers named as parseTriggers names them.
func TestTableIsReadable(t *testing.T) {
	seen := map[known]bool{}
	for _, k := range table {
		key := known{pkg: k.pkg, script: k.script, trigger: k.trigger}
		if k.because == "" || k.instead == "" || seen[key] {
			t.Errorf("row %+v has no reason, nothing instead, or is there twice", k)
		}
		seen[key] = true
		if (k.script == Triggers) != (k.trigger != "") {
			t.Errorf("row %+v: a trigger stands with triggers, and only there", k)
		}
		if k.trigger == "" {
			continue
		}
		if d, err := parseTriggers(k.trigger); err != nil || len(d) != 1 || d[0] != k.trigger {
			t.Errorf("row %+v: the trigger reads as %v, %v", k, d, err)
		}
	}
}
