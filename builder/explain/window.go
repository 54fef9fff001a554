package explain

import (
	"bufio"
	"encoding/hex"
	"io"
)

const (
	before = 8       // bytes shown before the first differing one
	shown  = 24      // bytes shown in all
	block  = 4 << 10 // bytes compared at once
)

// firstDifference returns the first place at which a and b differ, nil when they
// do not. A reader that fails counts as one that ends.
func firstDifference(a, b io.Reader) *Bytes {
	ra, rb := bufio.NewReaderSize(a, 16*block), bufio.NewReaderSize(b, 16*block)
	var off int64 // of the first byte in both buffers
	for {
		pa, _ := ra.Peek(block)
		pb, _ := rb.Peek(block)
		n := common(pa, pb)
		if n < block && (n < len(pa) || n < len(pb)) {
			start := max(0, n-before)
			ra.Discard(start)
			rb.Discard(start)
			pa, _ = ra.Peek(shown)
			pb, _ = rb.Peek(shown)
			return &Bytes{off + int64(n), off + int64(start), hex.EncodeToString(pa), hex.EncodeToString(pb)}
		}
		if n < block {
			return nil
		}
		keep := block - before // so that the next block has something before it
		ra.Discard(keep)
		rb.Discard(keep)
		off += int64(keep)
	}
}

// common returns the length of the common beginning of a and b.
func common(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
