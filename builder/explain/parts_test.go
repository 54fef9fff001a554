package explain

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestAlign(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"", "", ""},
		{"a b c", "a b c", "a=a b=b c=c"},
		{"a b c", "a x c", "a=a b=x c=c"},
		{"a b c", "a c", "a=a b=- c=c"},
		{"a c", "a b c", "a=a -=b c=c"},
		{"b c", "a b c d", "-=a b=b c=c -=d"},
		{"a b", "x y", "a=x b=y"},
		{"a b", "", "a=- b=-"},
		{"a b c d", "x d", "a=x b=- c=- d=d"},
		{"a b", "b a", "a=- b=b -=a"},
	} {
		var got []string
		for _, p := range align(named(c.a), named(c.b)) {
			got = append(got, nameOf(p[0])+"="+nameOf(p[1]))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%q and %q: got %q, want %q", c.a, c.b, s, c.want)
		}
	}
}

func named(s string) (all []place) {
	for i, name := range strings.Fields(s) {
		p := place{name: name}
		p.desc.Digest[0], p.desc.Digest[1] = byte(i+1), name[0] // equal only by name, or by place and name
		all = append(all, p)
	}
	return all
}

func nameOf(p *place) string {
	if p == nil {
		return "-"
	}
	return p.name
}

func TestFirstDifference(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 1000)
	for _, c := range []struct {
		a, b string
		want int64 // -1: none
	}{
		{"", "", -1},
		{"a", "", 0},
		{"abc", "abd", 2},
		{"abc", "abcd", 3},
		{long, long, -1},
		{long, long + "x", 16000},
		{long, long[:block], block},
		{long, long[:block-before] + "x" + long[block-before+1:], block - before},
		{long, long[:15999] + "x", 15999},
	} {
		got := firstDifference(strings.NewReader(c.a), strings.NewReader(c.b))
		switch {
		case got == nil && c.want >= 0, got != nil && got.Offset != c.want:
			t.Errorf("%.20q (%d) and %.20q (%d): got %+v, want %d", c.a, len(c.a), c.b, len(c.b), got, c.want)
		case got == nil:
		case got.Start != max(0, c.want-before):
			t.Errorf("at %d: shown from %d", c.want, got.Start)
		case got.A != fmt.Sprintf("%x", cut(c.a, got.Start)) || got.B != fmt.Sprintf("%x", cut(c.b, got.Start)):
			t.Errorf("at %d: shown %s and %s", c.want, got.A, got.B)
		}
	}
}

func cut(s string, from int64) string { return s[from:min(int64(len(s)), from+shown)] }

// FuzzScan holds that no layer makes the reader panic, and that a layer is equal
// to itself.
func FuzzScan(f *testing.F) {
	for _, l := range newFixture().layers {
		unpacked := tarOf(f, l.members)
		f.Add(unpacked)
		f.Add(gzipped(unpacked))
	}
	f.Add([]byte{0x1f, 0x8b})
	f.Fuzz(func(t *testing.T, b []byte) {
		one := scan(bytes.NewReader(b), "application/vnd.oci.image.layer.v1.tar")
		two := scan(bytes.NewReader(b), "application/vnd.oci.image.layer.v1.tar")
		if d := match(one, two); len(d) != 0 {
			t.Errorf("a layer differs from itself: %+v", d)
		}
		if (one.err == nil) == one.diffID.IsZero() {
			t.Errorf("diffID %s, error %v", one.diffID, one.err)
		}
	})
}

// FuzzDiff holds that no document makes Diff panic or pass over a wrong blob.
func FuzzDiff(f *testing.F) {
	good := newFixture().make(f)
	f.Add(good.files["index.json"], good.files["index.json"])
	for _, b := range good.blobs {
		f.Add(good.files["index.json"], b)
	}
	f.Fuzz(func(t *testing.T, index, blob []byte) {
		d := newFixture().make(t)
		d.files["index.json"] = index
		for name := range d.blobs {
			d.blobs[name] = blob
		}
		r := Diff(good, d)
		// One content cannot match the names of five blobs.
		if r.Equal() && bytes.Equal(index, good.files["index.json"]) {
			t.Error("wrong blobs went unnoticed")
		}
		text(t, r)
	})
}
