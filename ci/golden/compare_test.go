package main

import (
	"strings"
	"testing"

	"github.com/basal-project/basal/ci/ocidir"
)

const committed = `index latest sha256:1
manifest latest linux/amd64 sha256:2
layer linux/amd64 sha256:3 sha256:4
`

// TestList: a layer that two variants share stands there once.
func TestList(t *testing.T) {
	layer := []ocidir.Descriptor{{Digest: "sha256:4"}}
	image := ocidir.Image{Platform: ocidir.Platform{OS: "linux", Architecture: "amd64"}, Digest: "sha256:2", Layers: layer, DiffIDs: []string{"sha256:3"}}
	got := list([]ocidir.Index{
		{Ref: "latest", Digest: "sha256:1", Images: []ocidir.Image{image}},
		{Ref: "nonroot", Digest: "sha256:5", Images: []ocidir.Image{image}},
	})
	want := "index latest sha256:1\nindex nonroot sha256:5\n" +
		"manifest latest linux/amd64 sha256:2\nmanifest nonroot linux/amd64 sha256:2\n" +
		"layer linux/amd64 sha256:3 sha256:4\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCompare(t *testing.T) {
	for _, tt := range []struct {
		name, got, want string
	}{
		{"same", committed, "as committed"},
		{"gzip", strings.ReplaceAll(committed, "sha256:4", "sha256:5"), "contents equal, only compression or configuration differs\n" +
			"  want layer linux/amd64 sha256:3 sha256:4\n  got  layer linux/amd64 sha256:3 sha256:5"},
		{"tar", strings.ReplaceAll(committed, "sha256:3", "sha256:5"), "contents differ\n" +
			"  want layer linux/amd64 sha256:3 sha256:4\n  got  layer linux/amd64 sha256:5 sha256:4"},
	} {
		if got := compare(committed, tt.got); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	if got := compare("", committed); !strings.HasPrefix(got, "contents differ") {
		t.Errorf("nothing committed: got %q", got)
	}
}
