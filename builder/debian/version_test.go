package debian

import (
	"cmp"
	"slices"
	"testing"
)

// ascending holds versions in order, those of one row being equal in rank.
var ascending = [][]string{
	{"0~~"}, {"0~~a"}, {"0~"}, {"0", "00", "0-0", "0:0", "0-00"}, {"0-0.1"}, {"0a"}, {"0+"},
	{"1.0~~"}, {"1.0~~a"}, {"1.0~"}, {"1.0~rc1"}, {"1.0~rc2"}, {"1.0~rc10"}, {"1.0-0~1"}, {"1.0", "1.0-0", "1.00", "0:1.0"},
	{"1.0-1~bpo13+1"}, {"1.0-1", "1.0-01"}, {"1.0-1+b1"}, {"1.0-1+b10"}, {"1.0-1.1"}, {"1.0-2"}, {"1.0-10"},
	{"1.0+dfsg-1"}, {"1.0-1-1"}, {"1.0.1"}, {"1.2a"}, {"1.2b"}, {"1.10"},
	{"2.41-12+deb13u3"}, {"2.41-12+deb13u4"}, {"3.5.6-1~deb13u2"}, {"3.5.6-1"},
	{"20250419~deb12u1"}, {"20250419"}, {"20250419+deb13u1"},
	{"99999999999999999999999999998"}, {"99999999999999999999999999999"},
	{"1:0~"}, {"1:0"}, {"1:1.37.0-6+b9"}, {"1:2:3-1"}, {"2147483647:0"},
}

func TestVersionOrder(t *testing.T) {
	for i, row := range ascending {
		for j, other := range ascending {
			for _, a := range row {
				for _, b := range other {
					if got, want := sign(parse(t, a).Compare(parse(t, b))), cmp.Compare(i, j); got != want {
						t.Errorf("compare %s with %s: got %d, want %d", a, b, got, want)
					}
				}
			}
		}
	}
}

// TestVersionOrderLaws holds the laws of an order for all triples of the short
// versions over an alphabet that has every rank.
func TestVersionOrderLaws(t *testing.T) {
	var all []Version
	for _, a := range []string{"0", "1", "10"} {
		for _, b := range []string{"", "~", "~1", "a", "+", ".0", "~~", "a~", "00"} {
			for _, c := range []string{"", "-0", "-1", "-~", "-a"} {
				all = append(all, parse(t, a+b+c))
			}
		}
	}
	slices.SortFunc(all, Version.Compare)
	for i, v := range all {
		for j, w := range all {
			c := v.Compare(w)
			if sign(c) != -sign(w.Compare(v)) {
				t.Fatalf("%s and %s are not antisymmetric", v, w)
			}
			if i < j && c > 0 {
				t.Fatalf("%s sorts before %s but is newer: the order is not transitive", v, w)
			}
		}
	}
}

func TestParseVersionErrors(t *testing.T) {
	for _, s := range []string{"", ":1", "a", "a:1", "-1:1", "+1:1", "2147483648:1", "1:", "1-", "-1", "~1", ".1",
		"1_0", "1 0", "1.0-1:2", "1:1-2:3", "1.0é", "1/2", "1\n", "99999999999999999999:1"} {
		if v, err := ParseVersion(s); err == nil {
			t.Errorf("%q: got %+v, want an error", s, v)
		}
	}
}

// FuzzVersionOrder holds the laws of an order, and that text survives.
func FuzzVersionOrder(f *testing.F) {
	for i := range ascending {
		f.Add(ascending[i][0], ascending[(i+1)%len(ascending)][0], ascending[(i+7)%len(ascending)][0])
	}
	f.Fuzz(func(t *testing.T, a, b, c string) {
		var v [3]Version
		for i, s := range []string{a, b, c} {
			var err error
			if v[i], err = ParseVersion(s); err != nil {
				return
			}
			if v[i].String() != s {
				t.Errorf("%q became %q", s, v[i])
			}
		}
		ab, bc, ac := v[0].Compare(v[1]), v[1].Compare(v[2]), v[0].Compare(v[2])
		if v[0].Compare(v[0]) != 0 || sign(ab) != -sign(v[1].Compare(v[0])) {
			t.Errorf("%q, %q: not reflexive or not antisymmetric", a, b)
		}
		if ab <= 0 && bc <= 0 && (ac > 0 || ac == 0 && (ab < 0 || bc < 0)) {
			t.Errorf("%q, %q, %q: not transitive", a, b, c)
		}
	})
}

func sign(n int) int { return cmp.Compare(n, 0) }

func parse(t *testing.T, s string) Version {
	t.Helper()
	v, err := ParseVersion(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
