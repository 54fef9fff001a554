//go:build system && !e2e

package system

import "github.com/basal-project/basal/ci/registries"

// kinds are the registries that tests run on. make e2e has one more, and tests
// that need what takes long to compile.
var kinds = registries.Quick()
