package baseimage

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

var (
	amd64 = specs.Platform{OS: "linux", Arch: "amd64"}
	arm64 = specs.Platform{OS: "linux", Arch: "arm64", Variant: "v8"}
)

// fixture is a published image, to be changed before it is published.
type fixture struct {
	blobs
	layers   [][]byte // plain
	types    []string
	config   map[string]any
	manifest map[string]any
	index    map[string]any
}

type object = map[string]any

func (b blobs) json(v any) (digest.Digest, int) {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b.add(text), len(text)
}

func newFixture(t *testing.T) *fixture {
	return &fixture{
		blobs:    blobs{},
		layers:   [][]byte{archive(t, "d etc", "f etc/a 1"), archive(t, "f etc/a 2", "f etc/b 3"), archive(t, "f .wh.nothing ")},
		types:    []string{oci.MediaTypeLayer, oci.MediaTypeLayerZstd, oci.MediaTypeLayerPlain},
		config:   object{"os": "linux", "architecture": "amd64", "created": "2024-05-06T07:08:09.5Z", "config": object{"User": "7"}},
		manifest: object{"schemaVersion": 2, "mediaType": oci.MediaTypeManifest},
		index:    object{"schemaVersion": 2, "mediaType": oci.MediaTypeIndex},
	}
}

// publish fills in what the documents say of each other, unless it is there.
func (f *fixture) publish(t *testing.T, change func(f *fixture)) *specs.LockedBase {
	var diffIDs, layers []any
	for i, plain := range f.layers {
		blob := pack(t, plain, f.types[i])
		diffIDs = append(diffIDs, digest.Of(plain).String())
		layers = append(layers, object{"mediaType": f.types[i], "digest": f.add(blob).String(), "size": len(blob)})
	}
	f.config["rootfs"] = object{"type": "layers", "diff_ids": diffIDs}
	f.manifest["layers"] = layers
	if change != nil {
		change(f)
	}
	if f.manifest["config"] == nil {
		d, n := f.json(f.config)
		f.manifest["config"] = object{"mediaType": oci.MediaTypeConfig, "digest": d.String(), "size": n}
	}
	d, n := f.json(f.manifest)
	base := &specs.LockedBase{Name: "reg.example/base:1", Repository: "reg.example/base", MediaType: oci.MediaTypeManifest, Digest: d, Size: int64(n)}
	if f.index == nil {
		return base
	}
	if f.index["manifests"] == nil {
		f.index["manifests"] = []any{
			object{"mediaType": oci.MediaTypeManifest, "digest": d.String(), "size": n, "platform": object{"os": "linux", "architecture": "amd64"}},
			object{"mediaType": oci.MediaTypeManifest, "digest": d.String(), "size": n + 1, "platform": object{"os": "unknown", "architecture": "unknown"}},
		}
	}
	d, n = f.json(f.index)
	base.MediaType, base.Digest, base.Size = oci.MediaTypeIndex, d, int64(n)
	return base
}

func (f *fixture) tree(t *testing.T, base *specs.LockedBase, image *specs.LockedImage) (string, error) {
	tree, err := ReadTree(t.Context(), f, base, image, "base:x", newMemory, InTurn)
	if err != nil {
		return "", err
	}
	return describe(t, tree), nil
}

func TestFind(t *testing.T) {
	for _, index := range []bool{true, false} {
		f := newFixture(t)
		if !index {
			f.index = nil
		}
		base := f.publish(t, nil)
		found, err := Find(t.Context(), f, base, amd64)
		if err != nil {
			t.Fatal(err)
		}
		if created := time.Unix(found.Config.Created, 0).UTC().Format(time.RFC3339); created != "2024-05-06T07:08:09Z" || found.Config.Run.User != "7" {
			t.Errorf("got %+v, created %s", found.Config, created)
		}
		if !index && found.Locked.Manifest != base.Digest {
			t.Errorf("got the manifest %s, want the base's own", found.Locked.Manifest)
		}
		if got, err := f.tree(t, base, &found.Locked); err != nil || got != "etc/ etc/a=2 etc/b=3" {
			t.Errorf("got %s, %v", got, err)
		}
	}
}

// Docker's names of the same things.
func TestFindDocker(t *testing.T) {
	f := newFixture(t)
	f.types = []string{"application/vnd.docker.image.rootfs.diff.tar.gzip", "application/vnd.docker.image.rootfs.diff.tar.gzip", "application/vnd.docker.image.rootfs.diff.tar"}
	f.manifest["mediaType"] = oci.DockerManifest
	f.index = nil
	base := f.publish(t, func(f *fixture) {
		f.config["config"] = object{"Hostname": "x", "Healthcheck": object{"Interval": 1}, "OnBuild": []string{"RUN x"}, "Shell": nil, "Image": "y", "Cmd": []string{"sh"}}
		d, n := f.json(f.config)
		f.manifest["config"] = object{"mediaType": oci.DockerConfig, "digest": d.String(), "size": n}
	})
	base.MediaType = oci.DockerManifest
	found, err := Find(t.Context(), f, base, amd64)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"Healthcheck", "OnBuild"}; !reflect.DeepEqual(found.Config.Dropped, want) {
		t.Errorf("dropped %q, want %q", found.Config.Dropped, want)
	}
	if got, err := f.tree(t, base, &found.Locked); err != nil || got != "etc/ etc/a=2 etc/b=3" {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestVariantsOfPlatforms(t *testing.T) {
	for _, c := range []struct {
		has  []string
		want specs.Platform
		ok   bool
	}{
		{[]string{"arm64"}, arm64, true},
		{[]string{"arm64/v8"}, arm64, true},
		{[]string{"arm64/v9"}, arm64, false},
		{[]string{"amd64", "arm64"}, arm64, true},
		{[]string{"amd64/v3"}, amd64, false},
		{[]string{"arm/v7"}, specs.Platform{OS: "linux", Arch: "arm", Variant: "v7"}, true},
		{[]string{"arm/v6"}, specs.Platform{OS: "linux", Arch: "arm", Variant: "v7"}, false},
		{[]string{"arm64", "arm64/v8"}, arm64, false}, // different ones: which?
	} {
		var list []any
		for i, text := range c.has {
			arch, variant, _ := strings.Cut(text, "/")
			list = append(list, object{"mediaType": oci.MediaTypeManifest, "digest": digest.Of([]byte{byte(i)}).String(), "size": 9, "platform": object{"os": "linux", "architecture": arch, "variant": variant}})
		}
		b := blobs{}
		d, _ := b.json(object{"schemaVersion": 2, "manifests": list})
		_, err := Choose(oci.Document{Bytes: b[d], Descriptor: oci.Descriptor{MediaType: oci.MediaTypeIndex}}, c.want)
		if (err == nil) != c.ok {
			t.Errorf("%q for %s: %v", c.has, c.want, err)
		}
	}
}

// What a base says that is wrong, and how the error reads.
func TestHostileDocuments(t *testing.T) {
	layer := func(f *fixture, key string, value any) { f.manifest["layers"].([]any)[0].(object)[key] = value }
	entry := func(f *fixture, key string, value any) {
		d, n := f.json(f.manifest)
		e := object{"mediaType": oci.MediaTypeManifest, "digest": d.String(), "size": n, "platform": object{"os": "linux", "architecture": "amd64"}}
		e[key] = value
		f.index["manifests"] = []any{e}
	}
	const sha512 = "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"
	for want, change := range map[string]func(f *fixture){
		"it has no image for linux/amd64, but linux/s390x": func(f *fixture) {
			entry(f, "platform", object{"os": "linux", "architecture": "s390x"})
		},
		"nothing with a platform":      func(f *fixture) { entry(f, "platform", nil) },
		"another index":                func(f *fixture) { entry(f, "mediaType", oci.MediaTypeIndex) },
		"schema 1":                     func(f *fixture) { entry(f, "mediaType", "application/vnd.docker.distribution.manifest.v1+prettyjws") },
		"want an image index or":       func(f *fixture) { entry(f, "mediaType", "text/plain") },
		"only sha256":                  func(f *fixture) { entry(f, "digest", sha512) },
		"has a size of -1":             func(f *fixture) { entry(f, "size", -1) },
		"more than 4194304":            func(f *fixture) { entry(f, "size", 5<<20) },
		"it lists 1001 manifests":      func(f *fixture) { f.index["manifests"] = make([]object, 1001) },
		"of schema 1, want":            func(f *fixture) { f.index["schemaVersion"] = 1 },
		"calls itself":                 func(f *fixture) { f.manifest["mediaType"] = oci.MediaTypeIndex },
		"another spelling":             func(f *fixture) { f.manifest["Layers"] = []any{} },
		`"Digest" is another spelling`: func(f *fixture) { layer(f, "Digest", digest.Of(nil).String()) },
		`"digeſt" is another spelling`: func(f *fixture) { layer(f, "digeſt", digest.Of(nil).String()) },
		`"oſ" is another spelling`: func(f *fixture) {
			entry(f, "platform", object{"os": "linux", "oſ": "windows", "architecture": "amd64"})
		},
		`"diff_idſ" is another spelling`: func(f *fixture) { f.config["rootfs"].(object)["diff_idſ"] = []string{} },
		`"env" is another spelling`:      func(f *fixture) { f.config["config"] = object{"env": []string{"A=1"}} },
		"it is no image":                 func(f *fixture) { f.manifest["config"] = object{"mediaType": "application/vnd.example+json"} },
		"it has 1001 layers":             func(f *fixture) { f.manifest["layers"] = make([]object, 1001) },
		"layer 1: digest":                func(f *fixture) { layer(f, "digest", sha512) },
		"a foreign one":                  func(f *fixture) { layer(f, "urls", []string{"https://example.com/x"}) },
		"layer 1 is a foreign": func(f *fixture) {
			layer(f, "mediaType", "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip")
		},
		"want a tar archive":      func(f *fixture) { layer(f, "mediaType", "application/vnd.oci.image.layer.v1.squashfs") },
		"3 layers":                func(f *fixture) { f.config["rootfs"].(object)["diff_ids"] = []string{digest.Of(nil).String()} },
		"diff_ids: ":              func(f *fixture) { f.config["rootfs"].(object)["diff_ids"] = []string{sha512} },
		"config is for linux/arm": func(f *fixture) { f.config["architecture"] = "arm" },
		"want \"layers\"":         func(f *fixture) { f.config["rootfs"].(object)["type"] = "other" },
		"cannot parse":            func(f *fixture) { f.config["created"] = "yesterday" },
		"NAME=VALUE":              func(f *fixture) { f.config["config"] = object{"Env": []string{"=x"}} },
		`Env has "", want`:        func(f *fixture) { f.config["config"] = object{"Env": []string{"A=1", ""}} },
		`Env has "A\nB=1"`:        func(f *fixture) { f.config["config"] = object{"Env": []string{"A\nB=1"}} },
		"want an absolute path":   func(f *fixture) { f.config["config"] = object{"WorkingDir": "a/../.."} },
		`"a\nb\x1b[31m", with a`:  func(f *fixture) { f.config["config"] = object{"User": "a\nb\x1b[31m"} },
		"with a NUL character":    func(f *fixture) { f.config["config"] = object{"Cmd": []string{"a\x00"}} },
		"config is for linux/amd64/v3, want linux/amd64": func(f *fixture) { f.config["variant"] = "v3" },
		"cannot unmarshal": func(f *fixture) { f.config["config"] = object{"Env": "x"} },
		"lines of history": func(f *fixture) { f.config["history"] = make([]object, 4001) },
	} {
		f := newFixture(t)
		base := f.publish(t, change)
		_, err := Find(t.Context(), f, base, amd64)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), base.Name) {
			t.Errorf("got %v, want %s", err, want)
		}
		if diag.CodeOf(err) != diag.Usage || diag.HintOf(err) == "" {
			t.Errorf("%v: code %d, hint %q", err, diag.CodeOf(err), diag.HintOf(err))
		}
	}
}

// Bytes that are not what their name says.
func TestLyingBlobs(t *testing.T) {
	f := newFixture(t)
	base := f.publish(t, nil)
	found, err := Find(t.Context(), f, base, amd64)
	if err != nil {
		t.Fatal(err)
	}
	documents := []digest.Digest{base.Digest, found.Locked.Manifest, found.Locked.Config.Digest}
	all := documents
	for _, l := range found.Locked.Layers {
		all = append(all, l.Digest)
	}
	for i, d := range all {
		good := f.blobs[d]
		for _, bad := range [][]byte{good[:len(good)-1], append(good[:len(good):len(good)], 'x'), append([]byte{good[0] ^ 1}, good[1:]...), nil} {
			f.blobs[d] = bad
			if i < len(documents) {
				_, err = Find(t.Context(), f, base, amd64)
			} else {
				_, err = f.tree(t, base, &found.Locked)
			}
			if !errors.Is(err, digest.ErrMismatch) {
				t.Errorf("blob %d, %d bytes for %d: %v", i, len(bad), len(good), err)
			}
		}
		f.blobs[d] = good
	}
	for i := range found.Locked.Layers {
		l := &found.Locked.Layers[i]
		good := l.DiffID
		l.DiffID = digest.Of([]byte("another"))
		if _, err := f.tree(t, base, &found.Locked); !errors.Is(err, digest.ErrMismatch) || !strings.Contains(err.Error(), "the config says") {
			t.Errorf("another diffID: %v", err)
		}
		l.DiffID = good
	}
}

// Blobs that are what they are called, and no layers.
func TestHostileArchives(t *testing.T) {
	plain := archive(t, "f a "+strings.Repeat("x", 5000))
	xattr := &bytes.Buffer{}
	w := tar.NewWriter(xattr)
	w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "a", Mode: 0o4755, PAXRecords: map[string]string{"SCHILY.xattr.security.capability": "\x01"}})
	w.Close()
	big := pack(t, append(archive(t, "f a x"), make([]byte, 64<<20)...), oci.MediaTypeLayer)
	unpackedBig := append(archive(t, "f a x"), make([]byte, 64<<20)...)
	two := append(pack(t, plain[:1024], oci.MediaTypeLayer), pack(t, plain[1024:], oci.MediaTypeLayer)...)
	for _, c := range []struct {
		name        string
		plain, blob []byte
		mediaType   string
		want        string // "" for none
	}{
		{"whole", plain, plain, oci.MediaTypeLayerPlain, ""},
		{"gzip in two parts", plain, two, oci.MediaTypeLayer, ""},
		{"extended attributes", xattr.Bytes(), xattr.Bytes(), oci.MediaTypeLayerPlain, ""},
		{"padded", append(bytes.Clone(plain), make([]byte, 10240)...), append(bytes.Clone(plain), make([]byte, 10240)...), oci.MediaTypeLayerPlain, ""},
		{"cut in a file", plain[:2000], plain[:2000], oci.MediaTypeLayerPlain, "too early"},
		{"cut in a header", plain[:300], plain[:300], oci.MediaTypeLayerPlain, "too early"},
		{"no archive", []byte("<html>" + strings.Repeat("x", 600)), []byte("<html>" + strings.Repeat("x", 600)), oci.MediaTypeLayerPlain, "invalid tar header"},
		{"no gzip", plain, plain, oci.MediaTypeLayer, "gzip"},
		{"no zstd", plain, plain, oci.MediaTypeLayerZstd, "magic"},
		{"gzip that ends early", plain, pack(t, plain, oci.MediaTypeLayer)[:60], oci.MediaTypeLayer, ""},
		{"data after gzip", plain, append(pack(t, plain, oci.MediaTypeLayer), "what nobody asked for"...), oci.MediaTypeLayer, "gzip"},
		{"a bomb", unpackedBig, big, oci.MediaTypeLayer, "unpacks to more than"},
		{"another type", plain, plain, "text/plain", "its type is"},
	} {
		l := locked(c.plain, c.blob, c.mediaType)
		_, err := NewReader(0).ReadLayer(bytes.NewReader(c.blob), l, &memory{})
		switch {
		case c.name == "gzip that ends early":
			if err == nil {
				t.Errorf("%s: accepted", c.name)
			}
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
		if err = about("reg.example/base:1", err); c.want != "" && (diag.CodeOf(err) != diag.Usage || diag.HintOf(err) != "choose another base") {
			t.Errorf("%s: code %d, hint %q", c.name, diag.CodeOf(err), diag.HintOf(err))
		}
	}
}

// sparse is a GNU sparse file of format 1.0, which claims 10 GB.
func sparse() []byte {
	record := func(key, value string) string {
		n := len(key) + len(value) + 3
		for s := fmt.Sprintf("%d %s=%s\n", n, key, value); ; s = fmt.Sprintf("%d %s=%s\n", n, key, value) {
			if len(s) == n {
				return s
			}
			n = len(s)
		}
	}
	records := record("GNU.sparse.major", "1") + record("GNU.sparse.minor", "0") + record("GNU.sparse.name", "a") + record("GNU.sparse.realsize", "10000000000")
	block := func(kind byte, name string, body string) []byte {
		var out bytes.Buffer
		w := tar.NewWriter(&out)
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(body)), Mode: 0o644, Format: tar.FormatUSTAR})
		io.WriteString(w, body)
		w.Flush()
		b := out.Bytes()
		b[156] = kind
		copy(b[148:156], "        ")
		sum := 0
		for _, c := range b[:512] {
			sum += int(c)
		}
		copy(b[148:156], fmt.Sprintf("%06o\x00 ", sum))
		return b
	}
	data := "1\n9999999999\n1\n" + strings.Repeat("\x00", 512-15) + "x"
	return append(append(block('x', "h", records), block('0', "GNUSparseFile.0/a", data)...), make([]byte, 1024)...)
}

func TestSparseFiles(t *testing.T) {
	b := sparse()
	if h, err := tar.NewReader(bytes.NewReader(b)).Next(); err != nil || h.Size != 10_000_000_000 {
		t.Fatalf("the test's own archive: %+v, %v", h, err)
	}
	if _, err := NewReader(0).ReadLayer(bytes.NewReader(b), locked(b, b, oci.MediaTypeLayerPlain), &memory{}); !errors.Is(err, errSparse) {
		t.Errorf("got %v", err)
	}
}

// The limits are of all layers together.
func TestLimitsAreShared(t *testing.T) {
	b := archive(t, "f a "+strings.Repeat("x", 3000))
	rd := NewReader(int64(len(b)) * 5 / 2)
	for i := range 3 {
		_, err := rd.ReadLayer(bytes.NewReader(b), locked(b, b, oci.MediaTypeLayerPlain), &memory{})
		if (err != nil) != (i == 2) {
			t.Errorf("layer %d: %v", i, err)
		}
	}
}

type fullDisk struct{ memory }

var errFull = errors.New("no space left")

func (*fullDisk) WriteAt([]byte, int64) (int, error) { return 0, errFull }

func TestFullDisk(t *testing.T) {
	b := archive(t, "f a 1")
	if _, err := NewReader(0).ReadLayer(bytes.NewReader(b), locked(b, b, oci.MediaTypeLayerPlain), &fullDisk{}); !errors.Is(err, errFull) || diag.CodeOf(about("x", err)) == diag.Usage {
		t.Errorf("got %v", err)
	}
}

func TestPackages(t *testing.T) {
	status := "Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\nProvides: x (= 1), y\n\n" +
		"Package: gone\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: amd64\n\n" +
		"Package: other\nStatus: install ok installed\nVersion: 1\nArchitecture: arm64\n"
	tree, err := lay(t, []string{"f var/lib/dpkg/status.d/b Package: b\nVersion: 2:1-1\nArchitecture: all\n", "f var/lib/dpkg/status.d/b.md5sums x", "f var/lib/dpkg/status " + status})
	if err != nil {
		t.Fatal(err)
	}
	all, err := Packages(tree, "amd64")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range all {
		got = append(got, p.Name+" "+p.Version.String()+" "+p.Provides)
	}
	if text := strings.Join(got, "; "); text != "a 1 x (= 1), y; b 2:1-1 " {
		t.Errorf("got %s", text)
	}
	tree, _ = lay(t, []string{"f var/lib/dpkg/status Package: a\nVersion: 1:\nArchitecture: all\n"})
	if _, err := Packages(tree, "amd64"); err == nil || !strings.Contains(err.Error(), "/var/lib/dpkg/status: package \"a\"") {
		t.Errorf("got %v", err)
	}
}

// Layers that are in a cache are not read on when nobody waits for them.
func TestReadTreeStops(t *testing.T) {
	f := newFixture(t)
	base := f.publish(t, nil)
	found, err := Find(t.Context(), f, base, amd64)
	if err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	first := func(_ context.Context, _ int, do func(context.Context, int) error) error { return do(gone, 0) }
	if _, err := ReadTree(t.Context(), f, base, &found.Locked, "base:x", newMemory, first); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
