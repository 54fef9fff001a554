package registry

import (
	"strings"
	"testing"

	"github.com/basal-project/basal/internal/diag"
)

const zeroed = "sha256:00000000000000000000000000000000000000000000000000000000000000ff"

func TestParse(t *testing.T) {
	cases := []struct{ in, repository, tag, digest string }{
		{"127.0.0.1:5000/static", "127.0.0.1:5000/static", "", ""},
		{"localhost/static:v1", "localhost/static", "v1", ""},
		{"[::1]:5000/a/b:v1", "[::1]:5000/a/b", "v1", ""},
		{"registry.example/team/my-app_x.y:V1.0_a-b", "registry.example/team/my-app_x.y", "V1.0_a-b", ""},
		{"registry.example:443/a@" + zeroed, "registry.example:443/a", "", zeroed},
		{"registry.example/a:v1@" + zeroed, "registry.example/a", "v1", zeroed},
		{"docker.io/library/debian:13", "docker.io/library/debian", "13", ""},
		{"docker.io/debian", "docker.io/library/debian", "", ""},
	}
	c := client(Options{})
	for _, want := range cases {
		ref, err := c.Parse(want.in)
		if err != nil {
			t.Errorf("%s: %v", want.in, err)
			continue
		}
		dig := ""
		if !ref.Digest().IsZero() {
			dig = ref.Digest().String()
		}
		if ref.Repository() != want.repository || ref.Tag() != want.tag || dig != want.digest {
			t.Errorf("%s: got %q, %q, %q", want.in, ref.Repository(), ref.Tag(), dig)
		}
		again, err := c.Parse(ref.String())
		if err != nil || again != ref {
			t.Errorf("%s: written as %s, which reads as %v, %v", want.in, ref, again, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, in := range []string{
		"", "/", "static", "team/static", "registry.example", "registry.example/", "registry.example/A", "registry.example//a",
		"registry.example/../a", "registry.example/a/", "registry.example/a:", "registry.example/a:.x", "registry.example/a:" + strings.Repeat("x", 129),
		"registry.example/a@", "registry.example/a@sha256:00", "registry.example/a@sha512:" + strings.Repeat("0", 127) + "1",
		"registry.example/a@" + zeroed + "@" + zeroed, "https://registry.example/a", "user@registry.example/a", "reg istry.example/a",
		"registry.example/a\n", "registry.example?x/a", "registry.example/" + strings.Repeat("a", 256), "registry.example:port/a",
	} {
		ref, err := client(Options{}).Parse(in)
		if err == nil {
			t.Errorf("%q: got %v, want an error", in, ref)
		} else if diag.CodeOf(err) != diag.Usage || diag.HintOf(err) == "" {
			t.Errorf("%q: got exit code %d and hint %q, want 2 and a hint", in, diag.CodeOf(err), diag.HintOf(err))
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"127.0.0.1:5000/a:b", "docker.io/debian@" + zeroed, "[::1]/x", "a.b/c:d@sha256:x", "x.y//z"} {
		f.Add(s)
	}
	c := client(Options{})
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := c.Parse(s)
		if err != nil {
			if diag.CodeOf(err) != diag.Usage {
				t.Fatalf("%q: exit code %d", s, diag.CodeOf(err))
			}
			return
		}
		again, err := c.Parse(ref.String())
		if err != nil || again != ref {
			t.Fatalf("%q: written as %q, which reads as %v, %v", s, ref, again, err)
		}
	})
}
