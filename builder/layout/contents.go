package layout

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/canonjson"
	"github.com/basal-project/basal/internal/digest"
)

// containerdPrefix stands before names that are of this machine only.
const containerdPrefix = "docker.io/library/"

// contents is a layout before it is anywhere: the files of the layout, whose
// bytes are read, and verified, when they are written.
type contents struct {
	name  string
	blobs map[digest.Digest]*once
	refs  []oci.Descriptor
	loads []dockerImage
}

// dockerImage is an element of Docker's manifest.json.
type dockerImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// newContents collects the blobs, tags and Docker names of images.
func newContents(name string, images []Image, blobs Blobs) (*contents, error) {
	c := &contents{name: name, blobs: map[digest.Digest]*once{}}
	for _, image := range images {
		c.addRef(image.Index.Descriptor, image.Tag)
		if err := c.addDocument(image.Index); err != nil {
			return nil, err
		}
		for _, p := range image.Platforms {
			if err := c.addPlatform(image.Tag, p, blobs); err != nil {
				return nil, err
			}
		}
	}
	return c, c.sort()
}

// sort brings what index.json and manifest.json list into the order of the tags.
// What has none stands last, because some tools take the first for the image.
func (c *contents) sort() error {
	slices.SortFunc(c.refs, func(a, b oci.Descriptor) int {
		ta, tb := a.Annotations[oci.RefName], b.Annotations[oci.RefName]
		switch {
		case ta == "" && tb == "":
			return bytes.Compare(a.Digest[:], b.Digest[:])
		case ta == "":
			return 1
		case tb == "":
			return -1
		}
		return strings.Compare(ta, tb)
	})
	slices.SortFunc(c.loads, func(a, b dockerImage) int { return strings.Compare(a.RepoTags[0], b.RepoTags[0]) })
	for i := range c.refs[:max(0, len(c.refs)-1)] {
		if tag := c.refs[i].Annotations[oci.RefName]; tag != "" && tag == c.refs[i+1].Annotations[oci.RefName] {
			return fmt.Errorf("two images want the tag %q", tag)
		}
	}
	return nil
}

func (c *contents) addPlatform(tag string, p oci.Image, blobs Blobs) error {
	suffix := p.Platform.Tag()
	if suffix == "" {
		return fmt.Errorf("internal error: platform %s has no tag", p.Platform)
	}
	tag += "-" + suffix
	c.addRef(p.Manifest.Descriptor, tag)
	load := dockerImage{
		Config:   blobPath(p.Config.Descriptor.Digest),
		RepoTags: []string{c.name + ":" + tag},
		Layers:   []string{},
	}
	for _, doc := range []oci.Document{p.Manifest, p.Config} {
		if err := c.addDocument(doc); err != nil {
			return err
		}
	}
	for _, l := range p.Layers {
		load.Layers = append(load.Layers, blobPath(l.Digest))
		open := func() (io.ReadCloser, error) { return blobs.Open(l.Digest, l.Size) }
		if err := c.addBlob(l.Digest, l.Size, open); err != nil {
			return err
		}
	}
	c.loads = append(c.loads, load)
	return nil
}

func (c *contents) addRef(d oci.Descriptor, tag string) {
	d.Annotations = map[string]string{oci.RefName: tag}
	if c.name != "" && !isEvidence(tag) {
		d.Annotations[oci.LoadedName] = fullName(c.name) + ":" + tag
	}
	c.refs = append(c.refs, d)
}

// fullName returns the name of a repository as containerd has it. One that begins
// with a registry is whole already; others stand for themselves on this machine.
func fullName(name string) string {
	if strings.Contains(name, "/") {
		return name
	}
	return containerdPrefix + name
}

// isEvidence reports whether a tag is one that names evidence about a digest: it
// names nothing that an engine could run.
func isEvidence(tag string) bool { return strings.HasPrefix(tag, "sha256-") }

func (c *contents) addDocument(doc oci.Document) error {
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(doc.Bytes)), nil }
	return c.addBlob(doc.Descriptor.Digest, doc.Descriptor.Size, open)
}

// addBlob takes each distinct blob once. An empty one is checked here, because an
// empty file is written without being read.
func (c *contents) addBlob(d digest.Digest, size int64, open func() (io.ReadCloser, error)) error {
	if d.IsZero() || size < 0 {
		return fmt.Errorf("internal error: blob %s of %d bytes", d, size)
	}
	if size == 0 && d != digest.Of(nil) {
		return fmt.Errorf("%w: %s is no empty blob", digest.ErrMismatch, d)
	}
	if known := c.blobs[d]; known != nil {
		if known.size != size {
			return fmt.Errorf("%w: %s has %d bytes in one place, %d in another", digest.ErrMismatch, d, known.size, size)
		}
		return nil
	}
	c.blobs[d] = &once{open: open, want: d, size: size}
	return nil
}

// tree returns the files of the layout, with Docker's manifest when docker is set
// and there is something that Docker can load. It can be written one time.
func (c *contents) tree(docker bool) (rootfs.Tree, error) {
	index, err := canonjson.MarshalFile(oci.Index{SchemaVersion: 2, MediaType: oci.MediaTypeIndex, Manifests: c.refs})
	if err != nil {
		return rootfs.Tree{}, err
	}
	entries := []rootfs.Entry{
		{Path: "blobs", Kind: rootfs.Dir, Mode: dirMode},
		{Path: blobDir, Kind: rootfs.Dir, Mode: dirMode},
		file(layoutFile, rootfs.Bytes([]byte(layoutBytes))),
		file(indexFile, rootfs.Bytes(index)),
	}
	if docker && len(c.loads) > 0 {
		loads, err := canonjson.MarshalFile(c.loads)
		if err != nil {
			return rootfs.Tree{}, err
		}
		entries = append(entries, file(dockerFile, rootfs.Bytes(loads)))
	}
	for d, b := range c.blobs {
		entries = append(entries, file(blobPath(d), rootfs.Section(b, 0, b.size)))
	}
	return rootfs.New(entries)
}

func file(path string, content rootfs.Content) rootfs.Entry {
	return rootfs.Entry{Path: path, Kind: rootfs.File, Mode: fileMode, Content: content}
}

// Close closes the blobs that a failed write left open.
func (c *contents) Close() {
	for _, b := range c.blobs {
		b.close()
	}
}
