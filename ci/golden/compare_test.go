package main

import (
	"strings"
	"testing"
)

const committed = `latest index sha256:1
latest linux/amd64 manifest sha256:2
latest linux/amd64 layer-1 diffID sha256:3
latest linux/amd64 layer-1 digest sha256:4
`

func TestCompare(t *testing.T) {
	for _, tt := range []struct {
		name, got, want string
	}{
		{"same", committed, "as committed"},
		{"gzip", strings.ReplaceAll(committed, "sha256:4", "sha256:5"), "contents equal, only compression or configuration differs\n" +
			"  want latest linux/amd64 layer-1 digest sha256:4\n  got  latest linux/amd64 layer-1 digest sha256:5"},
		{"tar", strings.ReplaceAll(committed, "sha256:3", "sha256:5"), "contents differ\n" +
			"  want latest linux/amd64 layer-1 diffID sha256:3\n  got  latest linux/amd64 layer-1 diffID sha256:5"},
	} {
		if got := compare(committed, tt.got); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	if got := compare("", committed); !strings.HasPrefix(got, "contents differ") {
		t.Errorf("nothing committed: got %q", got)
	}
}
