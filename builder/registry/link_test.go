package registry

import (
	"net/url"
	"strings"
	"testing"
)

func TestNextPage(t *testing.T) {
	from, _ := url.Parse("https://registry.example/v2/x/tags/list?n=1000")
	const next = "https://registry.example/v2/x/tags/list?last=a"
	for _, c := range []struct {
		headers []string
		want    string
	}{
		{nil, ""},
		{[]string{""}, ""},
		{[]string{`<?last=a>; rel="next"`}, next},
		{[]string{`<?last=a>;rel=next`}, next},
		{[]string{`<?last=a>; rel = "next"`}, next},
		{[]string{`<?last=a>; rel="Next"`}, next},
		{[]string{`<?last=a>; Rel=NEXT`}, next},
		{[]string{`<?last=a>; title="a,b;c\"d"; rel="prev next"`}, next},
		{[]string{`<?x>; rel="first"`, `<?last=a>; rel="next"`}, next},
		{[]string{`<?x>; rel="first", <?last=a>; rel="next"`}, next},
		{[]string{`<?x>; rel=first,<?last=a>; rel=next, <?y>; rel=last`}, next},
		{[]string{`</v2/x/tags/list?last=a>; rel="next"`}, next},
		{[]string{`<http://registry.example/v2/x/tags/list?last=a>; rel="next"`}, next},
		{[]string{`<?last=a>; rel=nextish`}, ""},
		{[]string{`<?last=a>; rel="first"; rel="next"`}, ""},
		{[]string{`<?last=a>; title="rel=next"`}, ""},
		{[]string{`<?x>; rel`}, ""},
		{[]string{`nonsense`}, ""},
		{[]string{`/v2/x; rel="next"`}, "error"},
		{[]string{`<?x>; rel="next`}, "error"},
		{[]string{`<http://other.example/>; rel="next"`}, "error"},
		{[]string{`<https://registry.example:99999999999/%zz?s3cret>; rel="next"`}, "error"},
	} {
		got, err := nextPage(from, c.headers)
		if err != nil {
			got = "error"
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%q: a secret is in %v", c.headers, err)
			}
		}
		if got != c.want {
			t.Errorf("%q: got %q, %v, want %q", c.headers, got, err, c.want)
		}
	}
}

func FuzzLinks(f *testing.F) {
	f.Add(`<?x>; rel="first", <?last=a>; rel = next; title="a\"b"`)
	f.Fuzz(func(t *testing.T, header string) {
		links, ok := parseLinks(header)
		for _, l := range links {
			if !strings.Contains(header, "<"+l.target+">") {
				t.Errorf("%q is not in %q", l.target, header)
			}
		}
		if again, _ := parseLinks(`<y>; rel=next, ` + header); ok && len(again) != len(links)+1 {
			t.Errorf("%q: a link more makes %d of %d", header, len(again), len(links))
		}
	})
}
