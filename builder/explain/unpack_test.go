package explain

import (
	"bytes"
	"io"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/basal-project/basal/builder/oci"
)

// Only bases have layers with zstd.
func TestUnpackZstd(t *testing.T) {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Repeat([]byte("layer"), 1000)
	r, err := unpack(bytes.NewReader(z.EncodeAll(want, nil)), oci.MediaTypeLayerZstd)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	r, err = unpack(bytes.NewReader(z.EncodeAll(make([]byte, 512<<20), nil)), oci.MediaTypeLayerZstd)
	if err == nil {
		_, err = io.Copy(io.Discard, r)
	}
	if err == nil {
		t.Error("a bomb was unpacked")
	}
}
