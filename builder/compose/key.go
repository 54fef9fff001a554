package compose

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/digest"
)

// identities names the bytes of package files without reading them: by the
// .deb's digest and the path in it.
type identities map[string]source

type source struct {
	deb digest.Digest
	was map[string]string
}

func (ids identities) add(p placedPackage) {
	ids[p.Origin()] = source{p.SHA256, p.was}
}

// of returns the name of e's bytes if they come straight from a package.
func (ids identities) of(e rootfs.Entry) (string, bool) {
	if strings.HasPrefix(e.Path, statusDir) || len(e.Origins) == 0 {
		return "", false
	}
	s, ok := ids[e.Origins[0]]
	if !ok {
		return "", false
	}
	path := e.Path
	if was, moved := s.was[path]; moved {
		path = was
	}
	return string(s.deb[:]) + path, true
}

// Key names the bytes that l will have: two layers with one key are the same
// layer. It follows from the layer's own inputs: the .debs, what was left out
// or moved, the modes of directories, the time, and how (the recipe and the
// encoder) it is written.
func (l Layer) Key(recipe int, encoder string) digest.Digest {
	return digest.Of(fmt.Appendf(nil, "layer %d %q %s", recipe, encoder, l.content))
}

// contentOf hashes all of l but how it is written. Strings are preceded by
// their length, so that no two layers are written alike.
func contentOf(l Layer, sources identities) (digest.Digest, error) {
	h := sha256.New()
	w := bufio.NewWriterSize(h, 16<<10)
	var num [binary.MaxVarintLen64]byte
	number := func(n int64) { w.Write(binary.AppendVarint(num[:0], n)) }
	text := func(s string) { number(int64(len(s))); w.WriteString(s) }
	number(l.MTime)
	for e := range l.Tree.All() {
		text(e.Path)
		number(int64(e.Kind))
		number(int64(e.Mode))
		number(int64(e.UID))
		number(int64(e.GID))
		text(e.Link)
		if e.Kind != rootfs.File {
			continue
		}
		id, ok := sources.of(e)
		if !ok {
			sum := sha256.New()
			if _, err := io.Copy(sum, e.Content.Reader()); err != nil {
				return digest.Digest{}, err
			}
			id = string(sum.Sum(nil))
		}
		text(id)
	}
	if err := w.Flush(); err != nil {
		return digest.Digest{}, err
	}
	return digest.Digest(h.Sum(nil)), nil
}
