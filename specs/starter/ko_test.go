package starter

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestFromKo(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		want  []string // package path ldflags tags
		notes []string // parts of them
	}{
		"nothing":    {"", nil, nil},
		"a build":    {"builds: [{id: api, dir: ., main: ./cmd/api}]", []string{"./cmd/api /usr/bin/api [] []"}, nil},
		"no folders": {"builds: [{id: api}]", []string{". /usr/bin/api [] []"}, nil},
		"no name":    {"builds: [{}, {id: \"a b\", dir: ..}]", []string{". /usr/bin/app [] []"}, []string{"build a b is left out: another one is at /usr/bin/app"}},
		"a file":     {"builds: [{main: cmd/api/main.go}, {main: main.go, id: b}]", []string{"./cmd/api /usr/bin/api [] []", ". /usr/bin/b [] []"}, nil},
		"a module":   {"builds: [{dir: ./mod, main: ./cmd/api}]", []string{"./mod/cmd/api /usr/bin/api [] []"}, nil},
		"ldflags": {"builds: [{id: a, ldflags: [-s -w, -X main.v=1, \"-X 'a.b=c d'\", '-X=main.t={{ .Env.T }}', -extldflags=-static, -X x=y, -X=runtime.modinfo=x, -X, main.z=1, -s]}]",
			[]string{". /usr/bin/a [-s -w -X=main.v=1 -X=a.b=c d -X=main.z=1] []"},
			[]string{"ldflag -X=main.t={{ .Env.T }} is not carried over: it is a template", "-extldflags=-static is not carried over", "-X=x=y is not carried over: want", "-X=runtime.modinfo=x is not carried over: a spec sets no variables of Go's runtime"}},
		"one text": {"builds: [{id: a, ldflags: -s -w, flags: -tags netgo -v}]", []string{". /usr/bin/a [-s -w] [netgo]"}, []string{"flag -v is not"}},
		"flags": {"builds: [{id: a, flags: [-trimpath, '-tags=a,b', --tags, \"c\", -mod=vendor, '-tags=d!']}]",
			[]string{". /usr/bin/a [] [a b c]"}, []string{"flag -mod=vendor", "tag d! is not"}},
		"env":          {"builds: [{id: a, env: [CGO_ENABLED=0, GOAMD64=v3], linux_capabilities: net_admin}]", []string{". /usr/bin/a [] []"}, []string{"env GOAMD64=v3", "linux_capabilities"}},
		"defaults":     {"defaultLdflags: [-s]\ndefaultFlags: [-tags=x]\nbuilds: [{id: a}, {id: b, main: b, ldflags: [-w]}]", []string{". /usr/bin/a [-s] [x]", "./b /usr/bin/b [-w] [x]"}, nil},
		"base":         {"defaultBaseImage: r.example/x\nbaseImageOverrides: {a: b}\ndefaultPlatforms: [linux/amd64]", nil, []string{"--from takes a base", "an image has one base", "--platform takes them"}},
		"odd folders":  {"builds: [{dir: /abs}, {main: ./...}, {main: a b}]", nil, []string{"build #0 is left out", "build #1 is left out", "build #2 is left out"}},
		"open quote":   {"builds: [{id: a, ldflags: [\"-X 'a.b=c\"]}]", []string{". /usr/bin/a [-X=a.b=c] []"}, nil},
		"open pattern": {"builds: [{id: a, ldflags: ['-X a.b={{ .X']}]", []string{". /usr/bin/a [] []"}, []string{"it is a template"}},
	} {
		t.Run(name, func(t *testing.T) {
			programs, notes, err := FromKo(".ko.yaml", []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range programs {
				got = append(got, fmt.Sprint(p.Package, " ", p.Path, " ", p.Ldflags, " ", p.Tags))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("found %q, want %q", got, c.want)
			}
			for i, n := range notes {
				if i >= len(c.notes) || !strings.Contains(n, c.notes[i]) {
					t.Errorf("found the note %q, want %q", n, c.notes)
				}
			}
			if len(notes) < len(c.notes) {
				t.Errorf("found %d notes, want %q", len(notes), c.notes)
			}
			if _, err := Spec("image.yaml", Options{Name: "a", Platforms: amd64, Extends: "static", Programs: programs}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestBadKo(t *testing.T) {
	for _, text := range []string{
		"builds: x", "builds: [{ldflags: {a: b}}]", "a: [", "builds: [" + strings.Repeat("{},", 101) + "]", strings.Repeat("#", maxKo+1),
	} {
		if _, _, err := FromKo(".ko.yaml", []byte(text)); err == nil || !strings.HasPrefix(err.Error(), ".ko.yaml") {
			t.Errorf("%.40q: found %v", text, err)
		}
	}
}

// Whatever is in a .ko.yaml, a spec comes of it or an error does.
func FuzzFromKo(f *testing.F) {
	f.Add([]byte("builds: [{id: a, dir: b, main: c, ldflags: [\"-X 'a.b={{.X}}'\"], flags: [-tags, x]}]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		programs, _, err := FromKo(".ko.yaml", b)
		if err != nil {
			return
		}
		for _, p := range programs {
			if p.Package == "" || p.Path == "" {
				t.Errorf("found %+v", p)
			}
		}
	})
}
