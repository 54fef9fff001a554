package layer

import (
	"fmt"
	"io"
	"testing"

	"github.com/basal-project/basal/builder/rootfs"
)

// corpus is 1,000 files of 4 KiB that compress about as well as a package does.
func corpus(b *testing.B) rootfs.Tree {
	b.Helper()
	x := uint32(1)
	var list []rootfs.Entry
	for i := range 1000 {
		content := make([]byte, 0, 4<<10)
		for len(content) < 4<<10 {
			x = x*1664525 + 1013904223
			content = fmt.Appendf(content, "usr/share/zoneinfo/%08x\n", x)
		}
		list = append(list, rootfs.Entry{Path: fmt.Sprintf("usr/share/%04d", i), Kind: rootfs.File, Mode: 0o644, Content: rootfs.Bytes(content)})
	}
	tree, err := rootfs.New(list)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(tree.Size())
	return tree
}

func BenchmarkTar(b *testing.B) {
	tree := corpus(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := WriteTar(io.Discard, tree, Epoch); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLayer(b *testing.B) {
	tree := corpus(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Write(io.Discard, tree, Epoch); err != nil {
			b.Fatal(err)
		}
	}
}
