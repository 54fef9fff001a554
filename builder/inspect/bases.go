package inspect

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// maxChain bounds how many bases are followed below each other.
const maxChain = 16

// baseWait is how long the bases of an image are waited for, all of them together:
// they are told of by the way, and may be anywhere.
var baseWait = 10 * time.Second

var errNoAnswer = errors.New("no answer in time; bases are waited for 10 s in all")

// Base is an image that another one says it stands on. What an image says of its
// base is proved only as far as Layers goes.
type Base struct {
	Name     string        `json:"name,omitempty"`
	Digest   digest.Digest `json:"digest,omitzero"`   // of its index, or of its manifest
	Manifest digest.Digest `json:"manifest,omitzero"` // of the same platform
	Layers   int           `json:"layers"`            // it has
	Prefix   bool          `json:"prefix"`            // the image begins with just these layers
	Fault    string        `json:"fault,omitempty"`   // why it could not be looked at; the chain ends here
}

// chains follows the bases of the platforms of an image, and asks for each
// document once.
type chains struct {
	find func(ctx context.Context, name string) (Place, error)

	mu   sync.Mutex
	seen map[string]func() (found, error) // by name and digest
}

func newChains(find func(ctx context.Context, name string) (Place, error)) *chains {
	return &chains{find: find, seen: map[string]func() (found, error){}}
}

// found is a document of a base, and where its children are.
type found struct {
	Place
	parsed
	descriptor oci.Descriptor
}

// follow adds to p its bases, nearest first, as far as they can be followed. A
// manifest's annotations go before those of its index.
func (c *chains) follow(ctx context.Context, p *Platform, manifest, index map[string]string) {
	met := map[digest.Digest]bool{p.Digest: true}
	for depth := 0; ; depth++ {
		b, ok := named(manifest, index)
		if !ok {
			return // nothing is said of a base
		}
		switch {
		case b.Fault != "":
		case depth == maxChain:
			b.Fault = fmt.Sprintf("the chain has more than %d bases", maxChain)
		case met[b.Digest]:
			b.Fault = "the chain goes round in circles"
		case c.find == nil:
			b.Fault = "not asked for"
		}
		if b.Fault == "" {
			met[b.Digest] = true
			var err error
			if manifest, index, err = c.compare(ctx, &b, p); err != nil {
				b.Fault = err.Error()
				if context.Cause(ctx) == errNoAnswer {
					b.Fault = errNoAnswer.Error()
				}
			}
		}
		p.Bases = append(p.Bases, b)
		if b.Fault != "" {
			return
		}
	}
}

// named returns the base that annotations name; false when they name none.
func named(manifest, index map[string]string) (Base, bool) {
	from := manifest
	if from[specs.BaseName] == "" && from[specs.BaseDigest] == "" {
		from = index
	}
	b := Base{Name: from[specs.BaseName]}
	text := from[specs.BaseDigest]
	switch {
	case b.Name == "" && text == "":
		return Base{}, false
	case text == "":
		b.Fault = "it is named without a digest, so nobody knows which image that was"
		return b, true
	}
	var err error
	if b.Digest, err = digest.Parse(text); err != nil {
		b.Fault = err.Error()
	} else if b.Name == "" {
		b.Fault = "its digest is given without a name, so nobody knows where it is"
	}
	return b, true
}

// compare reads the manifest that b has for p's platform, and compares its layers
// with p's. It returns the annotations by which b's own base is found.
func (c *chains) compare(ctx context.Context, b *Base, p *Platform) (manifest, index map[string]string, err error) {
	root, err := c.root(ctx, b)
	if err != nil {
		return nil, nil, err
	}
	doc := root
	if root.isIndex() {
		if doc, err = c.child(ctx, root, p.Platform); err != nil {
			return nil, nil, err
		}
		index = root.Annotations
	}
	b.Manifest, b.Layers = doc.descriptor.Digest, len(doc.Layers)
	b.Prefix = len(doc.Layers) <= len(p.Layers)
	for i, l := range doc.Layers {
		b.Prefix = b.Prefix && l.Digest == p.Layers[i].Digest
	}
	if b.Prefix {
		for i := range doc.Layers {
			p.Layers[i].Base = b.Digest // a base below takes its own in turn
		}
	}
	return doc.Annotations, index, nil
}

// root gets the document that a base's digest names, from the repository that its
// name names. The tag in the name is no part of the question.
func (c *chains) root(ctx context.Context, b *Base) (found, error) {
	return c.once(b.Name+"@"+b.Digest.String(), func() (found, error) {
		at, err := c.find(ctx, b.Name)
		if err != nil {
			return found{}, err
		}
		doc, err := at.Resolve(ctx, b.Digest.String())
		if err != nil {
			return found{}, err
		}
		if got := digest.Of(doc.Bytes); got != b.Digest {
			return found{}, fmt.Errorf("%w: found %s", digest.ErrMismatch, got)
		}
		doc.Descriptor.Digest = b.Digest
		p, err := parse(doc)
		return found{at, p, doc.Descriptor}, err
	})
}

func (c *chains) child(ctx context.Context, root found, platform string) (found, error) {
	images, _, err := root.images(root.descriptor)
	if err != nil {
		return found{}, err
	}
	var fit []oci.Descriptor
	for _, d := range images {
		if platformOf(d) == platform {
			fit = append(fit, d)
		}
	}
	switch {
	case len(fit) == 0:
		return found{}, fmt.Errorf("it has no %s", platform)
	case len(fit) > 1:
		return found{}, fmt.Errorf("it has %d images for %s", len(fit), platform)
	}
	doc, err := document(ctx, root.Place, fit[0])
	return found{root.Place, doc, fit[0]}, err
}

// once runs do once for a key, and gives everybody who asks what came of it.
func (c *chains) once(key string, do func() (found, error)) (found, error) {
	c.mu.Lock()
	if c.seen[key] == nil {
		c.seen[key] = sync.OnceValues(do)
	}
	do = c.seen[key]
	c.mu.Unlock()
	return do()
}

// short returns a name as it fits into a table: its last step, with the tag.
func (b Base) short() string {
	name := b.Name[strings.LastIndexByte(b.Name, '/')+1:]
	return show(name, 24)
}
