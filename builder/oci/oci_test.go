package oci

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/basal-project/basal/builder/layer"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

const epoch = 1_752_510_000

func named(name string) NamedLayer {
	return NamedLayer{Layer: layer.Layer{DiffID: digest.Of([]byte("diff" + name)), Digest: digest.Of([]byte(name)), Size: int64(len(name))}, Name: name}
}

var full = specs.Config{
	User:        "65532:65532",
	Env:         map[string]string{"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt", "PATH": "/usr/bin:/bin"},
	Entrypoint:  []string{"/bin/sh", "-c"},
	Cmd:         []string{"echo <&>"},
	Workdir:     "/home/nonroot",
	Labels:      map[string]string{"b": "2", "a": "1"},
	Annotations: map[string]string{"org.opencontainers.image.title": "test"},
	Ports:       []string{"8080/tcp", "53/udp"},
	Volumes:     []string{"/data"},
	StopSignal:  "SIGINT",
}

func image(t *testing.T, platform string, c specs.Config, layers ...NamedLayer) Image {
	t.Helper()
	p, err := specs.ParsePlatform(platform)
	if err != nil {
		t.Fatal(err)
	}
	i, err := NewImage(p, layers, c, epoch)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// mustBe compares a document with its text, in which %1, %2, … stand for digests.
func mustBe(t *testing.T, d Document, mediaType, want string, digests ...digest.Digest) {
	t.Helper()
	for i, sum := range digests {
		want = strings.ReplaceAll(want, "%"+string(rune('1'+i)), sum.String())
	}
	want = strings.ReplaceAll(want, "\n", "")
	if string(d.Bytes) != want {
		t.Errorf("got\n%s\nwant\n%s", d.Bytes, want)
	}
	if d.Descriptor.MediaType != mediaType || d.Descriptor.Digest != digest.Of(d.Bytes) || d.Descriptor.Size != int64(len(d.Bytes)) {
		t.Errorf("the descriptor is %+v", d.Descriptor)
	}
}

func TestGoldenImage(t *testing.T) {
	one, two := named("tzdata 2025b-4"), named("files of test")
	i := image(t, "linux/arm/v7", full, one, two)
	mustBe(t, i.Config, MediaTypeConfig, `{"architecture":"arm","config":{"Cmd":["echo <&>"],"Entrypoint":["/bin/sh","-c"],
"Env":["PATH=/usr/bin:/bin","SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],
"ExposedPorts":{"53/udp":{},"8080/tcp":{}},"Labels":{"a":"1","b":"2"},"StopSignal":"SIGINT","User":"65532:65532",
"Volumes":{"/data":{}},"WorkingDir":"/home/nonroot"},"created":"2025-07-14T16:20:00Z",
"history":[{"created":"2025-07-14T16:20:00Z","created_by":"basal: tzdata 2025b-4"},
{"created":"2025-07-14T16:20:00Z","created_by":"basal: files of test"}],
"os":"linux","rootfs":{"diff_ids":["%1","%2"],"type":"layers"},"variant":"v7"}`, one.DiffID, two.DiffID)
	mustBe(t, i.Manifest, MediaTypeManifest, `{"annotations":{"org.opencontainers.image.title":"test"},
"config":{"digest":"%1","mediaType":"application/vnd.oci.image.config.v1+json","size":731},
"layers":[{"digest":"%2","mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","size":14},
{"digest":"%3","mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","size":13}],
"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}`, i.Config.Descriptor.Digest, one.Digest, two.Digest)
	ix, err := NewIndex([]Image{i}, full.Annotations)
	if err != nil {
		t.Fatal(err)
	}
	mustBe(t, ix, MediaTypeIndex, `{"annotations":{"org.opencontainers.image.title":"test"},
"manifests":[{"digest":"%1","mediaType":"application/vnd.oci.image.manifest.v1+json",
"platform":{"architecture":"arm","os":"linux","variant":"v7"},"size":609}],
"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2}`, i.Manifest.Descriptor.Digest)
}

// An image with nothing in it still has its lists: the specification demands
// diff_ids and layers, and null is not a list.
func TestEmptyLists(t *testing.T) {
	i := image(t, "linux/amd64", specs.Config{Entrypoint: []string{}, Cmd: []string{}, Ports: []string{}, Volumes: []string{}})
	mustBe(t, i.Config, MediaTypeConfig, `{"architecture":"amd64","config":{},"created":"2025-07-14T16:20:00Z","history":[],"os":"linux",
"rootfs":{"diff_ids":[],"type":"layers"}}`)
	mustBe(t, i.Manifest, MediaTypeManifest, `{"config":{"digest":"%1","mediaType":"application/vnd.oci.image.config.v1+json","size":136},
"layers":[],"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}`, i.Config.Descriptor.Digest)
	ix, err := NewIndex(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	mustBe(t, ix, MediaTypeIndex, `{"manifests":[],"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2}`)
}

// The variant stands in config and index alike, or in neither.
func TestVariants(t *testing.T) {
	for platform, want := range map[string]string{"linux/amd64": "", "linux/arm64": "v8", "linux/arm/v7": "v7", "linux/arm/v5": "v5", "linux/s390x": ""} {
		i := image(t, platform, specs.Config{})
		var config struct{ Architecture, OS, Variant string }
		if err := json.Unmarshal(i.Config.Bytes, &config); err != nil {
			t.Fatal(err)
		}
		p := i.Manifest.Descriptor.Platform
		if config.Variant != want || p.Variant != want || p.Architecture != config.Architecture || p.OS != config.OS {
			t.Errorf("%s: config has %+v, index %+v, want variant %q", platform, config, *p, want)
		}
		if want == "" && strings.Contains(string(i.Config.Bytes), "variant") {
			t.Errorf("%s: an empty variant is written", platform)
		}
	}
}

func TestIndexKeepsTheOrderOfImages(t *testing.T) {
	a, b := image(t, "linux/s390x", specs.Config{}), image(t, "linux/amd64", specs.Config{})
	ix, err := NewIndex([]Image{a, b}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got Index
	if err := json.Unmarshal(ix.Bytes, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Manifests) != 2 || got.Manifests[0].Platform.Architecture != "s390x" || got.Manifests[1].Platform.Architecture != "amd64" {
		t.Errorf("got %+v", got.Manifests)
	}
}

func TestImageTakesNothingFromTheConfigForGood(t *testing.T) {
	c := full
	c.Labels = maps.Clone(full.Labels)
	i := image(t, "linux/amd64", c, named("x"))
	before := string(i.Config.Bytes)
	c.Labels["later"] = "yes"
	if again := image(t, "linux/amd64", full, named("x")); string(again.Config.Bytes) != before || string(i.Config.Bytes) != before {
		t.Error("the config is not a function of its arguments")
	}
}

func TestTimesThatCannotBeWritten(t *testing.T) {
	if _, err := NewImage(specs.Platform{OS: "linux", Arch: "amd64"}, nil, specs.Config{}, 1<<62); err == nil {
		t.Error("a year of 12 digits is written")
	}
}
