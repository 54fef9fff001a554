package locking

import "github.com/basal-project/basal/specs"

// Moved is a base that differs between two locks.
type Moved struct {
	Before string `json:"before,omitempty"` // name and digest; empty when there was none
	After  string `json:"after,omitempty"`
}

// BaseChange compares the bases of two locks; before may be nil. It returns nil
// when they are the same.
func BaseChange(before, after *specs.Lock) *Moved {
	var m Moved
	if before != nil {
		m.Before = named(before.Base)
	}
	if m.After = named(after.Base); m.After == m.Before {
		return nil
	}
	return &m
}

func named(b *specs.LockedBase) string {
	if b == nil {
		return ""
	}
	return b.Name + "@" + b.Digest.String()
}

// String is a line for people.
func (m *Moved) String() string {
	switch {
	case m.Before == "":
		return "+ base " + m.After
	case m.After == "":
		return "- base " + m.Before
	}
	return "~ base " + m.Before + " -> " + m.After
}
