package main

import (
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/basal-project/basal/ci/registries"
)

// foreignBase publishes the image REPO:1 of another builder: Debian-like, with
// packages, accounts, a CA bundle that is no certificate, and odd modes.
func foreignBase(ts *testscript.TestScript, all map[string]*testRegistry, args []string) {
	dir := func(name string, mode int64) registries.ForeignFile {
		return registries.ForeignFile{Name: name, Mode: mode}
	}
	file := func(name, text string) registries.ForeignFile {
		return registries.ForeignFile{Name: name, Mode: 0o644, Text: text}
	}
	status := "Package: libold\nStatus: install ok installed\nVersion: 1.5\nArchitecture: all\nProvides: virtual\n\n" +
		"Package: removed\nStatus: deinstall ok config-files\nVersion: 1.0\nArchitecture: all\n"
	ts.Check(registries.Foreign(all[args[0]].Addr+"/"+args[1]+":1", []string{"amd64", "arm64"},
		[]registries.ForeignFile{
			dir("./", 0o755), dir("etc/", 0o755), dir("usr/lib/", 0o755), dir("tmp/", 0o1777), dir("var/mail/", 0o2775),
			{Name: "lib", Mode: 0o777, Link: "usr/lib"},
			file("etc/passwd", "root:x:0:0::/root:/bin/sh\n+\napp:x:500:500::/:/bin/sh"), // no final newline
			file("etc/group", "root:x:0:\n"),
			file("etc/ssl/certs/ca-certificates.crt", "not a certificate\n"),
			file("usr/lib/os-release", "ID=foreign\nPRETTY_NAME=\"Foreign\"\n"),
			file("var/lib/dpkg/status", "old"),
			{Name: "usr/bin/su", Mode: 0o4755, Text: "su"},
			file("opt/gone", "x"),
		},
		[]registries.ForeignFile{file("var/lib/dpkg/status", status), file("opt/.wh.gone", ""), file("lib/late", "late")}))
}
