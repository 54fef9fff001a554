package deb

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/basal-project/basal/builder/rootfs"
)

// FuzzRead wants no panic, and of what is accepted a tree that holds what the
// package promises.
func FuzzRead(f *testing.F) {
	for _, ext := range extensions {
		f.Add(arFile(parts(f, ext, sampleItems()...)...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Read(bytes.NewReader(b), &memory{}, Options{Origin: "deb:x", MaxUnpacked: 1 << 20})
		if err != nil {
			return
		}
		m, err := ReadControl(bytes.NewReader(b))
		if err != nil || m.Name != p.Name || !bytes.Equal(m.Control, p.Control) {
			t.Fatalf("ReadControl: %+v, %v", m, err)
		}
		files := 0
		for e := range p.Tree.All() {
			if err := rootfs.Check(e); err != nil {
				t.Fatal(err)
			}
			if e.Mode&0o6000 != 0 || strings.Contains(e.Path, "\n") {
				t.Fatalf("accepted %+v", e)
			}
			if e.Kind == rootfs.File || e.Kind == rootfs.Hardlink {
				files++
				if n, err := io.Copy(io.Discard, e.Content.Reader()); err != nil || n != e.Content.Size() {
					t.Fatalf("%s: %d bytes, %v", e.Path, n, err)
				}
			}
		}
		if files != len(p.MD5) {
			t.Fatalf("%d files, %d sums", files, len(p.MD5))
		}
	})
}

// FuzzTree gets below the compression: the input is data.tar itself.
func FuzzTree(f *testing.F) {
	f.Add(tarFile(f, sampleItems()...))
	control := parts(f, "")[:2]
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := readBytes(arFile(control[0], control[1], part{"data.tar", data}), Options{})
		if err != nil {
			return
		}
		again, err := rootfs.New(slices.Collect(p.Tree.All()))
		if err != nil || again.Len() != p.Tree.Len() {
			t.Fatalf("%d entries, then %d, %v", p.Tree.Len(), again.Len(), err)
		}
	})
}
