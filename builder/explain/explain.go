// Package explain says how two images differ: tags, documents, layers, entries,
// and down to the first differing bytes of a file.
//
// It reads what is there, not only what is right: a blob that does not match its
// digest is reported, and still read as far as it can be, so that a report names
// the file that one changed byte is in. All of its input is hostile. What it
// reads is bounded, and what it cannot read becomes a Fault.
package explain

import (
	"io"

	"github.com/basal-project/basal/internal/digest"
)

// Source is an OCI image layout to read.
type Source interface {
	// File returns a file at the top of the layout, such as index.json; an error
	// that wraps fs.ErrNotExist says that there is none.
	File(name string) ([]byte, error)
	// OpenUnsafe opens the bytes that lie under the name of blob d. They need not
	// be that blob: Diff checks them itself.
	OpenUnsafe(d digest.Digest) (io.ReadCloser, error)
}

// The caps on what is read. Each is far above what an image has.
const (
	maxDocument  = 4 << 20  // bytes of one JSON document
	maxDepth     = 4        // indexes within indexes
	maxDocuments = 10_000   // pairs of documents that are compared
	maxLayers    = 256      // layers of one image
	maxEntries   = 500_000  // entries of one layer
	maxBlob      = 16 << 30 // bytes of one blob
	maxUnpacked  = 8 << 30  // bytes of one unpacked layer
	freeUnpacked = 64 << 20 // unpacked bytes before maxRatio counts
	maxRatio     = 200      // unpacked bytes for each compressed one
	maxLines     = 100      // differences that are listed for one layer or document
	maxValue     = 256      // bytes of one value in a list of differences
)

// Report lists the differences between an image a and an image b, in the order
// in which an image is read. Without any, the images are equal.
type Report struct {
	Faults    []Fault    `json:"faults,omitempty"`
	Documents []Document `json:"documents,omitempty"`
	Layers    []Layer    `json:"layers,omitempty"`
}

// Equal reports whether there is nothing to report.
func (r Report) Equal() bool { return len(r.Faults)+len(r.Documents)+len(r.Layers) == 0 }

// Fault is something that is wrong with one side alone: a blob that is missing
// or does not match its digest, a document or a layer that cannot be read.
type Fault struct {
	Side    string `json:"side"`  // "a" or "b"
	Where   string `json:"where"` // as in "latest linux/amd64 layer 2 (tzdata)"
	Problem string `json:"problem"`
}

// Document is a JSON document that differs.
type Document struct {
	Where  string  `json:"where"`
	Fields []Field `json:"fields,omitempty"` // sorted by path
	More   int     `json:"more,omitempty"`   // fields beyond those listed
	Bytes  *Bytes  `json:"bytes,omitempty"`  // set when the fields are equal, or cannot be compared
}

// Field is a value that differs. An empty A or B says that the side has none.
type Field struct {
	Path string `json:"path"`
	A    string `json:"a,omitempty"`
	B    string `json:"b,omitempty"`
}

// Layer is a pair of layers that differ, or a layer that one side alone has.
type Layer struct {
	Where   []string `json:"where"` // every place at which this pair stands
	A       *LayerID `json:"a,omitempty"`
	B       *LayerID `json:"b,omitempty"`
	Summary string   `json:"summary"`
	Entries []Entry  `json:"entries,omitempty"` // sorted by path
	More    int      `json:"more,omitempty"`    // entries beyond those listed
	Tar     *Bytes   `json:"tar,omitempty"`     // in the unpacked layer, when the entries are equal
	Blob    *Bytes   `json:"blob,omitempty"`    // in the compressed layer, when the unpacked ones are equal
}

// LayerID is what a layer really is, whatever it is called.
type LayerID struct {
	Digest string `json:"digest"`            // of the bytes that were found
	Size   int64  `json:"size"`              // of them
	DiffID string `json:"diff-id,omitempty"` // of the unpacked bytes; empty when they cannot be read to their end
}

// Entry is a name in a layer whose entries differ.
type Entry struct {
	Path   string  `json:"path"` // with a leading slash
	Fields []Field `json:"fields"`
	Bytes  *Bytes  `json:"bytes,omitempty"` // of the first file with other content
}

// Bytes is the first place at which two streams of bytes differ, with what
// stands around it on both sides. A side that ends earlier shows less.
type Bytes struct {
	Offset int64  `json:"offset"` // of the first differing byte
	Start  int64  `json:"start"`  // of the first byte that is shown
	A      string `json:"a"`      // hexadecimal
	B      string `json:"b"`
}

// Diff compares a and b. It has no error: what cannot be read is in the report.
func Diff(a, b Source) Report {
	x := &differ{
		a:      &side{name: "a", src: a, blobs: map[digest.Digest]blob{}},
		b:      &side{name: "b", src: b, blobs: map[digest.Digest]blob{}},
		seen:   map[pair]bool{},
		layers: map[pair]int{},
	}
	x.top()
	x.report.Faults = append(x.a.faults, x.b.faults...)
	return x.report
}
