package main

import (
	"slices"
	"testing"
)

// TestFindMirrors: options go before the variable, and this machine's apt
// sources serve only when there is neither.
func TestFindMirrors(t *testing.T) {
	for _, c := range []struct {
		options []string
		env     string
		want    []string // of the archive debian
	}{
		{[]string{"http://a.example"}, "http://b.example", []string{"http://a.example/debian"}},
		{[]string{"debian=http://a.example/x", "http://c.example/debian/"}, "", []string{"http://a.example/x", "http://c.example/debian"}},
		{[]string{"debian-security=http://a.example"}, "http://b.example", nil},
		{nil, "http://b.example  http://c.example", []string{"http://b.example/debian", "http://c.example/debian"}},
	} {
		t.Setenv(mirrorVariable, c.env)
		m, err := (&sourceFlags{mirrors: c.options}).findMirrors()
		if got := m.Bases("debian"); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("--mirror %q, %s=%q: got %q, %v, want %q", c.options, mirrorVariable, c.env, got, err, c.want)
		}
	}
}
