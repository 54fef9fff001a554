package debian

import (
	"strings"
	"testing"
)

func TestParseDepends(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"a1", "a1"},
		{" libc6 (>=2.38) ,libssl3|libssl3t64( >> 3.0 ), python3:any", "libc6 (>= 2.38), libssl3 | libssl3t64 (>> 3.0), python3:any"},
		{"debconf (>= 0.5) | debconf-2.0", "debconf (>= 0.5) | debconf-2.0"},
		{"gcc:amd64 (= 4:14.2.0-1), x11 (<< 2), y11 (<= 2~),", "gcc:amd64 (= 4:14.2.0-1), x11 (<< 2), y11 (<= 2~)"},
		{"libstdc++6", "libstdc++6"},
	} {
		groups, err := ParseDepends(c.text)
		if got := join(groups); err != nil || got != c.want {
			t.Errorf("%q: got %q, %v, want %q", c.text, got, err, c.want)
		}
	}
}

func TestParseDependsErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"libfoo [amd64]", "source packages only"},
		{"libfoo (>= 1) [!i386]", "source packages only"},
		{"libfoo <!nocheck>", "source packages only"},
		{"libfoo (>= 1) <cross>", "source packages only"},
		{"libfoo (< 1)", "obsolete"},
		{"libfoo (> 1)", "obsolete"},
		{"libfoo (1)", "want one of"},
		{"libfoo (== 1)", "want one of"},
		{"libfoo (>= 1", "closing parenthesis"},
		{"libfoo (>= 1) x", "closing parenthesis"},
		{"libfoo (>= )", "version"},
		{"libfoo (>= ${binary:Version})", "version"},
		{"${misc:Depends}", "not a package name"},
		{"Foo", "not a package name"},
		{"foo |", "not a package name"},
		{"foo bar", "not a package name"},
		{"foo:", "architecture qualifier"},
		{"foo:AMD", "architecture qualifier"},
	} {
		if groups, err := ParseDepends(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, error %v, want %q", c.text, groups, err, c.want)
		}
	}
}

func TestParseProvides(t *testing.T) {
	got, err := ParseProvides("libssl3 (= 3.5.7-1~deb13u2), base, usr-is-merged")
	if err != nil || len(got) != 3 || got[0].String() != "libssl3 (= 3.5.7-1~deb13u2)" || got[1].String() != "base" {
		t.Errorf("got %v, %v", got, err)
	}
	for _, s := range []string{"foo (>= 1)", "foo | bar", "foo (<< 1)"} {
		if got, err := ParseProvides(s); err == nil {
			t.Errorf("%q: got %v, want an error", s, got)
		}
	}
}

func TestAllows(t *testing.T) {
	for _, c := range []struct {
		op                string
		older, same, newr bool
	}{
		{"<<", true, false, false}, {"<=", true, true, false}, {"=", false, true, false},
		{">=", false, true, true}, {">>", false, false, true},
	} {
		groups, err := ParseDepends("foo (" + c.op + " 1.0-1)")
		if err != nil {
			t.Fatal(err)
		}
		for v, want := range map[string]bool{"1.0-1~": c.older, "0:1.0-1": c.same, "1.0-1+b1": c.newr} {
			if got := groups[0][0].Allows(parse(t, v)); got != want {
				t.Errorf("%s allows %s: got %v, want %v", groups[0], v, got, want)
			}
		}
	}
}

// FuzzDepends holds that what was read can be written and reads the same.
func FuzzDepends(f *testing.F) {
	f.Add("libc6 (>=2.38) ,libssl3|libssl3t64( >> 3.0 ), python3:any")
	f.Add("a [amd64], b <x>")
	f.Add("a:b:c (= 1:2:3-4)")
	f.Fuzz(func(t *testing.T, text string) {
		groups, err := ParseDepends(text)
		if err != nil {
			return
		}
		written := join(groups)
		again, err := ParseDepends(written)
		if err != nil || join(again) != written {
			t.Errorf("%q was written as %q and reads as %q, %v", text, written, join(again), err)
		}
	})
}

func join(groups []Group) string {
	var all []string
	for _, g := range groups {
		all = append(all, g.String())
	}
	return strings.Join(all, ", ")
}
