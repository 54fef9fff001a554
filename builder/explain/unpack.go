package explain

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow bounds what a zstd frame may ask for, in bytes.
const maxWindow = 128 << 20

// unpack returns the uncompressed bytes of a layer: gzip, zstd, or a plain tar. What
// unpacks to more than any layer has ends with an error.
func unpack(r io.Reader, mediaType string) (io.Reader, error) {
	packed := &counter{r: r}
	in := bufio.NewReaderSize(packed, 64<<10)
	head, err := in.Peek(2)
	switch {
	case strings.HasSuffix(mediaType, "+zstd"): // of a base
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return &bounded{z, packed, 0}, nil
	case len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b: // RFC 1952
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, err
		}
		return &bounded{z, packed, 0}, nil
	case err != nil && err != io.EOF:
		return nil, err
	case strings.HasSuffix(mediaType, ".tar"):
		return &bounded{in, packed, 0}, nil
	}
	return nil, fmt.Errorf("the layer is no gzip stream: it begins with bytes % x", head)
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// bounded ends a decompression bomb.
type bounded struct {
	r      io.Reader
	packed *counter
	n      int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.n += int64(n)
	switch {
	case b.n > maxUnpacked:
		return 0, fmt.Errorf("the layer unpacks to more than %d bytes", int64(maxUnpacked))
	case b.n > freeUnpacked && b.n/maxRatio > b.packed.n:
		return 0, fmt.Errorf("the layer unpacks to more than %d times its size", maxRatio)
	}
	return n, err
}
