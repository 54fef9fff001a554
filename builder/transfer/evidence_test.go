package transfer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/digest"
)

// proved is an image with evidence of each kind. It returns all documents that
// belong to it.
func proved(t testing.TB) (from *memory, root Root, all []oci.Document) {
	t.Helper()
	from = newMemory()
	child := from.image(t, nil, "layer")
	ix := from.index(t, child)
	name := func(tag string, about, doc oci.Document) oci.Document {
		from.tags["sha256-"+about.Descriptor.Digest.Hex()+tag] = doc.Descriptor.Digest
		return doc
	}
	bundle := from.image(t, &ix, "bundle")
	sbom := from.image(t, &child, "sbom")
	stamp := from.image(t, &bundle, "timestamp of the bundle")
	all = []oci.Document{child, ix, bundle, sbom, stamp,
		name(".sig", ix, from.image(t, nil, "signature of cosign 2")),
		name(".att", child, from.image(t, nil, "attestation of cosign 2")),
		name(".0123456789ab", ix, bundle),
	}
	all = append(all, from.image(t, &stamp, "evidence three levels up"))
	name("", ix, from.index(t, bundle)) // the fallback tag, which is the place's own affair
	other := from.image(t, nil, "other")
	from.image(t, &other, "evidence about another image")
	name(".sig", other, from.image(t, nil, "signature of another image"))
	from.tags["latest"] = ix.Descriptor.Digest
	return from, Root{ix, []Tag{{Name: "latest"}}}, all
}

func TestEvidence(t *testing.T) {
	from, root, all := proved(t)
	to := newMemory()
	report := move1(t, from, to, Options{Evidence: from}, root)
	distinct := map[digest.Digest]bool{}
	for _, doc := range all {
		distinct[doc.Descriptor.Digest] = true
		if _, ok := to.docs[doc.Descriptor.Digest]; !ok {
			t.Errorf("%s was left behind", doc.Bytes)
		}
	}
	if len(to.docs) != len(distinct) {
		t.Errorf("%d documents, want %d", len(to.docs), len(distinct))
	}
	if report.Evidence != len(distinct)-2 || report.Documents != len(distinct) || len(report.Strays) != 0 {
		t.Errorf("report %+v", report)
	}
	if n := len(report.Tags); n != 4 || report.Tags[3] != "latest" {
		t.Errorf("tags %q, want three of evidence and then latest", report.Tags)
	}
	to.log = nil
	if report := move1(t, from, to, Options{Evidence: from}, root); report.Written != 0 || len(report.Tags) != 0 {
		t.Errorf("a second time: %+v", report)
	}
	without := newMemory()
	move1(t, from, without, Options{}, root)
	if len(without.docs) != 2 || len(without.tags) != 1 {
		t.Errorf("without evidence there are %d documents, and tags %v", len(without.docs), without.tags)
	}
}

func TestStrays(t *testing.T) {
	from, root, _ := proved(t)
	gone := oci.Descriptor{Digest: digest.Of([]byte("gone")), Size: 3, MediaType: oci.MediaTypeManifest}
	other := from.image(t, nil, "no evidence at all")
	wrong := other.Descriptor
	wrong.MediaType, wrong.Size = "text/plain", 1 // only hints
	from.lists[root.Document.Descriptor.Digest] = []oci.Descriptor{gone, wrong}
	report := move1(t, from, newMemory(), Options{Evidence: from}, root)
	var got []string
	for _, s := range report.Strays {
		got = append(got, fmt.Sprint(short(s.Listed), " ", s.Why))
	}
	slices.Sort(got)
	want := []string{short(gone.Digest) + " it is not there", short(wrong.Digest) + " it does not refer to it"}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A run that ended between a manifest and its entry in the list of referrers.
func TestTargetThatDoesNotList(t *testing.T) {
	from, root, _ := proved(t)
	to := newMemory()
	move1(t, from, to, Options{Evidence: from}, root)
	to.deaf = true
	to.on = func(m *memory, e string) error {
		if strings.HasPrefix(e, "put ") {
			m.deaf = false
		}
		return nil
	}
	move1(t, from, to, Options{Evidence: from}, root)
	if to.deaf {
		t.Error("nothing was put again")
	}
	to.deaf, to.on = true, nil
	_, err := Move(context.Background(), from, to, []Root{root}, Options{Evidence: from})
	if err == nil || !strings.Contains(err.Error(), "does not list it") {
		t.Errorf("got %v", err)
	}
}

func TestEvidenceWithoutEnd(t *testing.T) {
	from, root := sample(t)
	about := root.Document
	for i := range maxChain + 1 {
		about = from.image(t, &about, fmt.Sprint("evidence ", i))
	}
	to := newMemory()
	_, err := Move(context.Background(), from, to, []Root{root}, Options{Evidence: from})
	if err == nil || !strings.Contains(err.Error(), "evidence about evidence") || len(to.log) > 0 {
		t.Errorf("got %v, and %d requests", err, len(to.log))
	}
}

// A place where anybody may push must not be able to make a copy endless.
func TestTooMuchEvidence(t *testing.T) {
	from, root := sample(t)
	many := make([]oci.Descriptor, maxNodes+1)
	from.lists[root.Document.Descriptor.Digest] = many
	_, err := Move(context.Background(), from, newMemory(), []Root{root}, Options{Evidence: from})
	if err == nil || !strings.Contains(err.Error(), "more than 10000 referrers") {
		t.Errorf("got %v", err)
	}
}

// What only the target knows about an image is not lost to a tag of the same name.
func TestEvidenceOfTheTarget(t *testing.T) {
	from, root, _ := proved(t)
	tag := "sha256-" + root.Document.Descriptor.Digest.Hex() + ".sig"
	to := newMemory()
	move1(t, from, to, Options{Evidence: from}, root)
	own := to.image(t, nil, "signature of somebody else")
	theirs := to.tags[tag]
	to.tags[tag] = own.Descriptor.Digest
	to.log = nil
	_, err := Move(context.Background(), from, to, []Root{root}, Options{Evidence: from})
	if err == nil || !strings.Contains(err.Error(), own.Descriptor.Digest.String()) || !strings.Contains(err.Error(), theirs.String()) {
		t.Errorf("got %v", err)
	}
	if to.tags[tag] != own.Descriptor.Digest || to.count("put", "upload", "tag ") > 0 {
		t.Errorf("written: %q", to.log)
	}
	// One signature more, as cosign adds it.
	both := from.image(t, nil, "signature of cosign 2", "signature of somebody else")
	from.tags[tag] = both.Descriptor.Digest
	if report := move1(t, from, to, Options{Evidence: from}, root); !slices.Equal(report.Tags, []string{tag}) {
		t.Errorf("tags %q were set", report.Tags)
	}
	move1(t, from, to, Options{Evidence: from}, root)
}
