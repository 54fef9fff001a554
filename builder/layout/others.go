package layout

import (
	"context"
	"slices"
	"strings"

	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// keepsOthers makes sure that the layout which is to be replaced has no image under
// a tag that the new one lacks. Evidence, and the platforms of an image whose own
// tag is set anew, go with their image.
func (w *Writer) keepsOthers(ctx context.Context) error {
	l, err := Open(w.path)
	if err != nil {
		return nil // no layout: whether that may be replaced is asked elsewhere
	}
	defer l.Close()
	f, err := l.Finder()
	if err != nil {
		return nil // a damaged one
	}
	tags, err := f.Tags(ctx)
	if err != nil {
		return nil
	}
	below := map[digest.Digest]bool{} // images that are replaced
	var lost []string
	for _, tag := range tags {
		if _, ok := w.tags[tag]; !ok && !isEvidence(tag) {
			lost = append(lost, tag)
			continue
		}
		doc, err := f.Resolve(ctx, tag)
		var ix struct {
			Manifests []struct{ Digest digest.Digest }
		}
		if err == nil && l.parse(doc, &ix) == nil {
			for _, m := range ix.Manifests {
				below[m.Digest] = true
			}
		}
	}
	lost = slices.DeleteFunc(lost, func(tag string) bool {
		doc, err := f.Resolve(ctx, tag)
		return err == nil && below[doc.Descriptor.Digest]
	})
	if len(lost) == 0 {
		return nil
	}
	said := strings.Join(lost[:min(len(lost), 5)], ", ")
	if len(lost) > 5 {
		said += ", …"
	}
	return diag.Usagef("%s holds other images, which would be lost: %s", w.path, said).
		WithHint("remove it, or name another directory or file")
}
