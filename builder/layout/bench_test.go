package layout

import (
	"path/filepath"
	"testing"

	"github.com/basal-project/basal/builder/layer"
	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// BenchmarkWrite replaces a layout of one 16 MB layer by itself, over and over.
func BenchmarkWrite(b *testing.B) {
	blob := make([]byte, 16<<20)
	m := &memory{blobs: map[digest.Digest][]byte{digest.Of(blob): blob}}
	p, err := specs.ParsePlatform("linux/amd64")
	if err != nil {
		b.Fatal(err)
	}
	l := layer.Layer{DiffID: digest.Of([]byte("unpacked")), Digest: digest.Of(blob), Size: int64(len(blob))}
	made, err := oci.NewImage(p, []oci.NamedLayer{{Layer: l, Name: "one"}}, specs.Config{}, layer.Epoch)
	if err != nil {
		b.Fatal(err)
	}
	images := []Image{{Tag: "latest", Platforms: []oci.Image{made}}}
	if images[0].Index, err = oci.NewIndex(images[0].Platforms, nil); err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"out", "out.tar"} {
		b.Run(name, func(b *testing.B) {
			out := filepath.Join(b.TempDir(), name)
			b.SetBytes(int64(len(blob)))
			b.ReportAllocs()
			for b.Loop() {
				if err := Write(out, "static", images, m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
