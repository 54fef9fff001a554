package layout

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"
	"testing"

	"github.com/basal-project/basal/builder/layer"
	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// memory is Blobs from a map. Its readers count how many are open.
type memory struct {
	blobs map[digest.Digest][]byte
	open  atomic.Int64
}

func (m *memory) Open(d digest.Digest, size int64) (io.ReadCloser, error) {
	b, ok := m.blobs[d]
	if !ok {
		return nil, fmt.Errorf("layer cache: %w", fs.ErrNotExist)
	}
	m.open.Add(1)
	return &counted{bytes.NewReader(b), m}, nil
}

type counted struct {
	io.Reader
	m *memory
}

func (c *counted) Close() error {
	c.m.open.Add(-1)
	return nil
}

// testImages makes two tags for two platforms, which share their first layers.
func testImages(t testing.TB) ([]Image, *memory) {
	t.Helper()
	m := &memory{blobs: map[digest.Digest][]byte{}}
	var images []Image
	for _, v := range []struct{ tag, user string }{{"nonroot", "65532"}, {"latest", "0"}} {
		image := Image{Tag: v.tag}
		for _, arch := range []string{"linux/amd64", "linux/arm/v7"} {
			p, err := specs.ParsePlatform(arch)
			if err != nil {
				t.Fatal(err)
			}
			layers := []oci.NamedLayer{
				m.layer(t, "base-files", file("etc/debian_version", rootfs.Bytes([]byte("13.0\n")))),
				m.layer(t, "arch", file("etc/arch", rootfs.Bytes([]byte(arch)))),
			}
			made, err := oci.NewImage(p, layers, specs.Config{User: v.user}, layer.Epoch)
			if err != nil {
				t.Fatal(err)
			}
			image.Platforms = append(image.Platforms, made)
		}
		var err error
		if image.Index, err = oci.NewIndex(image.Platforms, nil); err != nil {
			t.Fatal(err)
		}
		images = append(images, image)
	}
	return images, m
}

func (m *memory) layer(t testing.TB, name string, entries ...rootfs.Entry) oci.NamedLayer {
	t.Helper()
	tree, err := rootfs.New(entries)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	l, err := layer.Write(&buf, tree, layer.Epoch)
	if err != nil {
		t.Fatal(err)
	}
	m.blobs[l.Digest] = buf.Bytes()
	return oci.NamedLayer{Layer: l, Name: name}
}
