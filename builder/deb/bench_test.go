package deb

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// zones is a package like tzdata: many small files and links.
func zones(tb testing.TB) []byte {
	items := []item{entry(tar.TypeDir, "./", "")}
	state := uint32(1)
	for i := range 600 {
		var b []byte
		for range 60 {
			state = state*1664525 + 1013904223
			b = fmt.Appendf(b, "TZif%d", state>>22)
		}
		items = append(items, file(fmt.Sprintf("./usr/share/zoneinfo/zone%03d", i), string(b)))
	}
	for i := range 600 {
		items = append(items, entry(tar.TypeSymlink, fmt.Sprintf("./usr/share/zoneinfo/link%03d", i), fmt.Sprintf("zone%03d", i)))
	}
	return arFile(parts(tb, ".xz", items...)...)
}

func BenchmarkRead(b *testing.B) {
	data := zones(b)
	b.Run("zones", func(b *testing.B) {
		b.ReportAllocs()
		scratch, err := os.Create(filepath.Join(b.TempDir(), "scratch"))
		if err != nil {
			b.Fatal(err)
		}
		defer scratch.Close()
		for b.Loop() {
			if _, err := Read(bytes.NewReader(data), scratch, Options{Origin: "deb:zones"}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("control", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ReadControl(bytes.NewReader(data)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
