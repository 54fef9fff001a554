package locking

import (
	"context"
	"errors"

	"github.com/basal-project/basal/specs"
)

// Programs finds out what a lock has to say of Go programs on some platforms:
// nil when there are no programs.
type Programs interface {
	Lock(ctx context.Context, programs []specs.Program, platforms []specs.Platform) (*specs.LockedGo, error)
}

// programs locks the Go programs of the spec, for all its platforms: one that is
// not made anew is built with the same toolchain.
func (m *maker) programs(ctx context.Context) (*specs.LockedGo, error) {
	list := m.Spec.Programs()
	if len(list) == 0 {
		return nil, nil
	}
	if m.Programs == nil {
		return nil, errors.New("internal error: nobody to ask about Go programs")
	}
	return m.Programs.Lock(ctx, list, m.Spec.Platforms)
}
