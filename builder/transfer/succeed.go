package transfer

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/basal-project/basal/internal/canonjson"
	"github.com/basal-project/basal/internal/diag"
)

// succeeds makes sure that a tag which stands for evidence about a digest does not
// leave evidence that only the target has. cosign adds a layer to what such a tag
// names with each signature: what has all layers of the old one replaces it.
func (m *move) succeeds(ctx context.Context, c *change) error {
	if _, ok := EvidenceAbout(c.Name); !ok {
		return nil
	}
	if from, ok := m.to.(resolver); ok {
		doc, err := from.Resolve(ctx, c.old.String())
		if err != nil {
			return err
		}
		if holds(c.doc.Bytes, doc.Bytes) {
			return nil
		}
	}
	return diag.Failedf("tag %s names evidence that would be lost: %s there, and %s here", c.Name, c.old, c.Digest).
		WithHint("keep what is there with --no-evidence, or remove that tag from the target")
}

// holds reports whether a manifest has all layers of another, and has them with
// the annotations, in which cosign keeps the signatures.
func holds(manifest, old []byte) bool {
	have, want := layers(manifest), layers(old)
	for _, l := range want {
		if !slices.Contains(have, l) {
			return false
		}
	}
	return len(want) > 0
}

// layers returns the descriptors of a manifest's layers, in canonical JSON.
func layers(manifest []byte) []string {
	canon, err := canonjson.Canonicalize(manifest)
	if err != nil {
		return nil
	}
	var m struct {
		Layers []json.RawMessage `json:"layers"`
	}
	if json.Unmarshal(canon, &m) != nil {
		return nil
	}
	var out []string
	for _, l := range m.Layers {
		out = append(out, string(l))
	}
	return out
}
