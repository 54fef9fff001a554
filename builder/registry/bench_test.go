package registry

import (
	"context"
	"fmt"
	"testing"

	"github.com/basal-project/basal/builder/oci"
)

// BenchmarkUnchangedPush asks for 100 blobs and 20 manifests that are all there.
// The registry's own share is in the figures.
func BenchmarkUnchangedPush(b *testing.B) {
	s := serve(b, nil, nil)
	ctx, opened := context.Background(), 0
	var blobs []oci.Descriptor
	var docs []oci.Document
	for i := range 100 {
		content := fmt.Appendf(nil, "blob %d", i)
		blobs = append(blobs, describe(oci.MediaTypeLayer, content))
		s.putBlob(b, "team/image", content)
	}
	for i := range 20 {
		docs = append(docs, manifest(b, fmt.Sprint(i), nil))
		s.put(b, "/v2/team/image/manifests/"+docs[i].Descriptor.Digest.String(), docs[i])
	}
	b.ReportAllocs()
	for b.Loop() {
		r := s.repository(b)
		for _, d := range blobs {
			if err := r.PutBlob(ctx, d, opener(nil, &opened)); err != nil {
				b.Fatal(err)
			}
		}
		for _, d := range docs {
			if has, err := r.HasDocument(ctx, d.Descriptor); err != nil || !has {
				b.Fatal(has, err)
			}
		}
	}
	if opened != 0 {
		b.Errorf("%d blobs were opened", opened)
	}
}
