package builder_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/basal-project/basal/builder"
	"github.com/basal-project/basal/builder/layers"
	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// onSample returns a rig whose image stands on the published image of sampleRig,
// and the result that was published.
func onSample(t *testing.T, yaml string) (*rig, *builder.Result) {
	t.Helper()
	below := sampleRig(t)
	store := layers.NewPrivate(newScratch)
	t.Cleanup(store.Close)
	result := below.mustBuild(func(o *builder.Options) { o.Layers = store })
	r := newRig(t, "version: 1\nname: top\nplatforms: [linux/amd64, linux/arm64]\nfrom: reg.example/sample:latest\n"+yaml, sampleDebs(), map[string]string{"motd.txt": "hello\n"})
	v := result.Variants[0]
	d := v.Index.Descriptor
	r.lock.Base = &specs.LockedBase{Name: "reg.example/sample:latest", Repository: "reg.example/sample", MediaType: d.MediaType, Digest: r.add(v.Index.Bytes), Size: d.Size}
	for _, i := range v.Images {
		image := &specs.LockedImage{
			MediaType: i.Manifest.Descriptor.MediaType, Manifest: r.add(i.Manifest.Bytes), Size: i.Manifest.Descriptor.Size,
			Config: specs.LockedBlob{MediaType: i.Config.Descriptor.MediaType, Digest: r.add(i.Config.Bytes), Size: i.Config.Descriptor.Size},
		}
		for _, l := range i.Layers {
			f, err := store.Open(l.Digest, l.Size)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(f)
			if err != nil {
				t.Fatal(err)
			}
			image.Layers = append(image.Layers, specs.LockedLayer{LockedBlob: specs.LockedBlob{MediaType: oci.MediaTypeLayer, Digest: r.add(b), Size: l.Size}, DiffID: l.DiffID})
		}
		for n := range r.lock.Platforms {
			if section := &r.lock.Platforms[n]; section.Platform == i.Platform {
				section.Base = image
			}
		}
	}
	return r, result
}

// onBase builds without looking for the base's layers among the built ones.
func (r *rig) onBase(change func(*builder.Options)) (*builder.Result, error) {
	opt, _ := options(r.t)
	if change != nil {
		change(&opt)
	}
	return builder.Build(context.Background(), r.lock, r.src, opt)
}

func TestBuildOnBase(t *testing.T) {
	r, below := onSample(t, "files: [{path: /etc/own, content: x}]\naccounts: {users: [{name: app, uid: 7, gid: 7}]}\nconfig: {env: {A: b}}\n")
	result, err := r.onBase(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := result.Variants[0]
	for _, i := range v.Images {
		from := below.Variants[0].Images[slices.IndexFunc(below.Variants[0].Images, func(o oci.Image) bool { return o.Platform == i.Platform })]
		n := len(from.Layers)
		if len(i.Layers) != n+1 || i.Layers[n].Name != "files of top" {
			t.Fatalf("got the layers %+v", i.Layers)
		}
		var mine, theirs oci.Manifest
		var config, under oci.Config
		for doc, into := range map[*oci.Document]any{&i.Manifest: &mine, &from.Manifest: &theirs, &i.Config: &config, &from.Config: &under} {
			if err := json.Unmarshal(doc.Bytes, into); err != nil {
				t.Fatal(err)
			}
		}
		for k := range theirs.Layers {
			a, b := mine.Layers[k], theirs.Layers[k]
			if a.Digest != b.Digest || a.Size != b.Size || a.MediaType != b.MediaType || config.RootFS.DiffIDs[k] != under.RootFS.DiffIDs[k] || config.History[k] != under.History[k] {
				t.Errorf("layer %d is %+v, want %+v", k, a, b)
			}
		}
		if !slices.Contains(config.Config.Env, "A=b") || !slices.Contains(config.Config.Env, "PATH=/usr/bin") {
			t.Errorf("got the environment %q", config.Config.Env)
		}
		checkBaseAnnotations(t, mine.Annotations, r.lock.Base)
	}
	var index oci.Index
	if err := json.Unmarshal(v.Index.Bytes, &index); err != nil {
		t.Fatal(err)
	}
	checkBaseAnnotations(t, index.Annotations, r.lock.Base)

	opt, _ := options(t)
	err = builder.Visit(t.Context(), r.lock, r.src, opt, func(tree rootfs.Tree) error {
		for path, origin := range map[string]string{"usr/bin/tool": "base:reg.example/sample:latest", "etc/own": "spec:top", "etc/passwd": "generated:accounts of top"} {
			if e, ok := tree.Lookup(path); !ok || rootfs.From(e.Origins) != origin {
				t.Errorf("/%s comes from %q, want %s", path, e.Origins, origin)
			}
		}
		e, _ := tree.Lookup("etc/passwd")
		if b, err := io.ReadAll(e.Content.Reader()); err != nil || !strings.Contains(string(b), "nonroot:x:65532:") || !strings.HasSuffix(string(b), "\napp:x:7:7:app:/nonexistent:/sbin/nologin\n") {
			t.Errorf("/etc/passwd is %q, %v", b, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkBaseAnnotations(t *testing.T, got map[string]string, base *specs.LockedBase) {
	t.Helper()
	if got["org.opencontainers.image.base.name"] != base.Name || got["org.opencontainers.image.base.digest"] != base.Digest.String() {
		t.Errorf("got the annotations %v", got)
	}
}

// A child has the base of its parent, in every layer and annotation.
func TestExtendsAnImageOnABase(t *testing.T) {
	parent, _ := onSample(t, "files: [{path: /etc/own, content: x}]\n")
	child := newRig(t, "version: 1\nname: child\nplatforms: [linux/amd64]\nextends: ../top\nfiles: [{path: /x, content: x}]\n", nil, nil)
	child.lock.Extends, child.src = parent.lock, parent.src
	under, err := parent.onBase(nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := child.onBase(nil)
	if err != nil {
		t.Fatal(err)
	}
	got, want := r.Variants[0].Images[0].Layers, under.Variants[0].Images[0].Layers
	if len(got) != len(want)+1 || !slices.Equal(got[:len(want)], want) {
		t.Errorf("got %+v, want one more than %+v", got, want)
	}
	if text := string(r.Variants[0].Index.Bytes); !strings.Contains(text, parent.lock.Base.Digest.String()) {
		t.Errorf("the index is %s", text)
	}
}

// With its own layers remembered an image needs the documents of its base, and
// none of its layers.
func TestRememberedOnBase(t *testing.T) {
	r, _ := onSample(t, "files: [{path: /etc/own, content: x}]\n")
	store := &remembering{Private: layers.NewPrivate(newScratch), known: map[digest.Digest][]oci.NamedLayer{}}
	defer store.Close()
	use := func(o *builder.Options) { o.Layers = store }
	cold, err := r.onBase(use)
	if err != nil {
		t.Fatal(err)
	}
	asked := len(r.src.asked)
	warm, err := r.onBase(use)
	if err != nil || !maps.Equal(indexes(warm), indexes(cold)) {
		t.Fatalf("got %v, %v, want %v", indexes(warm), err, indexes(cold))
	}
	for _, a := range r.src.asked[asked:] {
		if a.Repository != "" && oci.LayerType(a.MediaType) != "" {
			t.Errorf("the layer %s was read again", a.SHA256)
		}
	}
	// Another base is another image, whatever is remembered.
	other, _ := onSample(t, "files: [{path: /etc/own, content: x}]\n")
	for i := range other.lock.Platforms {
		other.lock.Platforms[i].Base = r.lock.Platforms[1-i].Base
	}
	if _, err := other.onBase(use); diag.CodeOf(err) != diag.Usage {
		t.Errorf("the base of another platform: %v", err)
	}
}

// The lock must say what the base's own documents say: the image is proven to
// begin with the base's layers.
func TestLockThatLiesAboutItsBase(t *testing.T) {
	for name, lie := range map[string]func(image *specs.LockedImage){
		"another order":    func(i *specs.LockedImage) { slices.Reverse(i.Layers) },
		"a layer less":     func(i *specs.LockedImage) { i.Layers = i.Layers[1:] },
		"a layer twice":    func(i *specs.LockedImage) { i.Layers = append(i.Layers, i.Layers[0]) },
		"another diffID":   func(i *specs.LockedImage) { i.Layers[0].DiffID = i.Layers[1].DiffID },
		"another type":     func(i *specs.LockedImage) { i.Layers[0].MediaType = oci.MediaTypeLayerZstd },
		"another config":   func(i *specs.LockedImage) { i.Config.Digest = i.Manifest },
		"another size":     func(i *specs.LockedImage) { i.Size++ },
		"not in the index": func(i *specs.LockedImage) { i.Manifest = i.Config.Digest },
	} {
		r, _ := onSample(t, "files: [{path: /etc/own, content: x}]\n")
		lie(r.lock.Platforms[0].Base)
		if _, err := r.onBase(nil); diag.CodeOf(err) != diag.Usage || diag.HintOf(err) == "" {
			t.Errorf("%s: got code %d, %v", name, diag.CodeOf(err), err)
		}
	}
	r, _ := onSample(t, "")
	for _, image := range []*specs.LockedImage{r.lock.Platforms[0].Base} {
		for _, d := range []digest.Digest{r.lock.Base.Digest, image.Manifest, image.Config.Digest, image.Layers[0].Digest} {
			good := r.src.files[d]
			r.src.files[d] = append([]byte{good[0] ^ 1}, good[1:]...)
			if _, err := r.onBase(nil); !errors.Is(err, digest.ErrMismatch) {
				t.Errorf("%s: got %v, want ErrMismatch", d, err)
			}
			r.src.files[d] = good
		}
	}
}

// What a step cannot do to the base below it.
func TestConflictsWithBase(t *testing.T) {
	for yaml, want := range map[string]string{
		"accounts: {users: [{name: nonroot, uid: 9, gid: 9}]}":   "user nonroot (uid 9) is already in the image",
		"accounts: {users: [{name: other, uid: 65532, gid: 9}]}": "user other (uid 65532) is already in the image",
		"files: [{path: /usr/bin, type: symlink, target: x}]":    "/usr/bin",
		"files: [{path: /usr/bin/tool/x, content: x}]":           "/usr/bin/tool",
	} {
		r, _ := onSample(t, yaml+"\n")
		if _, err := r.onBase(nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", yaml, err, want)
		}
	}
}

func TestEpochIsNotBeforeTheBase(t *testing.T) {
	r, _ := onSample(t, "files: [{path: /etc/own, content: x}]\n")
	for i := range r.lock.Platforms {
		r.lock.Platforms[i].Epoch--
	}
	if _, err := r.onBase(nil); diag.CodeOf(err) != diag.Usage || !strings.Contains(err.Error(), "the time 20") {
		t.Errorf("got code %d, %v", diag.CodeOf(err), err)
	}
}
