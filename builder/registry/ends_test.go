package registry_test

import (
	"github.com/basal-project/basal/builder/registry"
	"github.com/basal-project/basal/builder/transfer"
)

// A repository is an end of a transfer, both ways.
var (
	_ transfer.Finder = (*registry.Repository)(nil)
	_ transfer.Writer = (*registry.Repository)(nil)
)
