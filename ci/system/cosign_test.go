//go:build system && e2e

package system

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/basal-project/basal/ci/programs"
	"github.com/basal-project/basal/ci/registries"
)

// TestCopySigned: signatures of cosign, in each of its forms, go along when an
// image is copied from one kind of registry to another, by way of an OCI layout
// or an archive, too; cosign finds them at the target.
func TestCopySigned(t *testing.T) {
	c := newCosign(t)
	spec := writeSpec(t, smallSpec("signed"))
	must(t, basal("lock", spec))
	var all []*registries.Registry
	for _, kind := range append(slices.Clone(kinds), registries.Plain) {
		all = append(all, startRegistry(t, kind, registries.Options{}))
	}
	for i, from := range all {
		to := all[(i+1)%len(all)]
		t.Run(from.Kind.Name+" to "+to.Kind.Name, func(t *testing.T) {
			for _, form := range signatures {
				t.Run(form.name, func(t *testing.T) {
					source := from.Addr + "/" + form.name
					must(t, basal("push", spec, source))
					c.sign(t, form, source)
					c.verify(t, form, source)

					must(t, basal("copy", source+":latest", to.Addr+"/direct/"+form.name+":latest"))
					c.verify(t, form, to.Addr+"/direct/"+form.name)
					wantWhole(t, to.Addr+"/direct/"+form.name)

					dir := t.TempDir()
					for _, name := range []string{"layout", "archive.tar"} {
						must(t, basal("copy", source+":latest", filepath.Join(dir, name)))
						target := to.Addr + "/by-" + name + "/" + form.name
						must(t, basal("copy", filepath.Join(dir, name), target))
						c.verify(t, form, target)
					}
				})
			}
		})
	}
}

// A form is one way in which cosign attaches a signature.
type form struct {
	name   string
	sign   []string
	verify []string
	env    []string
}

var signatures = []form{
	{name: "tag"}, // sha256-….sig
	{name: "referrer", sign: []string{"--registry-referrers-mode=oci-1-1"}, env: []string{"COSIGN_EXPERIMENTAL=1"},
		verify: []string{"--experimental-oci11"}},
	{name: "bundle", sign: []string{"--new-bundle-format"}, verify: []string{"--new-bundle-format", "--trusted-root=trusted_root.json"}},
}

// cosign runs the program in a folder with a key pair.
type cosign struct{ file, dir string }

func newCosign(t *testing.T) cosign {
	t.Helper()
	file, err := programs.Cosign.Path(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := cosign{file, t.TempDir()}
	// Bundles are not looked at without one; a key needs nothing that is in it.
	root := []byte(`{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`)
	if err := os.WriteFile(filepath.Join(c.dir, "trusted_root.json"), root, 0o644); err != nil {
		t.Fatal(err)
	}
	must(t, c.run("generate-key-pair"))
	return c
}

func (c cosign) run(verb string, args ...string) *exec.Cmd {
	cmd := exec.Command(c.file, append([]string{verb}, args...)...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "COSIGN_PASSWORD=", "HOME="+c.dir)
	return cmd
}

// sign signs latest and each platform's manifest, and tells no log about it.
func (c cosign) sign(t *testing.T, f form, repository string) {
	t.Helper()
	for _, digest := range manifests(t, repository+":latest") {
		cmd := c.run("sign", append(f.sign, "--yes", "--tlog-upload=false", "--key=cosign.key", "--allow-insecure-registry", repository+"@"+digest)...)
		cmd.Env = append(cmd.Env, f.env...)
		must(t, cmd)
	}
}

// verify checks the signature of latest and of each platform's manifest.
func (c cosign) verify(t *testing.T, f form, repository string) {
	t.Helper()
	for _, digest := range manifests(t, repository+":latest") {
		cmd := c.run("verify", append(f.verify, "--key=cosign.pub", "--insecure-ignore-tlog", "--allow-insecure-registry", repository+"@"+digest)...)
		cmd.Env = append(cmd.Env, f.env...)
		must(t, cmd)
	}
}
