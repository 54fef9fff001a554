package explain

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/digest"
)

func TestEqualImages(t *testing.T) {
	a, b := newFixture().make(t), newFixture().make(t)
	b.files["manifest.json"] = []byte("[]\n")                               // b is an archive
	b.files["oci-layout"] = []byte("{\"imageLayoutVersion\": \"1.0.0\"}\n") // as skopeo writes it
	r := Diff(a, b)
	if !r.Equal() || text(t, r) != "" {
		t.Errorf("got %s", text(t, r))
	}
}

// TestDifferences changes one thing in b and looks for the words that name it.
func TestDifferences(t *testing.T) {
	const layer1, layer2 = "latest linux/amd64 layer 1 (base-files): ", "latest linux/amd64 layer 2 (tzdata): "
	for name, c := range map[string]struct {
		change func(b *fixture)
		want   []string
	}{
		"mode":   {func(b *fixture) { b.member("etc/hosts").Mode = 0o600 }, []string{layer1 + "entries differ", "  /etc/hosts: mode is 0644 in a, 0600 in b\n"}},
		"owner":  {func(b *fixture) { b.member("etc/").Uid = 7 }, []string{"  /etc: owner is 0:0 in a, 7:0 in b\n"}},
		"names":  {func(b *fixture) { b.member("etc/").Uname = "root" }, []string{"  /etc: owner names is : in a, root: in b\n"}},
		"link":   {func(b *fixture) { b.member("lib").Linkname = "lib64" }, []string{"  /lib: link is usr/lib in a, lib64 in b\n"}},
		"kind":   {func(b *fixture) { b.member("lib").Typeflag = tar.TypeLink }, []string{"  /lib: kind is symlink in a, hardlink in b\n"}},
		"mtime":  {func(b *fixture) { b.member("zone").ModTime = time.Unix(1, 0) }, []string{layer2, "  /zone: mtime is 1970-01-01T00:00:00Z in a, 1970-01-01T00:00:01Z in b\n"}},
		"name":   {func(b *fixture) { b.member("zone").Name = "./zone" }, []string{"  /zone: name is zone in a, ./zone in b\n"}},
		"format": {func(b *fixture) { b.member("zone").Format = tar.FormatGNU }, []string{"  /zone: header format is USTAR in a, GNU in b\n"}},
		"records": {func(b *fixture) {
			m := b.member("zone")
			m.Format = tar.FormatPAX
			m.PAXRecords = map[string]string{"SCHILY.xattr.user.x": "1"}
		}, []string{`  /zone: pax records only in b: SCHILY.xattr.user.x="1"`}},
		"device": {func(b *fixture) { m := b.member("lib"); m.Typeflag, m.Linkname, m.Devmajor = tar.TypeChar, "", 5 },
			[]string{"  /lib: kind is symlink in a, device in b\n", "  /lib: link only in a: usr/lib\n", "  /lib: device only in b: 5:0\n"}},
		"size and content": {func(b *fixture) { b.member("zone").content = "UTC+1" },
			[]string{"  /zone: size is 3 in a, 5 in b\n", "first differing byte: 3\n", "a from 0: 55 54 43 ", "b from 0: 55 54 43 2b 31 ", "|UTC+1|"}},
		"one byte": {func(b *fixture) { flip(&b.member("etc/hosts").content, 5000) },
			[]string{"  /etc/hosts: content is sha256:", "first differing byte: 5000\n", "a from 4992: ", "|calhost.127.0.0.1 localh|", "|calhost.327.0.0.1 localh|"}},
		"added":   {func(b *fixture) { b.layers[1].members = append(b.layers[1].members, regular("new", "12")) }, []string{layer2 + "entries differ", "  /new: entry only in b: file 0644 0:0 2 bytes\n"}},
		"removed": {func(b *fixture) { b.layers[0].members = b.layers[0].members[:3] }, []string{"  /lib: entry only in a: symlink 0777 0:0 to usr/lib\n"}},
		"twice":   {func(b *fixture) { b.layers[1].members = append(b.layers[1].members, regular("zone", "UTC")) }, []string{"  /zone: entry only in b: file 0644 0:0 3 bytes\n"}},
		"order":   {func(b *fixture) { m := b.layers[0].members; m[1], m[2] = m[2], m[1] }, []string{layer1 + "same entries in another order, from /etc/debian_version on", "in the tar: first differing byte: "}},
		"padding": {func(b *fixture) {
			b.layers[1].pack = func(u []byte) []byte { return gzipped(append(u, make([]byte, 512)...)) }
		}, []string{"layer unpacks to sha256:", layer2 + "same entries, other header or padding bytes", "in the tar: first differing byte: 2048\n"}},
		"compressed": {func(b *fixture) { b.layers[0].pack = gzippedAt(gzip.BestCompression) },
			[]string{layer1 + "contents equal, only compression differs", "in the compressed layer: first differing byte: "}},
		"more layers":    {func(b *fixture) { b.layers = append(b.layers, fixtureLayer{name: "users"}) }, []string{"latest linux/amd64 layer 3 (users): only in b\n"}},
		"inserted layer": {func(b *fixture) { b.layers = slices.Insert(b.layers, 0, fixtureLayer{name: "users"}) }, []string{"latest linux/amd64 layer 1 (users): only in b\n"}},
		"fewer layers":   {func(b *fixture) { b.layers = b.layers[1:] }, []string{"latest linux/amd64 layer 1 (base-files): only in a\n"}},
		"renamed layer":  {func(b *fixture) { b.layers[1].name = "tzdata 2"; b.member("zone").content = "GMT" }, []string{layer2 + "entries differ", "  /zone: content is "}},
		"config":         {func(b *fixture) { b.user = "65532" }, []string{"latest linux/amd64 config differs\n", `  config.User is "0" in a, "65532" in b` + "\n", "which follow from these"}},
		"tag":            {func(b *fixture) { b.tag = "nonroot" }, []string{"index.json differs\n", "manifests[latest].digest only in a: ", "manifests[nonroot].digest only in b: "}},
		"strange names":  {func(b *fixture) { b.layers[1].members = append(b.layers[1].members, regular("a\x1b[2Jb", "")) }, []string{`  "/a\x1b[2Jb": entry only in b`}},
		"no gzip":        {func(b *fixture) { b.layers[1].raw = []byte("text") }, []string{"fault in b: latest linux/amd64 layer 2 (tzdata): layer cannot be read: the layer is no gzip stream: it begins with bytes 74 65"}},
		"no tar":         {func(b *fixture) { b.layers[1].raw = gzipped(bytes.Repeat([]byte("text"), 300)) }, []string{"fault in b: latest linux/amd64 layer 2 (tzdata): layer cannot be read: archive/tar: invalid tar header"}},
		"cut off": {func(b *fixture) { b.layers[0].pack = func(u []byte) []byte { return gzipped(u[:3000]) } },
			[]string{"fault in b: latest linux/amd64 layer 1 (base-files): layer cannot be read beyond /etc/hosts: unexpected EOF",
				"  /etc/hosts: content is sha256:", ", cannot be read to its end in b\n", "first differing byte: 952\n"}},
		"bomb": {func(b *fixture) { b.layers[1].members[0] = regular("zone", strings.Repeat("\x00", freeUnpacked+1<<20)) },
			[]string{"layer cannot be read beyond /zone: the layer unpacks to more than 200 times its size"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newFixture()
			c.change(&b)
			r := Diff(newFixture().make(t), b.make(t))
			got := text(t, r)
			rest := got
			for _, want := range c.want {
				_, after, found := strings.Cut(rest, want)
				if !found {
					t.Fatalf("want %q in or after its turn, got\n%s", want, got)
				}
				rest = after
			}
			if r.Equal() || strings.ContainsFunc(got, func(r rune) bool { return r != '\n' && r < ' ' }) {
				t.Errorf("got %q", got)
			}
			checkJSON(t, r)
		})
	}
}

func flip(s *string, at int) {
	b := []byte(*s)
	b[at] ^= 2
	*s = string(b)
}

// checkJSON holds that a report survives its JSON form.
func checkJSON(t *testing.T, r Report) {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, r) {
		t.Errorf("through JSON: got %+v, want %+v", back, r)
	}
}

// loadedAs finds the names by which engines load images, which make no difference.
var loadedAs = regexp.MustCompile(`"io.containerd.image.name":"[^"]*"|"RepoTags":\[[^]]*\]`)

// TestFlippedBytes changes each byte of each file in turn and wants the file
// named.
func TestFlippedBytes(t *testing.T) {
	small := newFixture()
	small.layers = small.layers[1:]
	a, b := small.make(t), small.make(t)
	for name, blob := range a.blobs {
		for at := range blob {
			b.blobs[name] = slices.Clone(blob)
			b.blobs[name][at] ^= 0x10
			r := Diff(a, b)
			want := fmt.Sprintf("blob %s does not match its name (found %s)", name, digest.Of(b.blobs[name]))
			if !slices.ContainsFunc(r.Faults, func(f Fault) bool { return f.Side == "b" && f.Problem == want }) {
				t.Fatalf("byte %d of %s: got\n%s", at, name, text(t, r))
			}
		}
		b.blobs[name] = blob
	}
	for name, content := range a.files {
		passed := loadedAs.FindAllIndex(content, -1)
		for at := range content {
			if slices.ContainsFunc(passed, func(r []int) bool { return r[0] <= at && at < r[1] }) {
				continue
			}
			b.files[name] = slices.Clone(content)
			b.files[name][at] ^= 0x10
			if r := Diff(a, b); len(r.Documents) != 1 || r.Documents[0].Where != name {
				t.Fatalf("byte %d of %s: got\n%s", at, name, text(t, r))
			}
		}
		b.files[name] = content
	}
}

// TestFlippedByteNamesTheFile changes a byte of an uncompressible file: gzip
// stores it as it is, so the layer can be read to its checksum.
func TestFlippedByteNamesTheFile(t *testing.T) {
	f := newFixture()
	f.member("zone").content = noise(3000)
	f.layers[1].pack = gzippedAt(gzip.NoCompression)
	a, b := f.make(t), f.make(t)
	for name, blob := range b.blobs {
		if at := bytes.Index(blob, []byte(f.member("zone").content)); at >= 0 {
			b.blobs[name] = slices.Clone(blob)
			b.blobs[name][at+2000] ^= 1
		}
	}
	got := text(t, Diff(a, b))
	for _, want := range []string{"does not match its name", "gzip: invalid checksum", "/zone: content is sha256:", "first differing byte: 2000\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q, got\n%s", want, got)
		}
	}
}

func noise(n int) string {
	var b strings.Builder
	for i := uint32(1); b.Len() < n; i = i*1664525 + 1013904223 {
		b.WriteByte(byte(i >> 24))
	}
	return b.String()
}

func TestMissingBlobs(t *testing.T) {
	a := newFixture().make(t)
	for name := range a.blobs {
		b := newFixture().make(t)
		delete(b.blobs, name)
		want := fmt.Sprintf("blob %s is missing", name)
		if r := Diff(a, b); len(r.Faults) != 1 || r.Faults[0].Problem != want {
			t.Errorf("got %+v, want one fault: %s", r.Faults, want)
		}
	}
	r := Diff(a, &disk{})
	if len(r.Faults) != 2 || !strings.Contains(r.Faults[1].Problem, "index.json") {
		t.Errorf("nothing at all: got %+v", r.Faults)
	}
}

func TestDifferencesAreCapped(t *testing.T) {
	a, b := newFixture(), newFixture()
	for i := range 250 {
		a.layers[1].members = append(a.layers[1].members, regular(fmt.Sprintf("f%03d", i), "a"))
		b.layers[1].members = append(b.layers[1].members, regular(fmt.Sprintf("f%03d", i), "b"))
	}
	r := Diff(a.make(t), b.make(t))
	if len(r.Layers) != 1 || len(r.Layers[0].Entries) != maxLines || r.Layers[0].More != 150 {
		t.Fatalf("got %+v", r)
	}
	if r.Layers[0].Entries[0].Bytes == nil || r.Layers[0].Entries[1].Bytes != nil {
		t.Error("want the bytes of the first file, and of no other")
	}
	if !strings.Contains(text(t, r), "  and 150 more\n") {
		t.Errorf("got\n%s", text(t, r))
	}
}

// TestHostileDocuments holds that nothing that a document says is believed
// without a bound.
func TestHostileDocuments(t *testing.T) {
	good := newFixture().make(t)
	index := func(d *disk, mediaType string, doc []byte) []byte {
		return fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"digest":%q,"size":%d}]}`,
			oci.MediaTypeIndex, mediaType, d.put(doc), len(doc))
	}
	for name, c := range map[string]struct {
		change func(d *disk)
		want   string
	}{
		"nested": {func(d *disk) {
			doc := index(d, oci.MediaTypeManifest, []byte("{}"))
			for range maxDepth + 3 {
				doc = index(d, oci.MediaTypeIndex, doc)
			}
			d.files["index.json"] = doc
		}, "nested deeper than 4"},
		"large": {func(d *disk) {
			d.files["index.json"] = index(d, oci.MediaTypeIndex, bytes.Repeat([]byte(" "), maxDocument+1))
		}, "more than 4194304"},
		"layers": {func(d *disk) {
			layers := strings.TrimSuffix(strings.Repeat(`{"digest":"`+digest.Of(nil).String()+`"},`, maxLayers+1), ",")
			d.files["index.json"] = index(d, oci.MediaTypeManifest, []byte(`{"layers":[`+layers+`]}`))
		}, "more than 256"},
		"size": {func(d *disk) {
			d.files["index.json"] = bytes.Replace(d.files["index.json"], []byte(`"size":`), []byte(`"size":1`), 1)
		}, "its descriptor says 1"},
		"no index": {func(d *disk) { d.files["index.json"] = []byte("[]") }, "document cannot be read"},
		"no JSON":  {func(d *disk) { d.files["index.json"] = []byte("\xff") }, "invalid character"},
		"diff_ids": {func(d *disk) { d.files["index.json"] = index(d, oci.MediaTypeManifest, []byte(`{"config":7}`)) }, "document cannot be read"},
	} {
		bad := newFixture().make(t)
		c.change(bad)
		for _, r := range []Report{Diff(bad, bad), Diff(good, bad), Diff(bad, good)} {
			got := text(t, r)
			if r.Equal() || strings.Contains(got, "panic") {
				t.Errorf("%s: nothing was reported", name)
			}
		}
		if got := text(t, Diff(bad, bad)); !strings.Contains(got, c.want) {
			t.Errorf("%s: want %q, got\n%s", name, c.want, got)
		}
	}
}

func TestLongPathsAreNotMultiplied(t *testing.T) {
	key := strings.Repeat("k", 1<<20)
	doc := func(last string) []byte {
		return []byte(`{"` + key + `":[` + strings.Repeat("0,", 1000) + last + "]}")
	}
	if fields, ok := diffJSON(doc("1"), doc("2")); ok {
		t.Errorf("got %d fields, want the document to be refused", len(fields))
	}
}
