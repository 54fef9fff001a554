// Package layout writes and reads images on disk: an OCI image layout
// (image-spec 1.1) as a directory, or the same layout in one tar archive that is
// a Docker archive too.
//
//	oci-layout              {"imageLayoutVersion":"1.0.0"}
//	index.json              one descriptor for each tag, sorted by tag
//	blobs/sha256/<hex>      indexes, manifests, configs and layers, each once
//	manifest.json           in an archive only: what docker load reads
//
// A tag names an image's index, and <tag>-<arch> each platform's manifest: tools
// that cannot choose from an index, such as umoci, take the second.
//
// What is written is a function of the images alone: no clock, no umask, no
// order of arrival. It appears under its name whole or not at all.
package layout

import (
	"io"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/digest"
)

// Image is one tag: an index, and the platforms that it names.
type Image struct {
	Tag       string // as in latest, nonroot
	Index     oci.Document
	Platforms []oci.Image // in the order of the index
}

// Blobs gives the compressed layers. It is not trusted: what it gives is checked
// against the digest, and a difference is an error that wraps
// digest.ErrMismatch.
type Blobs interface {
	// Open opens the blob d of size bytes; an error that wraps fs.ErrNotExist
	// says that there is none.
	Open(d digest.Digest, size int64) (io.ReadCloser, error)
}

const (
	layoutFile   = "oci-layout"
	indexFile    = "index.json"
	dockerFile   = "manifest.json"
	blobDir      = "blobs/sha256"
	layoutBytes  = `{"imageLayoutVersion":"1.0.0"}` + "\n"
	dirMode      = 0o755
	fileMode     = 0o644
	maxDocument  = 4 << 20 // bytes of one JSON document; registries refuse larger manifests
	maxTags      = 10_000  // descriptors in index.json
	maxPlatforms = 100     // manifests in one index
	maxLayers    = 1000    // layers in one manifest
)

func blobPath(d digest.Digest) string { return blobDir + "/" + d.Hex() }
