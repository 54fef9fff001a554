package explain

import (
	"fmt"
	"strings"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/digest"
)

// place is one layer of an image.
type place struct {
	desc   oci.Descriptor
	diffID digest.Digest // as the config says; zero when it does not
	name   string        // what the history says, without the program's name
	where  string
}

// places names the layers of an image. Lines of the history that made no layer
// are passed over.
func (i image) places(where string) []place {
	var names []string
	for _, h := range i.config.History {
		if !h.EmptyLayer {
			names = append(names, strings.TrimPrefix(h.CreatedBy, "basal: "))
		}
	}
	var all []place
	for n, d := range i.layers {
		p := place{desc: d, where: fmt.Sprintf("%s layer %d", where, n+1)}
		if len(names) == len(i.layers) {
			p.name = names[n]
			p.where += " (" + short(p.name) + ")"
		}
		if n < len(i.config.RootFS.DiffIDs) {
			p.diffID = i.config.RootFS.DiffIDs[n]
		}
		all = append(all, p)
	}
	return all
}

// same reports whether p and q are meant to be one layer: by content, or by name.
func (p place) same(q place) bool {
	return p.desc.Digest == q.desc.Digest ||
		!p.diffID.IsZero() && p.diffID == q.diffID ||
		p.name != "" && p.name == q.name
}

// align pairs the layers of a with those of b: along a longest common
// subsequence, and in order between its elements, so that an updated package
// stands beside its older self. Where one side has more, the other is nil.
func align(a, b []place) (pairs [][2]*place) {
	table := lcs(a, b)
	for i, j := 0, 0; i < len(a) || j < len(b); {
		ni, nj := i, j // the next pair of the subsequence
		for ni < len(a) && nj < len(b) && !a[ni].same(b[nj]) {
			if table[ni+1][nj] >= table[ni][nj+1] {
				ni++
			} else {
				nj++
			}
		}
		if ni == len(a) || nj == len(b) {
			ni, nj = len(a), len(b)
		}
		for ; i < ni || j < nj; i, j = min(i+1, ni), min(j+1, nj) {
			var p [2]*place
			if i < ni {
				p[0] = &a[i]
			}
			if j < nj {
				p[1] = &b[j]
			}
			pairs = append(pairs, p)
		}
		if i < len(a) && j < len(b) {
			pairs = append(pairs, [2]*place{&a[i], &b[j]})
			i, j = i+1, j+1
		}
	}
	return pairs
}

// lcs returns at [i][j] the length of the longest common subsequence of a[i:] and
// b[j:].
func lcs(a, b []place) [][]int {
	table := make([][]int, len(a)+1)
	for i := range table {
		table[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i].same(b[j]) {
				table[i][j] = 1 + table[i+1][j+1]
			} else {
				table[i][j] = max(table[i+1][j], table[i][j+1])
			}
		}
	}
	return table
}
