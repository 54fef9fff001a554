package specs

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// The text forms of Layers, apart from a budget.
const (
	layersPerPackage = "per-package"
	layersSingle     = "single"
)

// layersWant is what a person is told when layers are written in another way.
const layersWant = `per-package, single or {budget: N}`

// budget is the mapping form of Layers.
type budget struct {
	Budget int `json:"budget"`
}

// parseLayers reads a text form of Layers.
func parseLayers(s string) (Layers, error) {
	switch s {
	case layersPerPackage:
		return Layers{}, nil
	case layersSingle:
		return Layers{Single: true}, nil
	}
	return Layers{}, fmt.Errorf("layers is %q, want %s", s, layersWant)
}

// MarshalJSON writes "per-package", "single" or {"budget":N}.
func (l Layers) MarshalJSON() ([]byte, error) {
	switch {
	case l.Budget != 0:
		return json.Marshal(budget{l.Budget})
	case l.Single:
		return json.Marshal(layersSingle)
	}
	return json.Marshal(layersPerPackage)
}

// UnmarshalJSON reads the forms that MarshalJSON writes.
func (l *Layers) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '{' {
		dec := json.NewDecoder(bytes.NewReader(b))
		dec.DisallowUnknownFields()
		var m budget
		if err := dec.Decode(&m); err != nil {
			return fmt.Errorf("layers: %w", err)
		}
		*l = Layers{Budget: m.Budget}
		return nil
	}
	var s string
	err := json.Unmarshal(b, &s)
	if err != nil {
		return fmt.Errorf("layers: want %s", layersWant)
	}
	*l, err = parseLayers(s)
	return err
}
