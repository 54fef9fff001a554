// Package transfer moves images between places: what a build made, OCI layouts,
// repositories of registries. Push, pull and copy are this one operation.
//
// It walks what a document names, down to the layers, before it writes anything:
// whatever is wrong there is an error with nothing written. Then blobs go before
// the manifests that name them, manifests before indexes, subjects before what
// refers to them, and tags last. Bytes are moved as they are.
package transfer

import (
	"context"
	"io"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/digest"
)

// Reader is a place that has content by digest.
type Reader interface {
	// Document returns a manifest or index of at most 4 MiB, checked against d.
	Document(ctx context.Context, d oci.Descriptor) (oci.Document, error)
	// Open opens a blob. Reading ends with io.EOF only when the bytes were the
	// right ones, else with an error, which wraps digest.ErrMismatch when they
	// were others.
	Open(ctx context.Context, d oci.Descriptor) (io.ReadCloser, error)
}

// Finder is a Reader that has names, too.
type Finder interface {
	Reader
	// Resolve returns the document that a tag or a digest names; an error that
	// wraps fs.ErrNotExist says that there is none.
	Resolve(ctx context.Context, name string) (oci.Document, error)
	// Tags returns all tags, sorted.
	Tags(ctx context.Context) ([]string, error)
	// Referrers returns what says of itself that it refers to subject, sorted by
	// digest. What a descriptor says besides its digest is a hint only.
	Referrers(ctx context.Context, subject digest.Digest) ([]oci.Descriptor, error)
}

// Maker is a Reader of documents that this program has just made: what they name
// need not be read from them.
type Maker interface {
	Reader
	// Named returns what a document names: an index other documents, a manifest
	// its config and layers. It is false for a document that was not made here.
	Named(d digest.Digest) (documents, blobs []oci.Descriptor, ok bool)
}

// Writer is a place that takes content. Its methods are called from several
// goroutines.
type Writer interface {
	// HasDocument reports whether the document is there.
	HasDocument(ctx context.Context, d oci.Descriptor) (bool, error)
	// PutBlob makes sure that a blob is there. It calls open only when it is not.
	PutBlob(ctx context.Context, d oci.Descriptor, open func(ctx context.Context) (io.ReadCloser, error)) error
	// PutDocument writes a document under its digest.
	PutDocument(ctx context.Context, doc oci.Document) error
	// Tagged returns what a tag names: the zero digest when there is no such tag.
	Tagged(ctx context.Context, tag string) (digest.Digest, error)
	// Tag lets a tag name a document.
	Tag(ctx context.Context, tag string, doc oci.Document) error
}

// Root is a document that is moved with everything that it names.
type Root struct {
	Document oci.Document
	// Tags are set in this order when all content is there. The last one is the
	// root's own name.
	Tags []Tag
}

// Tag is a name for a root, or for a document below it.
type Tag struct {
	Name   string
	Digest digest.Digest // zero for the root
	Fixed  bool          // never moves: that it names something else is an error
}

// Options says how to move. The zero value moves roots without their evidence.
type Options struct {
	// Evidence is where signatures and other evidence about the roots is looked
	// for, all of which is then moved, too. It is the Reader by another name.
	Evidence Finder
	// Jobs is how many requests are made at once; 0 means 4.
	Jobs int
	// AllTags asks for fixed tags also when the other tags of their root are right
	// already, which is one request more for each of them.
	AllTags bool
}

// Report says what was done.
type Report struct {
	Documents int      // distinct indexes and manifests, evidence included
	Blobs     int      // distinct configs, layers and other blobs
	Evidence  int      // of the documents, those that are evidence
	Written   int      // documents and blobs that the target did not have
	Tags      []string // tags that are new or were moved, in the order in which they were set
	Strays    []Stray  // what was listed as evidence and is none
}

// Stray is something that a place lists as evidence about an image, and that is
// missing there or says nothing about the image. It is not moved.
type Stray struct {
	Subject digest.Digest
	Listed  digest.Digest // zero when Tag is all that is known
	Tag     string        // the tag that was gone when it was looked up
	Why     string
}

const (
	maxDocument = 4 << 20 // bytes of an index or manifest
	maxNodes    = 10_000  // distinct documents and blobs of one move
	maxDepth    = 4       // indexes within indexes
	defaultJobs = 4
)

func (o Options) jobs() int {
	if o.Jobs > 0 {
		return o.Jobs
	}
	return defaultJobs
}
