package main

import (
	"strings"
	"testing"
)

// TestOddArguments gives basal what no person would: it must say something, and
// neither panic nor leave anything behind.
func TestOddArguments(t *testing.T) {
	odd := []string{"", " ", "-", "--", "---", "-=", "--=", "--=x", "-\x01", "\xff\xfe", "☃", ".", "..", "/", "//", "/dev/null", "/dev/zero", "%s%n", strings.Repeat("a", 5000), strings.Repeat("../", 1000)}
	u := newUser(t, "http://127.0.0.1:9") // nobody is asked
	for _, arg := range odd {
		for _, args := range [][]string{
			{arg}, {"lock", arg, "--offline"}, {"build", arg, "-o", "out"}, {"build", "img", "-o", arg}, {"explain", arg, arg},
			{"diff", arg, arg}, {"format", arg}, {"build", "img", "-o", "out", "--platform", arg}, {"lock", "img", "--mirror", arg},
		} {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				u := u
				u.t = t
				code, stdout, stderr := u.basal(args...)
				if code == 2 && stdout == "" || len(args) == 1 && code == 0 && stderr == "" {
					return
				}
				t.Errorf("basal %.100q: exit code %d\n%.300s%.1000s", args, code, stdout, stderr)
			})
		}
	}
	t.Cleanup(func() {
		if names := u.names(); names != "" {
			t.Errorf("files are left: %s", names)
		}
	})
}
