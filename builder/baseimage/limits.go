package baseimage

import (
	"errors"
	"fmt"
	"sync"
)

// What one base may cost: all layers together.
const (
	// DefaultMaxUnpacked is the most that the layers of a base may unpack to, in
	// bytes. The largest images of distributions take about 2 GiB.
	DefaultMaxUnpacked = 8 << 30

	maxEntries = 1 << 20
	maxNames   = 128 << 20 // all paths and link targets, in bytes
	maxPath    = 4096      // bytes of one of them: PATH_MAX
	maxDepth   = 256       // directories within each other
	maxLinks   = 40        // symlinks on the way to an entry: the kernel's limit
	maxID      = 1<<32 - 2 // of users and groups; -1 has a meaning of its own
	maxWork    = 1 << 24   // steps over names while layers are laid
	maxWindow  = 128 << 20 // bytes that a zstd frame may ask for

	// A layer that is larger than bombFloor and over bombRatio times its
	// compressed size is refused.
	bombRatio = 200
	bombFloor = 16 << 20
)

// errTooBig is the cause of every refusal of a size.
var errTooBig = errors.New("too large")

// budget is what is left of a limit that several readers share.
type budget struct {
	mu   sync.Mutex
	what string
	most int64
	used int64
}

func (b *budget) take(n int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used += n; b.used > b.most {
		return fmt.Errorf("%w: the layers of the base have more than %d %s", errTooBig, b.most, b.what)
	}
	return nil
}
