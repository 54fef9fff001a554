package locking

import (
	"strings"
	"testing"

	"github.com/basal-project/basal/builder/debian/debtest"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

func TestScripts(t *testing.T) {
	script := map[string]string{"postinst": "#!/bin/sh\nuseradd x\n"}
	r := newRig(t, debtest.Suite{Packages: []debtest.Deb{
		{Name: "daemon", Scripts: script},
		{Name: "watcher", Scripts: map[string]string{"triggers": "interest /usr/lib/x\n"}},
		{Name: "plain", Scripts: map[string]string{"prerm": "#!/bin/sh\n", "triggers": "activate-noawait ldconfig\n"}},
		{Name: "half", Arch: "amd64", Scripts: script}, {Name: "half", Arch: "arm64"},
		{Name: "needy", Depends: "absent"},
		{Name: "ca-certificates", Files: map[string]string{"usr/share/ca-certificates/x.crt": "x"}, Scripts: map[string]string{"preinst": "unknown"}},
	}})
	waive := func(waivers ...string) string {
		var b strings.Builder
		b.WriteString("waive:\n")
		for _, w := range waivers {
			pkg, what, _ := strings.Cut(w, " ")
			b.WriteString("  - {package: " + pkg + ", " + what + ", because: tested}\n")
		}
		return b.String()
	}
	for _, tt := range []struct {
		packages, extra string
		want            string // in the error; "" for none
	}{
		{"plain", "", ""},
		{"daemon", "", "package daemon: its postinst is unknown"},
		{"watcher", "", "interest /usr/lib/x"},
		{"half", "", "package half: its postinst is unknown"},
		{"daemon", waive("daemon script: postinst"), ""},
		{"watcher", waive("watcher script: triggers"), ""},
		{"half", waive("half script: postinst"), ""},
		{"daemon watcher", waive("daemon script: postinst"), "package watcher"},
		{"plain", waive("plain script: postinst"), "waiver of postinst"},
		{"daemon", waive("daemon script: postinst", "daemon script: preinst"), "waiver of preinst"},
		{"plain", waive("plain script: prerm"), "waives nothing"},
		{"plain", waive("plain script: triggers"), "waives nothing"},
		{"needy", "", "needy depends on absent"},
		{"needy", waive("needy depends: absent"), ""},
		{"plain", waive("plain depends: absent"), "waives nothing"},
		{"plain", "certificates: {bundle: debian}\n", ""}, // of which only the bundle is used
		{"ca-certificates", "", "package ca-certificates: its preinst is unknown"},
	} {
		req := r.request(tt.extra, strings.Fields(tt.packages)...)
		_, err := Make(t.Context(), r.client, req)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s %s: %v", tt.packages, tt.extra, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || diag.CodeOf(err) != diag.Usage):
			t.Errorf("%s %s: got code %d, %v; want %q", tt.packages, tt.extra, diag.CodeOf(err), err, tt.want)
		}
	}

	// One architecture alone cannot tell that a waiver is not needed.
	req := r.request(waive("half script: postinst"), "half")
	req.Previous = r.lock(req)
	req.Platforms = []specs.Platform{platform(t, "linux/arm64")}
	r.lock(req)
}
