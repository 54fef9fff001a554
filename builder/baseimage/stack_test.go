package baseimage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/basal-project/basal/builder/oci"
)

func layers(text string) (all [][]string) {
	for l := range strings.SplitSeq(text, " / ") {
		all = append(all, strings.Split(l, ", "))
	}
	return all
}

// Entries are separated by ", " and layers by " / ".
func TestLayersOverEachOther(t *testing.T) {
	for text, want := range map[string]string{
		"d etc, f etc/a 1":                                  "etc/ etc/a=1",
		"f a/b/c 1":                                         "a/ a/b/ a/b/c=1", // parents that nobody describes
		"d ./, d ./etc 700, f ./etc/a 1":                    "etc/700 etc/a=1",
		"f /etc/a 1, f //etc//b 2":                          "etc/ etc/a=1 etc/b=2",
		"d a 1777, f a/x 1 / d a 700":                       "a/700 a/x=1",
		"f a 1, f a 2":                                      "a=2", // the last of several counts
		"d a, f a/x 1, f a 2":                               "a=2",
		"f a 1 / d a, f a/x 2":                              "a/ a/x=2",
		"d a, f a/x 1 / f a 2":                              "a=2",
		"d a, f a/x 1 / l a b":                              "a->b",
		"f a 1, f b 2 / f .wh.a ":                           "b=2",
		"d a, f a/x 1 / f .wh.a ":                           "",
		"f b 2 / f .wh.a ":                                  "b=2",
		"f b 2 / f a/.wh.b ":                                "b=2",
		"f a 1 / f a/.wh.b ":                                "a=1",
		"f .wh.a , f a 1":                                   "a=1", // nothing of its own layer
		"f a 1, f .wh.a ":                                   "a=1",
		"f a 1 / f a 2, f .wh.a ":                           "a=2",
		"d a 700, f a/x 1 / f .wh.a , f a/y 2":              "a/ a/y=2",
		"d a 700, f a/x 1 / f a/y 2, f .wh.a ":              "a/ a/y=2",
		"d a 700, f a/x 1 / f a/y 2, f a/.wh..wh..opq ":     "a/700 a/y=2",
		"d a 700, f a/x 1 / f a/.wh..wh..opq , f a/y 2":     "a/700 a/y=2",
		"f a/b/c 1, f a/d 2 / f a/b/e 3, f a/.wh..wh..opq ": "a/ a/b/ a/b/e=3",
		"f a 1, f b/c 2 / f .wh..wh..opq , f d 3":           "d=3",
		"f b 2 / f a/.wh..wh..opq ":                         "b=2",
		"f a 1 / f a/.wh..wh..opq ":                         "a=1",
		"d usr/lib, l lib usr/lib / f lib/x 1":              "lib->usr/lib usr/ usr/lib/ usr/lib/x=1",
		"d usr/lib, l lib /usr/lib / f lib/x 1":             "lib->/usr/lib usr/ usr/lib/ usr/lib/x=1",
		"d usr/lib, l lib usr/lib / d lib, f lib/x 1":       "lib/ lib/x=1 usr/ usr/lib/", // a directory takes the link's place
		"f usr/lib/x 1, l lib usr/lib / f lib/.wh.x ":       "lib->usr/lib usr/ usr/lib/",
		"f b/x 1, l a b / d a, f a/.wh.x ":                  "a/ b/ b/x=1",
		"f b/x 1, l a b / f .wh.a ":                         "b/ b/x=1",               // the link, not what it leads to
		"l a ../../../b / f a/x 1":                          "a->../../../b b/ b/x=1", // never above the root
		"l a b / f a/x 1":                                   "a->b b/ b/x=1",
		"f a 1, h b a":                                      "a=1 b=1@a",
		"f b 1, h a b":                                      "a=1 b=1@a",
		"f a 1, h b a, h c b":                               "a=1 b=1@a c=1@a",
		"f a 1 / h b a":                                     "a=1 b=1@a",
		"f a 1, h b a / f a 2":                              "a=2 b=1",
		"f a 1, h b a / f .wh.a ":                           "b=1",
		"f a 1, h b a, h c a / f .wh.a ":                    "b=1 c=1@b",
		"l a x, h b a":                                      "a->x b->x",
		"f u/a 1, l v u / h v/b v/a":                        "u/ u/a=1 u/b=1@u/a v->u",
		"f a 1, f b 2 / h b a":                              "a=1 b=1@a",
	} {
		tree, err := lay(t, layers(text)...)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := describe(t, tree); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestHostileLayers(t *testing.T) {
	deep := strings.Repeat("d/", 300)
	for text, want := range map[string]string{
		"f ../a 1":                              "..",
		"f a/../../b 1":                         "..",
		"h b ../a":                              "..",
		"f a/.wh.b/c 1":                         "means a deletion",
		"d .wh.a":                               "means a deletion",
		"f .wh. ":                               "deletes nothing",
		"f .wh.. ":                              "deletes nothing",
		"f .wh... ":                             "deletes nothing", // the parent
		"f a/.wh... ":                           "deletes nothing",
		"f .wh..wh.aufs ":                       "deletes nothing",
		"c dev/null":                            "devices",
		"p fifo":                                "fifos",
		"f a 1, f a/b 2":                        "below a file",
		"f a 1 / f a/b 2":                       "below a file",
		"h a b, h b a":                          "no file that is there before",
		"h a a":                                 "no file that is there before",
		"f a 1, h a a":                          "no file that is there before",
		"d d, h a d":                            "no file that is there before",
		"h b a, f a 1":                          "no file that is there before",
		"f a 1 / f .wh.a , h b a":               "no file that is there before",
		"l a b, l b a / f a/x 1":                "too many symlinks",
		"l a a / f a/x 1":                       "too many symlinks",
		"l a a/b / f a/x 1":                     "too many symlinks",
		"l a ":                                  "unusable symlink target",
		"f ./. 1":                               "the root is not a directory",
		"l . x":                                 "the root is not a directory",
		"f " + deep + "x 1":                     "within each other",
		"f " + strings.Repeat("x", 5000) + " 1": "a name of 5000 bytes",
		"l a " + strings.Repeat("x", 5000):      "a target of 5000 bytes",
		"d a, l a/b . / f " + strings.Repeat("a/", 3) + "x 1, l c " + strings.Repeat("y/", 200) + " / l " + strings.Repeat("y/", 200) + "d " + strings.Repeat("z/", 200) + " / f c/d/x 1": "within each other",
	} {
		tree, err := lay(t, layers(text)...)
		if err == nil {
			t.Errorf("%.60s: it is accepted, as %s", text, describe(t, tree))
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %s", text, err, want)
		}
	}
}

// A short name that leads far through a link must not cost memory for each entry.
func TestLongPathsThroughLinks(t *testing.T) {
	far := strings.Repeat(strings.Repeat("y", 100)+"/", 40)
	lines := []string{"l s " + far}
	for i := range 36_000 {
		lines = append(lines, "f s/"+strings.Repeat("z", 40)+string(rune('a'+i%26))+strings.Repeat("q", i/2600)+" ")
	}
	if _, err := lay(t, []string{lines[0]}, lines[1:]); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("got %v", err)
	}
}

// Deletions over and over must not cost a step for each entry each time.
func TestManyDeletions(t *testing.T) {
	var lines []string
	for range 20_000 {
		lines = append(lines, "f d/x"+strings.Repeat("y", len(lines)%200)+string(rune('a'+len(lines)/200%26))+string(rune('a'+len(lines)/5200))+" ", "f d/.wh..wh..opq ")
	}
	if _, err := lay(t, lines); err == nil || !strings.Contains(err.Error(), "too many steps") {
		t.Errorf("got %v", err)
	}
}

// Long links that follow each other must cost no more than the steps that are
// counted: neither time for what is never reached, nor memory.
func TestLongLinks(t *testing.T) {
	var lines []string
	for i := range 38 {
		lines = append(lines, fmt.Sprintf("l s%d s%d%s", i, i+1, strings.Repeat("/.", 2040)))
	}
	for range 5000 {
		lines = append(lines, "f s0/.wh.x ")
	}
	layer := func(lines []string) *Layer {
		b := archive(t, lines...)
		l, err := NewReader(0).ReadLayer(bytes.NewReader(b), locked(b, b, oci.MediaTypeLayerPlain), &memory{})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	for last, want := range map[string]error{"l x nowhere": nil, "l s38 .": errTooBig} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		all := append([]string{last}, lines...)
		if err := new(Stack).Add(ctx, layer(all)); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", last, err, want)
		}
		cancel()
		if err := new(Stack).Add(ctx, layer(all)); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: nobody waits any more, and got %v", last, err)
		}
	}
}
