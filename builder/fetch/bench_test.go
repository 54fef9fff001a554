package fetch

import (
	"fmt"
	"io"
	"testing"

	"github.com/basal-project/basal/builder/cache"
	"github.com/basal-project/basal/specs"
)

// A build that has everything: ten small packages, opened and read.
func BenchmarkWarmTenSmallFiles(b *testing.B) {
	store, err := cache.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	var artifacts []specs.Artifact
	for i := range 10 {
		content := fmt.Appendf(nil, "%4096d", i)
		a := deb(content)
		artifacts = append(artifacts, a)
		if err := New(Options{Cache: store}).keep(content, a.SHA256); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		c := New(Options{Cache: store, Offline: true})
		for _, a := range artifacts {
			r, err := c.Open(b.Context(), a)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, r); err != nil {
				b.Fatal(err)
			}
			r.Close()
		}
	}
}
