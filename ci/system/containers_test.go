//go:build system

package system

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// archs are the suffixes of the tags in an archive.
var archs = []string{"amd64", "arm", "arm64", "ppc64le", "riscv64", "s390x"}

// TestContainers: a Docker engine loads the archive with all platforms and
// variants, and on each variant a static program gets what it needs.
func TestContainers(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "static.tar")
	must(t, basal("build", "static", "-o", archive))
	e := startEngine(t)
	must(t, e.docker("load", "-i", archive))
	t.Run("load", func(t *testing.T) { testLoaded(t, e) })

	dir := testCertificates(t)
	if err := goBuild(filepath.Join(dir, "probe"), "./probe", "GOARCH=amd64"); err != nil {
		t.Fatal(err)
	}
	// Nothing is asked of variants that are nonroot by their own config. The
	// others are tried as both users.
	for _, tt := range []struct{ variant, user string }{
		{"latest", ""}, {"latest", "nonroot"}, {"nonroot", ""},
		{"debug", ""}, {"debug", "65532:65532"}, {"debug-nonroot", ""},
	} {
		t.Run(strings.TrimSuffix(tt.variant+" as "+tt.user, " as "), func(t *testing.T) {
			asRoot := tt.user == "" && !strings.Contains(tt.variant, "nonroot")
			args := []string{"run", "--rm", "--network=none", "-v", dir + ":/test:ro", "-e", "SSL_CERT_FILE=/test/bundle.pem", "--entrypoint=/test/probe"}
			if tt.user != "" {
				args = append(args, "--user="+tt.user)
			}
			checkReport(t, must(t, e.docker(append(args, "static:"+tt.variant+"-amd64")...)), asRoot)
		})
	}
	for _, variant := range []string{"debug", "debug-nonroot"} {
		t.Run(variant+" shell", func(t *testing.T) { testShell(t, e, "static:"+variant+"-amd64") })
	}
}

// testLoaded: every tag is there, and says the architecture that it should.
func testLoaded(t *testing.T, e engine) {
	var want []string
	for _, variant := range variants {
		for _, arch := range archs {
			want = append(want, "static:"+variant+"-"+arch+" "+arch)
		}
	}
	var got []string
	for _, line := range want {
		tag, _, _ := strings.Cut(line, " ")
		got = append(got, tag+" "+strings.TrimSpace(must(t, e.docker("image", "inspect", "--format={{.Architecture}}", tag))))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// checkReport holds what the probe printed against what a program may expect.
func checkReport(t *testing.T, out string, asRoot bool) {
	t.Helper()
	var report struct {
		Roots     int
		OSRelease map[string]string
	}
	facts := make(map[string]any)
	for _, v := range []any{&report, &facts} {
		if err := json.Unmarshal([]byte(out), v); err != nil {
			t.Fatalf("%v in %q", err, out)
		}
	}
	want := map[string]string{
		"UID": "65532", "GID": "65532", "Home": "/home/nonroot", "Writable": "[/tmp /home/nonroot]",
		"Nonroot": "65532:65532:/home/nonroot", "TLS": "true", "Stranger": "true", "Nsswitch": "true",
		"Zones": "map[Europe/Berlin:+01:00 US/Pacific:-08:00]", "TmpMode": "dtrwxrwxrwx", "HomeMode": "drwx------", "Faults": "<nil>",
	}
	if asRoot {
		want["UID"], want["GID"], want["Home"], want["Writable"] = "0", "0", "/root", "[/tmp /root /etc]"
	}
	for key, value := range want {
		if got := fmt.Sprint(facts[key]); got != value {
			t.Errorf("%s: got %s, want %s", key, got, value)
		}
	}
	if report.Roots < 100 {
		t.Errorf("the system's bundle has %d certificates, want more than 100", report.Roots)
	}
	if r := report.OSRelease; r["ID"] != "debian" || r["VERSION_ID"] != "13" || r["PRETTY_NAME"] == "" {
		t.Errorf("os-release: got %q, want ID debian, VERSION_ID 13 and a PRETTY_NAME", r)
	}
}

// testShell: the entrypoint is a shell, and its applets are found.
func testShell(t *testing.T, e engine, image string) {
	out := must(t, e.docker("run", "--rm", "--network=none", image, "-c", "echo $PATH; ls /; cat /etc/debian_version"))
	path, rest, _ := strings.Cut(out, "\n")
	if !slices.Contains(strings.Split(path, ":"), "/busybox") {
		t.Errorf("PATH is %q, want /busybox in it", path)
	}
	for _, name := range []string{"busybox", "etc", "home", "tmp", "usr", "13."} {
		if !strings.Contains(rest, name) {
			t.Errorf("no %s in %q", name, rest)
		}
	}
	must(t, e.docker("run", "--rm", "--network=none", "--entrypoint=/busybox/sh", image, "-c", "id && wget --help 2>&1 | grep -q Usage"))
}

const extendingSpec = `version: 1
name: derived
platforms: [linux/amd64]
extends: static
accounts:
  users:
    - {name: app, uid: 1000, gid: 1000, home: /home/app, home-mode: "0750"}
  groups:
    - {name: app, gid: 1000}
files:
  - path: /etc/greeting
    content: |
      hello
`

// writeSpec writes a spec into a folder of its own.
func writeSpec(t *testing.T, text string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "spec")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "image.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}
