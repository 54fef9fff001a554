package builder_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/basal-project/basal/builder"
	"github.com/basal-project/basal/builder/debian/debtest"
	"github.com/basal-project/basal/builder/layers"
	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

const sample = `version: 1
name: sample
platforms: [linux/arm64, linux/amd64]
archives: [{uri: debian, suites: [trixie], components: [main], signed-by: debian-13}]
packages: [base-files, tool]
accounts: {users: [{name: nonroot, uid: 65532, gid: 65532, home: /home/nonroot, home-mode: "700"}]}
files:
  - {path: /tmp, type: dir, mode: "1777"}
  - {path: /etc/motd, source: motd.txt}
config: {env: {PATH: /usr/bin}, annotations: {org.opencontainers.image.title: sample}}
variants:
  debug: {packages: [shell], config: {entrypoint: [/usr/bin/sh]}}
  nonroot: {config: {user: "65532"}}
`

func sampleDebs() []debtest.Deb {
	return []debtest.Deb{
		{Name: "base-files", Files: map[string]string{"usr/lib/os-release": "ID=debian\n", "usr/share/x": strings.Repeat("x", 100_000)}},
		{Name: "tool", Arch: "amd64", Files: map[string]string{"usr/bin/tool": "amd64"}, Compression: "none"},
		{Name: "tool", Arch: "arm64", Files: map[string]string{"usr/bin/tool": "arm64"}, Compression: "none"},
		{Name: "shell", Files: map[string]string{"usr/bin/sh": "sh"}, Compression: "gz"},
	}
}

func sampleRig(t testing.TB) *rig {
	return newRig(t, sample, sampleDebs(), map[string]string{"motd.txt": "hello\n"})
}

// golden are the layers of the sample's debug variant on amd64, then its index.
// DO NOT CHANGE THEM TO FIX A BUILD: Recipe must rise when they do. The digests
// of packages are not among the inputs of their layers' bytes, so they hold
// although a .deb is compressed anew for each run.
var (
	goldenDiffIDs = []string{"37c66489200224fc", "c5a9c1e5bed475c2", "6f44f82d4e96a01e", "cd6ac9cc42309f14"}
	goldenDigests = []string{"ef8bf1f4c6de5cbe", "b2d527a228a1755d", "589d589f82bc7505", "96a79c9eaf3bd13c", "940f5bf3f2f3c5fb", "db2c69483d46e17d", "7e4a2ff5af251ee9"}
)

func TestGolden(t *testing.T) {
	r := sampleRig(t).mustBuild(nil)
	image := r.Variants[1].Images[1]
	var diffIDs, digests []string
	for _, l := range image.Layers {
		diffIDs = append(diffIDs, l.DiffID.Hex()[:16])
		digests = append(digests, l.Digest.Hex()[:16])
	}
	digests = append(digests, image.Config.Descriptor.Digest.Hex()[:16], image.Manifest.Descriptor.Digest.Hex()[:16], r.Variants[1].Index.Descriptor.Digest.Hex()[:16])
	switch {
	case !slices.Equal(diffIDs, goldenDiffIDs):
		t.Errorf("contents changed: diffIDs %q, want %q", diffIDs, goldenDiffIDs)
	case !slices.Equal(digests, goldenDigests):
		t.Errorf("contents equal, only compression or documents differ: digests %q, want %q", digests, goldenDigests)
	}
}

func TestShapeOfTheResult(t *testing.T) {
	r := sampleRig(t).mustBuild(nil)
	var got []string
	for _, v := range r.Variants {
		for _, i := range v.Images {
			var names []string
			for _, l := range i.Layers {
				names = append(names, l.Name)
			}
			got = append(got, fmt.Sprintf("%s %s: %s", v.Name, i.Platform, strings.Join(names, " | ")))
		}
	}
	const own = "base-files 1.0 | tool 1.0 | files of sample"
	want := []string{
		"latest linux/arm64: " + own, "latest linux/amd64: " + own,
		"debug linux/arm64: " + own + " | shell 1.0", "debug linux/amd64: " + own + " | shell 1.0",
		"nonroot linux/arm64: " + own, "nonroot linux/amd64: " + own,
	}
	if r.Name != "sample" || !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	arm, amd := r.Variants[0].Images[0], r.Variants[0].Images[1]
	if arm.Layers[0] != amd.Layers[0] || arm.Layers[1] == amd.Layers[1] || arm.Layers[2] != amd.Layers[2] {
		t.Error("platforms do not share what is for all architectures, or share what is not")
	}
	if latest, debug := r.Variants[0].Images[1].Layers, r.Variants[1].Images[1].Layers; !slices.Equal(latest, debug[:3]) {
		t.Error("variants do not share their layers")
	}
}

// slow answers in small pieces.
type slow struct{ *memory }

func (s slow) Open(ctx context.Context, a specs.Artifact) (io.ReadCloser, error) {
	r, err := s.memory.Open(ctx, a)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{&trickle{r}, r}, nil
}

type trickle struct{ r io.Reader }

func (t *trickle) Read(p []byte) (int, error) { return t.r.Read(p[:min(len(p), 7)]) }

func TestSameImageHoweverItIsBuilt(t *testing.T) {
	r := sampleRig(t)
	want := indexes(r.mustBuild(nil))
	for _, workers := range []int{1, 2, 8} {
		for range 3 {
			if got := indexes(r.mustBuild(func(o *builder.Options) { o.Workers = workers })); !maps.Equal(got, want) {
				t.Errorf("%d workers: got %v, want %v", workers, got, want)
			}
		}
	}
	opt, _ := options(t)
	piecemeal, err := builder.Build(t.Context(), r.lock, slow{r.src}, opt)
	if err != nil || !maps.Equal(indexes(piecemeal), want) {
		t.Errorf("from a slow source: %v, %v, want %v", piecemeal, err, want)
	}
	// Another order of sections changes the index's order and no image.
	slices.Reverse(r.lock.Platforms)
	turned := r.mustBuild(nil)
	if turned.Variants[0].Images[0].Platform.Arch != "amd64" || indexes(turned)["latest"] == want["latest"] {
		t.Error("the index does not follow the order of the lock")
	}
}

func TestEverythingIsReadOnce(t *testing.T) {
	r := sampleRig(t)
	r.mustBuild(nil)
	seen := map[digest.Digest]int{}
	for _, a := range r.src.asked {
		seen[a.SHA256]++
	}
	for d, n := range seen {
		if n != 1 {
			t.Errorf("%s was opened %d times", d, n)
		}
	}
	if len(seen) != 5 {
		t.Errorf("%d artifacts, want 4 packages and a file", len(seen))
	}
}

func TestSelection(t *testing.T) {
	r := sampleRig(t)
	all := r.mustBuild(nil)
	amd64 := r.lock.Platforms[1].Platform
	one := r.mustBuild(func(o *builder.Options) { o.Platforms, o.Variants = []specs.Platform{amd64}, []string{"debug"} })
	if len(one.Variants) != 1 || len(one.Variants[0].Images) != 1 ||
		one.Variants[0].Images[0].Manifest.Descriptor.Digest != all.Variants[1].Images[1].Manifest.Descriptor.Digest {
		t.Errorf("got %+v", one)
	}
	for want, change := range map[string]func(*builder.Options){
		"linux/s390x": func(o *builder.Options) { o.Platforms = []specs.Platform{{OS: "linux", Arch: "s390x"}} },
		`"nosuch"`:    func(o *builder.Options) { o.Variants = []string{"nosuch"} },
	} {
		if _, err := r.build(change); diag.CodeOf(err) != diag.Usage || !strings.Contains(err.Error(), want) {
			t.Errorf("got code %d, %v; want %s", diag.CodeOf(err), err, want)
		}
	}
}

func TestLocksOfOtherPrograms(t *testing.T) {
	for name, change := range map[string]func(*specs.Lock){
		"recipe 2":         func(l *specs.Lock) { l.Recipe++ },
		"gzip/klauspost-9": func(l *specs.Lock) { l.Encoder = "gzip/klauspost-9" },
	} {
		r := sampleRig(t)
		child := sampleRig(t)
		child.lock.Extends = r.lock
		change(r.lock)
		for _, rig := range []*rig{r, child} {
			_, err := rig.build(nil)
			if diag.CodeOf(err) != diag.Usage || diag.HintOf(err) == "" || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: got code %d, %v", name, diag.CodeOf(err), err)
			}
			if len(rig.src.asked) > 0 {
				t.Errorf("%s: %d artifacts were opened", name, len(rig.src.asked))
			}
		}
	}
}

// Each artifact in turn is another than its name says.
func TestLyingSources(t *testing.T) {
	r := sampleRig(t)
	for d, good := range maps.Clone(r.src.files) {
		for what, damage := range map[string]func([]byte) []byte{
			"begins otherwise": debtest.Flip(0), "flipped inside": debtest.Flip(len(good) / 2), "flipped at the end": debtest.Flip(-1),
			"cut": debtest.Truncate(1), "cut in half": debtest.Truncate(len(good) / 2), "empty": debtest.Truncate(len(good)),
			"longer": debtest.Append("x"), "a web page": debtest.HTML,
		} {
			r.src.files[d] = damage(slices.Clone(good))
			store := &remembering{Private: layers.NewPrivate(newScratch), known: map[digest.Digest][]oci.NamedLayer{}}
			result, err := r.build(func(o *builder.Options) { o.Layers = store })
			if !errors.Is(err, digest.ErrMismatch) || result != nil {
				t.Errorf("%s %s: got %v, want ErrMismatch", d, what, err)
			}
			if len(store.known) > 0 {
				t.Errorf("%s %s: %d layers are remembered", d, what, len(store.known))
			}
			store.Close()
		}
		r.src.files[d] = good
	}
	r.mustBuild(nil)
}

// A package that is what the lock's digest names, and not what the lock says.
func TestPackageWithAnotherName(t *testing.T) {
	for name, change := range map[string]func(*specs.LockedPackage){
		"version":      func(p *specs.LockedPackage) { p.Version = "2.0" },
		"architecture": func(p *specs.LockedPackage) { p.Architecture = "amd64" },
	} {
		r := sampleRig(t)
		change(&r.lock.Platforms[0].Packages[0])
		if _, err := r.build(nil); err == nil || !strings.Contains(err.Error(), "calls itself base-files 1.0 (all)") {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

func TestWarmCache(t *testing.T) {
	r := sampleRig(t)
	store := &remembering{Private: layers.NewPrivate(newScratch), known: map[digest.Digest][]oci.NamedLayer{}}
	defer store.Close()
	use := func(o *builder.Options) { o.Layers = store }
	cold := indexes(r.mustBuild(use))
	made, asked := store.create, len(r.src.asked)
	if warm := indexes(r.mustBuild(use)); !maps.Equal(warm, cold) {
		t.Errorf("got %v, want %v", warm, cold)
	}
	if store.create != made {
		t.Errorf("%d layers were made again", store.create-made)
	}
	for _, a := range r.src.asked[asked:] {
		if a.Archive != "" { // local files are looked at: they may have been edited
			t.Errorf("%s was opened again", a.Path)
		}
	}
	motd := r.lock.Inputs[0].SHA256
	good := r.src.files[motd]
	r.src.files[motd] = []byte("hallo\n")
	if _, err := r.build(use); !errors.Is(err, digest.ErrMismatch) {
		t.Errorf("an edited file: %v, want ErrMismatch", err)
	}
	r.src.files[motd] = good

	// A changed file makes its own layer anew, and no other.
	other := newRig(t, sample, sampleDebs(), map[string]string{"motd.txt": "changed\n"})
	if indexes(other.mustBuild(use))["latest"] == cold["latest"] {
		t.Error("a changed file changes nothing")
	}
	if n := store.create - made; n != 1 {
		t.Errorf("%d layers were made, want 1", n)
	}
	if got, want := indexes(other.mustBuild(nil)), indexes(other.mustBuild(use)); !maps.Equal(got, want) {
		t.Errorf("without the cache %v, with it %v", got, want)
	}
}

func TestFailuresOfThisMachine(t *testing.T) {
	r := sampleRig(t)
	if _, err := r.build(func(o *builder.Options) { o.Scratch = func() (builder.ScratchFile, error) { return nil, errFull } }); !errors.Is(err, errFull) {
		t.Errorf("no scratch file: %v", err)
	}
	if _, err := r.build(func(o *builder.Options) {
		o.Layers = layers.NewPrivate(func() (builder.ScratchFile, error) { return nil, errFull })
	}); !errors.Is(err, errFull) {
		t.Errorf("no place for layers: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	opt, _ := options(t)
	if _, err := builder.Build(ctx, r.lock, r.src, opt); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	delete(r.src.files, r.lock.Platforms[0].Packages[1].SHA256)
	if _, err := r.build(nil); err == nil || !strings.Contains(err.Error(), "package tool 1.0") {
		t.Errorf("a package that is nowhere: %v", err)
	}
}

func TestVisit(t *testing.T) {
	r := sampleRig(t)
	opt, _ := options(t)
	opt.Variants, opt.Platforms = []string{"debug"}, []specs.Platform{r.lock.Platforms[1].Platform}
	err := builder.Visit(t.Context(), r.lock, r.src, opt, func(tree rootfs.Tree) error {
		for path, origin := range map[string]string{"usr/bin/tool": "deb:tool", "usr/bin/sh": "deb:shell", "etc/motd": "spec:sample", "etc/passwd": "generated:accounts of sample"} {
			if e, ok := tree.Lookup(path); !ok || rootfs.From(e.Origins) != origin {
				t.Errorf("/%s comes from %q, want %s", path, e.Origins, origin)
			}
		}
		e, _ := tree.Lookup("usr/bin/tool")
		if b, err := io.ReadAll(e.Content.Reader()); err != nil || string(b) != "amd64" {
			t.Errorf("/usr/bin/tool is %q, %v", b, err)
		}
		return errFull
	})
	if !errors.Is(err, errFull) {
		t.Errorf("got %v, want what visit returned", err)
	}
}

// A child shares every layer of its parent, on each platform and in the variant
// of the same name.
func TestExtends(t *testing.T) {
	parent := sampleRig(t)
	child := newRig(t, "version: 1\nname: child\nplatforms: [linux/amd64]\nextends: ../sample\nfiles: [{path: /x, content: x}]\nvariants: {debug: {config: {workdir: /x}}, own: {}}\n", nil, nil)
	child.lock.Extends = parent.lock
	child.src = parent.src
	below, r := parent.mustBuild(nil), child.mustBuild(nil)
	for i, name := range []string{"latest", "debug", "own"} {
		v, from := r.Variants[i], below.Variants[0].Images[1]
		if name == "debug" {
			from = below.Variants[1].Images[1]
		}
		got := v.Images[0].Layers
		if v.Name != name || len(got) != len(from.Layers)+1 || !slices.Equal(got[:len(got)-1], from.Layers) {
			t.Errorf("%s has %+v, want one more than %+v", v.Name, got, from.Layers)
		}
		config := string(v.Images[0].Config.Bytes)
		if !strings.Contains(config, "PATH=/usr/bin") || strings.Contains(config, "/usr/bin/sh") != (name == "debug") {
			t.Errorf("%s has the config %s", name, config)
		}
	}
}

func TestEpochIsThatOfThePackages(t *testing.T) {
	parent := func() *rig {
		r := sampleRig(t)
		r.mustBuild(nil)
		return r
	}
	child := func(epoch int64) *rig {
		r := parent()
		c := newRig(t, "version: 1\nname: child\nplatforms: [linux/amd64]\nextends: ./sample\nfiles: [{path: /x, content: x}]\n", nil, nil)
		c.lock.Extends, c.src = r.lock, r.src
		c.lock.Platforms[0].Epoch += epoch
		return c
	}
	at := func(by int64) *rig {
		r := parent()
		r.lock.Platforms[1].Epoch += by
		return r
	}
	below := child(0)
	below.lock.Extends.Platforms[1].Epoch--
	latest := func(o *builder.Options) { o.Variants = []string{"latest"} }
	for name, c := range map[string]struct {
		r      *rig
		change func(*builder.Options)
		want   bool
	}{
		"the newest package's":            {at(0), nil, true},
		"later":                           {at(1), nil, false},
		"earlier":                         {at(-1), nil, false},
		"later, one variant":              {at(1), latest, true}, // another variant may have a newer package
		"earlier, one variant":            {at(-1), latest, false},
		"a child's":                       {child(0), nil, true},
		"a child's before its parent's":   {child(-1), nil, false},
		"a child's after its parent's":    {child(1), nil, false},
		"a parent's before its package's": {below, nil, false},
	} {
		_, err := c.r.build(c.change)
		if c.want && err != nil || !c.want && (diag.CodeOf(err) != diag.Usage || !strings.Contains(fmt.Sprint(err), "the time 20")) {
			t.Errorf("%s: got code %d, %v", name, diag.CodeOf(err), err)
		}
	}
}

func TestSetuidOfNothing(t *testing.T) {
	r := newRig(t, sample+"setuid: [/usr/bin/tool]\n", sampleDebs(), map[string]string{"motd.txt": "hello\n"})
	if _, err := r.build(nil); diag.CodeOf(err) != diag.Usage || !strings.Contains(fmt.Sprint(err), "sample: setuid: no package has a setuid or setgid file at /usr/bin/tool") {
		t.Errorf("got code %d, %v", diag.CodeOf(err), err)
	}
}
