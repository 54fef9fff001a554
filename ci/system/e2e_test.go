//go:build system && e2e

package system

import (
	"testing"

	"github.com/basal-project/basal/ci/registries"
)

// kinds are the registries that tests run on: all.
var kinds = registries.Kinds()

// TestProgramInvariance is TestInvariance with the whole program compiled by
// another Go release, and for another processor.
func TestProgramInvariance(t *testing.T) {
	const program = "../../cmd/basal"
	for _, s := range []surrounding{
		{name: "other Go release", bin: anotherBuild(t, program, "GOTOOLCHAIN="+otherGo)},
		{name: "arm64", wrap: []string{"qemu-aarch64"}, bin: anotherBuild(t, program, "GOARCH=arm64")},
	} {
		t.Run(s.name, s.testSame)
	}
}
