package registries

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A ForeignFile is an entry of an image that another builder made.
type ForeignFile struct {
	Name string // as in a tar archive: a name with a final slash is a directory
	Mode int64
	Text string
	Link string // target, of a symlink
	Hard string // target, of a hard link
}

// Foreign publishes an image as docker build and docker buildx leave it: a
// manifest list with an attestation in it, schema 2 manifests, layers that Go's
// gzip made, a config with fields that OCI does not have. Each element of layers
// is one. ref names the registry, the repository and a tag.
func Foreign(ref string, architectures []string, layers ...[]ForeignFile) error {
	tag, err := name.NewTag(ref)
	if err != nil {
		return err
	}
	list := mutate.IndexMediaType(empty.Index, types.DockerManifestList)
	for _, arch := range append(slices.Clone(architectures), "unknown") {
		image, err := foreignImage(arch, layers)
		if err != nil {
			return err
		}
		p := &v1.Platform{OS: "linux", Architecture: arch}
		if arch == "unknown" {
			p.OS = arch
		}
		list = mutate.AppendManifests(list, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: p}})
	}
	return remote.WriteIndex(tag, list)
}

func foreignImage(arch string, layers [][]ForeignFile) (v1.Image, error) {
	image := empty.Image
	var err error
	for i, files := range layers {
		b, err := foreignTar(files)
		if err != nil {
			return nil, err
		}
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil })
		if err != nil {
			return nil, err
		}
		line := v1.History{CreatedBy: fmt.Sprintf("RUN step %d", i), Created: v1.Time{Time: time.Unix(1700000000, 0).UTC()}}
		nothing := v1.History{CreatedBy: "ENV X=y", EmptyLayer: true}
		if image, err = mutate.Append(image, mutate.Addendum{Layer: l, History: line}, mutate.Addendum{History: nothing}); err != nil {
			return nil, err
		}
	}
	c, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	c = c.DeepCopy()
	c.Architecture, c.OS, c.Created = arch, "linux", v1.Time{Time: time.Unix(1767225600, 0).UTC()}
	c.Container = strings.Repeat("0", 64)
	c.Config = v1.Config{
		Hostname: "host", User: "app", Env: []string{"PATH=/bin", "LANG=C"}, Cmd: []string{"serve"}, Entrypoint: []string{"/bin/app"},
		Healthcheck: &v1.HealthConfig{Test: []string{"CMD", "true"}, Interval: time.Second}, OnBuild: []string{"RUN x"}, Shell: []string{"/bin/sh", "-c"},
		Labels: map[string]string{"maker": "other"}, ExposedPorts: map[string]struct{}{"80/tcp": {}},
	}
	return mutate.ConfigFile(image, c)
}

func foreignTar(files []ForeignFile) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		h := &tar.Header{Name: f.Name, Mode: f.Mode, Size: int64(len(f.Text)), Typeflag: tar.TypeReg, Uname: "root", ModTime: time.Unix(1700000000, 0)}
		switch {
		case f.Link != "":
			h.Typeflag, h.Linkname = tar.TypeSymlink, f.Link
		case f.Hard != "":
			h.Typeflag, h.Linkname = tar.TypeLink, f.Hard
		case strings.HasSuffix(f.Name, "/"):
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := io.WriteString(w, f.Text); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), w.Close()
}
