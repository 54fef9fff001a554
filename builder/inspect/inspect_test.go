package inspect

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

func text(t *testing.T, r *Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func wants(t *testing.T, got string, lines ...string) {
	t.Helper()
	for _, want := range lines {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in\n%s", want, got)
		}
	}
}

// annotated names d as a base.
func annotated(name string, d oci.Descriptor) map[string]string {
	return map[string]string{specs.BaseName: name, specs.BaseDigest: d.Digest.String()}
}

func TestImage(t *testing.T) {
	s := newStore()
	base := s.index(t, nil, s.image(t, "amd64", nil, "one", "two"), s.image(t, "arm64", nil, "one", "two"))
	notes := annotated("reg.example/base:1", base)
	amd, arm := s.image(t, "amd64", notes, "one", "two", "app"), s.image(t, "arm64", notes, "one", "two", "app")
	attestation := s.image(t, "unknown", nil, "statement")
	attestation.Platform = &oci.Platform{OS: "unknown", Architecture: "unknown"}
	root := s.index(t, notes, amd, arm, attestation)
	s.referrers[root.Digest] = []oci.Descriptor{{ArtifactType: "a/sig"}, {ArtifactType: "a/sbom"}, {ArtifactType: "a/sig"}}
	opt := Options{Name: "reg.example/app", Tag: "latest", Base: func(_ context.Context, name string) (Place, error) {
		if name != "reg.example/base:1" {
			t.Errorf("asked for the base %q", name)
		}
		return s, nil
	}}
	r, err := Image(t.Context(), s, s.document(t, root), opt)
	if err != nil {
		t.Fatal(err)
	}
	got := text(t, r)
	wants(t, got,
		"reg.example/app:latest\n",
		"  digest      "+root.Digest.String()+"\n",
		"linux/amd64  "+short(amd.Digest)+"  9.0 kB  3       2026-11-21T02:10:46Z\n",
		"  1  3.0 kB  3.0 kB  base:1  one\n",
		"  3  3.0 kB  3.0 kB  -       app\n",
		"  entrypoint  [\"/a\", \"b c\"]\n",
		"  env         A=1\n              B=2\n",
		"  ports       80/tcp\n",
		"  reg.example/base:1@"+short(base.Digest)+"  its 2 layers are the first ones\n",
		"(says nothing of a base)\n",
		"  attestation  "+short(attestation.Digest),
		"  index  1 × a/sbom\n  index  2 × a/sig\n",
	)
	if s.asked[base.Digest] != 1 {
		t.Errorf("the base's index was asked for %d times, want once", s.asked[base.Digest])
	}
	for _, n := range []string{"one", "app"} {
		if s.asked[layerOf(n).Digest] != 0 {
			t.Errorf("layer %s was asked for", n)
		}
	}

	opt.Platform = "linux/arm64/v8"
	if r, err = Image(t.Context(), s, s.document(t, root), opt); err != nil {
		t.Fatal(err)
	}
	if len(r.Platforms) != 1 || r.Platforms[0].Platform != "linux/arm64" {
		t.Fatalf("found %+v, want linux/arm64 only", r.Platforms)
	}
	wants(t, text(t, r), "layers of linux/arm64, lowest first\n", "  1  3.0 kB  "+short(layerOf("one").Digest)+"  base:1  one\n")

	opt.Platform = "linux/s390x"
	_, err = Image(t.Context(), s, s.document(t, root), opt)
	if diag.CodeOf(err) != diag.Usage || diag.HintOf(err) != "it has linux/amd64, linux/arm64" {
		t.Errorf("found %v, %q", err, diag.HintOf(err))
	}
}

// A manifest without an index, and one that is no image.
func TestManifest(t *testing.T) {
	s := newStore()
	plain := s.image(t, "amd64", nil, "one")
	plain.Platform = nil
	r, err := Image(t.Context(), s, s.document(t, plain), Options{Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	wants(t, text(t, r), "linux/amd64", "  1  3.0 kB  "+short(layerOf("one").Digest)+"  one\n", "  no referrers\n")
	if _, err := Image(t.Context(), s, s.document(t, plain), Options{Platform: "linux/386"}); diag.CodeOf(err) != diag.Usage {
		t.Errorf("found %v, want a usage error", err)
	}

	empty := s.put("application/vnd.oci.empty.v1+json", "{}")
	sig := s.marshal(t, oci.MediaTypeManifest, map[string]any{
		"schemaVersion": 2, "mediaType": oci.MediaTypeManifest, "artifactType": "a/sig", "config": empty, "layers": []any{layerOf("bundle")},
	})
	if r, err = Image(t.Context(), s, s.document(t, sig), Options{Name: "x"}); err != nil {
		t.Fatal(err)
	}
	wants(t, text(t, r), "no image, but a/sig", short(layerOf("bundle").Digest))
}

// What the registry says of evidence, or does not, is no fault of the image.
func TestEvidenceFault(t *testing.T) {
	s := newStore()
	s.fault = errors.New("no answer")
	r, err := Image(t.Context(), s, s.document(t, s.image(t, "amd64", nil)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	wants(t, text(t, r), "could not be asked for: no answer")
}

func TestBases(t *testing.T) {
	s := newStore()
	deep := s.image(t, "amd64", nil, "one")
	base := s.index(t, annotated("r/deep", deep), s.image(t, "amd64", nil, "one", "two"))
	other := s.image(t, "amd64", nil, "three")
	armOnly := s.index(t, nil, s.image(t, "arm64", nil, "one"))
	twice := s.index(t, nil, s.image(t, "amd64", nil, "one"), s.image(t, "amd64", nil, "two"))
	gone := oci.Descriptor{Digest: digest.Of([]byte("gone"))}
	false1 := s.put(oci.MediaTypeIndex, "{}")
	liar := oci.Descriptor{Digest: digest.Of([]byte("liar"))}
	s.blobs[liar.Digest] = s.blobs[base.Digest]
	circle := digest.Of([]byte("circle"))
	for _, c := range []struct {
		name        string
		annotations map[string]string
		want        []string
	}{
		{"two levels", annotated("r/base", base), []string{
			"r/base@" + short(base.Digest) + "  its 2 layers are the first ones",
			"r/deep@" + short(deep.Digest) + "  its layer is the first one",
			"(says nothing of a base)", "deep  one\n", "base  two\n", "-     app\n"}},
		{"no prefix", annotated("r/other", other), []string{"its 1 layers are not the first ones", "(says nothing of a base)"}},
		{"gone", annotated("r/gone", gone), []string{"r/gone@" + short(gone.Digest) + "  not looked at: ", "file does not exist", "unknown"}},
		{"no registry", annotated("unreachable/x", base), []string{"not looked at: no route"}},
		{"other platform", annotated("r/arm", armOnly), []string{"not looked at: it has no linux/amd64"}},
		{"ambiguous", annotated("r/twice", twice), []string{"not looked at: it has 2 images for linux/amd64"}},
		{"no document", annotated("r/false", false1), []string{"schemaVersion is 0"}},
		{"lying", annotated("r/liar", liar), []string{"content does not match its digest"}},
		{"no digest", map[string]string{specs.BaseName: "r/base"}, []string{"named without a digest"}},
		{"no name", map[string]string{specs.BaseDigest: base.Digest.String()}, []string{"given without a name"}},
		{"sha512", map[string]string{specs.BaseName: "r", specs.BaseDigest: "sha512:00"}, []string{`does not begin with "sha256:"`}},
		{"control", map[string]string{specs.BaseName: "r\x1b[31m\nx", specs.BaseDigest: base.Digest.String()}, []string{`r\x1b[31m\nx@sha256`}},
		{"nothing", nil, []string{"scratch", "(says nothing of a base)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := s.image(t, "amd64", c.annotations, "one", "two", "app")
			r, err := Image(t.Context(), s, s.document(t, root), Options{Name: "x", Base: func(_ context.Context, name string) (Place, error) {
				if strings.HasPrefix(name, "unreachable") {
					return nil, errors.New("no route")
				}
				return s, nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			wants(t, text(t, r), c.want...)
		})
	}

	// A digest that leads back to itself, which no honest place can have; and a
	// chain that is too long.
	t.Run("circle", func(t *testing.T) {
		p := &Platform{Platform: "linux/amd64"}
		c := newChains(nil)
		c.find = func(context.Context, string) (Place, error) { return nil, nil }
		again := map[string]string{specs.BaseName: "r", specs.BaseDigest: circle.String()}
		c.seen["r@"+circle.String()] = func() (found, error) {
			return found{parsed: parsed{MediaType: oci.MediaTypeManifest, Annotations: again}}, nil
		}
		c.follow(t.Context(), p, again, nil)
		if len(p.Bases) != 2 || p.Bases[1].Fault != "the chain goes round in circles" {
			t.Errorf("found %+v", p.Bases)
		}
	})
	t.Run("depth", func(t *testing.T) {
		at := s.image(t, "amd64", nil)
		for i := range maxChain + 3 {
			at = s.image(t, "amd64", annotated(fmt.Sprint("r/", i), at))
		}
		r, err := Image(t.Context(), s, s.document(t, at), Options{Base: func(context.Context, string) (Place, error) { return s, nil }})
		if err != nil {
			t.Fatal(err)
		}
		bases := r.Platforms[0].Bases
		if len(bases) != maxChain+1 || !strings.Contains(bases[maxChain].Fault, "more than 16") {
			t.Errorf("found %d bases, the last %+v", len(bases), bases[len(bases)-1])
		}
	})
}
