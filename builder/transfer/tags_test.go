package transfer

import (
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/digest"
)

func TestFixedTag(t *testing.T) {
	from, root := sample(t)
	to := newMemory()
	other := to.image(t, nil, "other")
	to.tags["latest-2025"] = other.Descriptor.Digest
	_, err := Move(context.Background(), from, to, []Root{root}, Options{})
	if err == nil || !strings.Contains(err.Error(), "latest-2025 never moves") {
		t.Errorf("got %v", err)
	}
	if to.count("upload", "put", "tag ") > 0 {
		t.Errorf("something was written: %q", to.log)
	}
}

func TestTagsThatContradict(t *testing.T) {
	from, root := sample(t)
	other := from.image(t, nil, "other")
	for want, roots := range map[string][]Root{
		"is to name both": {root, {other, []Tag{{Name: "latest"}}}},
		"internal error":  {{root.Document, []Tag{{Name: "x", Digest: other.Descriptor.Digest}}}},
	} {
		to := newMemory()
		if _, err := Move(context.Background(), from, to, roots, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if len(to.tags) > 0 {
			t.Errorf("tags %v were set", to.tags)
		}
	}
}

// Each tag speaks for itself, a fixed one for as long as the others are right.
func TestTagsOfARerun(t *testing.T) {
	other := digest.Of([]byte("another push"))
	for _, c := range []struct {
		wrong string // tags that are not right, "" for none
		all   bool
		want  string
		asked int // requests for manifests
	}{
		{"", false, "", 3},
		{"", true, "", 4},
		{"latest-2025", false, "", 3},
		{"latest-2025", true, "latest-2025", 0},
		{"latest-amd64", false, "latest-amd64", 0},
		{"latest", false, "latest", 0},
		{"latest-2025 latest-arm64", false, "latest-2025 latest-arm64", 0},
		{"latest-2025 latest", false, "latest-2025 latest", 0},
	} {
		from, root := sample(t)
		to := newMemory()
		move1(t, from, to, Options{}, root)
		for _, tag := range strings.Fields(c.wrong) {
			to.tags[tag] = other
			if tag == "latest-2025" {
				delete(to.tags, tag)
			}
		}
		to.log = nil
		report := move1(t, from, to, Options{AllTags: c.all}, root)
		if got := strings.Join(report.Tags, " "); got != c.want {
			t.Errorf("%q wrong: tags %q were set, want %q", c.wrong, got, c.want)
		}
		if n := to.count("tagged", "has"); c.asked > 0 && n != c.asked {
			t.Errorf("%q wrong: %d requests, want %d: %q", c.wrong, n, c.asked, to.log)
		}
	}
}

// Another run that is faster with one tag, or with all but one, is told of with
// the state in which the tags were left; the next run mends it.
func TestConcurrentPushes(t *testing.T) {
	for _, when := range []string{"tag latest-amd64", "tagged latest-arm64", "tag latest"} {
		from, root := sample(t)
		to := newMemory()
		other := to.image(t, nil, "other")
		to.on = func(m *memory, e string) error {
			if e == when && m.count("tag latest-2025") > 0 {
				m.tags["latest-amd64"], m.tags["latest-arm64"] = other.Descriptor.Digest, other.Descriptor.Digest
			}
			return nil
		}
		_, err := Move(context.Background(), from, to, []Root{root}, Options{})
		if err == nil || !strings.Contains(err.Error(), "somebody else changed tag latest-a") ||
			!strings.Contains(err.Error(), "tag latest-2025 names "+root.Document.Descriptor.Digest.String()+", as it shall") {
			t.Errorf("%s: got %v", when, err)
		}
		to.on = nil
		move1(t, from, to, Options{}, root)
		for _, tag := range root.Tags {
			want := tag.Digest
			if want.IsZero() {
				want = root.Document.Descriptor.Digest
			}
			if to.tags[tag.Name] != want {
				t.Errorf("%s: a second run leaves tag %s at %s", when, tag.Name, to.tags[tag.Name])
			}
		}
	}
}

// zot and others delete what a tag named before; here also what the new image
// needs.
func TestRegistryThatDeletesWhenATagMoves(t *testing.T) {
	from, root := sample(t)
	to := newMemory()
	old := to.image(t, nil, "old")
	to.tags["latest"] = old.Descriptor.Digest
	victim := root.Tags[1].Digest
	to.on = func(m *memory, e string) error {
		if e == "tag latest" {
			delete(m.docs, old.Descriptor.Digest)
			delete(m.docs, victim)
		}
		return nil
	}
	move1(t, from, to, Options{}, root)
	if _, ok := to.docs[victim]; !ok {
		t.Error("a child that went with the old image was not put back")
	}
	if _, ok := to.docs[old.Descriptor.Digest]; !ok {
		t.Error("the old image, which may be needed by its digest, was not put back")
	}
	// One that will not be helped is told of.
	to.tags["latest"] = old.Descriptor.Digest
	to.on = func(m *memory, e string) error {
		if e == "tag latest" || strings.HasPrefix(e, "put ") && m.count("tag latest") > 0 {
			delete(m.docs, victim)
		}
		return nil
	}
	to.log = nil
	_, err := Move(context.Background(), from, to, []Root{root}, Options{})
	if err == nil || !strings.Contains(err.Error(), "when tags move") {
		t.Errorf("got %v", err)
	}
}

func TestSomebodyElseAtWork(t *testing.T) {
	stranger := digest.Of([]byte("stranger"))
	for when, c := range map[string]struct {
		event string // at which somebody moves the tag
		to    digest.Digest
		fails bool
	}{
		"while content is written": {"blob", stranger, true},
		"after the tag was set":    {"tagged", stranger, true},
		"to the same end":          {"put", digest.Digest{}, false},
	} {
		from, root := sample(t)
		to := newMemory()
		to.tags["latest"] = digest.Of([]byte("before"))
		if c.to.IsZero() {
			c.to = root.Document.Descriptor.Digest
		}
		to.on = func(m *memory, e string) error {
			if strings.HasPrefix(e, c.event) && (c.event != "tagged" || m.count("tag latest") > 1) {
				m.tags["latest"] = c.to
			}
			return nil
		}
		_, err := Move(context.Background(), from, to, []Root{root}, Options{})
		if c.fails != (err != nil) || err != nil && !strings.Contains(err.Error(), "somebody else changed tag latest") {
			t.Errorf("%s: got %v", when, err)
		}
		if c.event == "blob" && len(to.tags) > 1 {
			t.Errorf("%s: tags %v were set", when, to.tags)
		}
	}
}

func TestSwappedTags(t *testing.T) {
	from := newMemory()
	a, b := from.image(t, nil, "a"), from.image(t, nil, "b")
	to := newMemory()
	roots := func(a, b oci.Document) []Root { return []Root{{a, []Tag{{Name: "a"}}}, {b, []Tag{{Name: "b"}}}} }
	move1(t, from, to, Options{}, roots(a, b)...)
	to.on = func(m *memory, e string) error { // what a tag leaves is deleted
		if tag, ok := strings.CutPrefix(e, "tag "); ok {
			delete(m.docs, m.tags[tag])
		}
		return nil
	}
	move1(t, from, to, Options{}, roots(b, a)...)
	want := map[string]digest.Digest{"a": b.Descriptor.Digest, "b": a.Descriptor.Digest}
	if !maps.Equal(to.tags, want) || len(to.docs) != 2 {
		t.Errorf("tags %v, want %v; %d documents, want 2", to.tags, want, len(to.docs))
	}
}
