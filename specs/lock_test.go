package specs

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/basal-project/basal/internal/canonjson"
	"github.com/basal-project/basal/internal/digest"
)

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// testLock returns a sound lock of the static image for two of its platforms.
func testLock(t testing.TB) *Lock {
	t.Helper()
	s, err := Parse("static.yaml", readFile(t, "testdata/static.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	l := &Lock{
		Version: 1, Recipe: 1, Encoder: "gzip/klauspost-1.20.3/6", Spec: *s,
		Inputs: []Input{{Path: "applets.txt", Size: 7, SHA256: digest.Of([]byte("applets"))}},
		Groups: map[string][][]string{
			Latest:  {{"base-files"}, {"netbase"}, {"tzdata", "tzdata-legacy"}, {"media-types"}},
			"debug": {{"busybox-static"}},
		},
	}
	for _, p := range s.Platforms[1:3] {
		l.Platforms = append(l.Platforms, testSection(s, p))
	}
	return l
}

func testSection(s *Spec, p Platform) LockedPlatform {
	sec := LockedPlatform{Platform: p, Epoch: 1784307900}
	sec.Indexes = []LockedIndex{{
		Archive: "debian", Suite: "trixie", Component: "main", Path: "main/binary-" + p.Debian() + "/Packages.xz",
		Size: 9, SHA256: digest.Of([]byte(p.Debian())),
		Release: LockedRelease{Date: 1784300000, Size: 5, SHA256: digest.Of([]byte("release")),
			Keys: []string{strings.Repeat("0", 40), strings.Repeat("A", 40)}},
	}}
	for _, name := range s.LockedPackages() {
		sec.Packages = append(sec.Packages, LockedPackage{
			Name: name, Version: "1:2.3-4+b1", Architecture: p.Debian(), Source: name,
			Archive: "debian", Suite: "trixie", Component: "main",
			Path: "pool/main/x/" + name + ".deb", Size: 100, SHA256: digest.Of([]byte(name + p.Debian())),
		})
	}
	return sec
}

// testChild returns a sound lock that extends testLock's.
func testChild(t testing.TB) *Lock {
	parent := testLock(t)
	content := "hello\n"
	s := Spec{Version: 1, Name: "child", Platforms: parent.Spec.Platforms[1:2], Extends: "static",
		Packages: []string{"libc6"}, Files: []File{{Path: "/etc/motd", Content: &content}}}
	return &Lock{Version: 1, Recipe: 1, Encoder: parent.Encoder, Spec: s, Extends: parent,
		Groups: map[string][][]string{Latest: {{"libc6"}}}, Platforms: []LockedPlatform{testSection(&s, s.Platforms[0])}}
}

func TestLockRoundTrip(t *testing.T) {
	for name, l := range map[string]*Lock{"static": testLock(t), "child": testChild(t)} {
		b, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseLock("lock.json", b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if again, err := got.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%s: encoded again (%v):\n%s\nwant\n%s", name, err, again, b)
		}
		if !reflect.DeepEqual(got, l) {
			t.Errorf("%s: got %+v, want %+v", name, got, l)
		}
		spaced := bytes.ReplaceAll(b, []byte(`,"`), []byte(",\n \""))
		if _, err := ParseLock("lock.json", spaced); err != nil {
			t.Errorf("%s: white space is refused: %v", name, err)
		}
	}
}

func TestLockPlatform(t *testing.T) {
	l := testLock(t)
	arm := Platform{"linux", "arm", "v7"}
	if p, ok := l.Platform(arm); !ok || p != &l.Platforms[1] {
		t.Errorf("Platform(%v) = %v, %v", arm, p, ok)
	}
	if p, ok := l.Platform(Platform{"linux", "s390x", ""}); ok || p != nil {
		t.Errorf("a platform that is not locked: %v", p)
	}
}

// TestLockFaults changes one thing in a sound lock at a time.
func TestLockFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(l *Lock)
		want   string // in the message
	}{
		{"version", func(l *Lock) { l.Version = 2 }, "version: version is 2, want 1"},
		{"recipe", func(l *Lock) { l.Recipe = 0 }, "recipe: recipe is 0"},
		{"encoder", func(l *Lock) { l.Encoder = "" }, "encoder: encoder is"},
		{"spec", func(l *Lock) { l.Spec.Files[0].Mode = "4777" }, "spec.files[0].mode: mode \"4777\" has setuid"},
		{"spec variant", func(l *Lock) { l.Spec.Variants["latest"] = Patch{} }, "spec.variants.latest: \"latest\" is"},
		{"no parent", func(l *Lock) { l.Spec.Extends = "base" }, "extends: the spec and its lock do not agree"},
		{"parent", func(l *Lock) { p := *l; l.Extends = &p }, "extends: the spec and its lock do not agree"},
		{"no platform", func(l *Lock) { l.Platforms = nil }, "platforms: there are none"},
		{"platform order", func(l *Lock) { p := l.Platforms; p[0], p[1] = p[1], p[0] }, "platforms[1].platform: linux/arm64 is not in the spec, or not in its order"},
		{"platform twice", func(l *Lock) { l.Platforms[1] = l.Platforms[0] }, "platforms[1].platform: linux/arm64 is not"},
		{"platform strange", func(l *Lock) { l.Platforms[1].Platform = Platform{"linux", "386", ""} }, "platforms[1].platform: linux/386 is not"},
		{"epoch", func(l *Lock) { l.Platforms[0].Epoch = 1 << 33 }, "platforms[0].epoch: epoch is"},
		{"negative epoch", func(l *Lock) { l.Platforms[0].Epoch = -1 }, "platforms[0].epoch: epoch is -1"},
		{"no inputs", func(l *Lock) { l.Inputs = nil }, "inputs: found \"\", want what the spec names: \"applets.txt\""},
		{"strange input", func(l *Lock) { l.Inputs[0].Path = "../secret" }, "inputs: found \"../secret\""},
		{"input twice", func(l *Lock) { l.Inputs = append(l.Inputs, l.Inputs[0]) }, "inputs: found"},
		{"input size", func(l *Lock) { l.Inputs[0].Size = -1 }, "inputs[0].size: size is -1"},
		{"group missing", func(l *Lock) { l.Groups[Latest] = l.Groups[Latest][1:] }, "groups.latest: found the packages"},
		{"group strange", func(l *Lock) { l.Groups[Latest][0][0] = "sudo" }, "groups.latest: found the packages"},
		{"group twice", func(l *Lock) { l.Groups[Latest][0] = []string{"netbase", "base-files"} }, "groups.latest: found the packages"},
		{"group empty", func(l *Lock) { l.Groups["debug"] = append(l.Groups["debug"], []string{}) }, "groups.debug[1]: an empty group"},
		{"group variant", func(l *Lock) { l.Groups["x"] = [][]string{{"netbase"}} }, "groups.x: the spec has no such variant"},
		{"no indexes", func(l *Lock) { l.Platforms[0].Indexes = nil }, "platforms[0].packages[5]: no index"},
		{"index twice", func(l *Lock) {
			l.Platforms[0].Indexes = append(l.Platforms[0].Indexes, l.Platforms[0].Indexes[0])
		}, "platforms[0].indexes[1]: debian trixie main is listed twice"},
		{"index strange", func(l *Lock) { l.Platforms[0].Indexes[0].Suite = "sid" }, "platforms[0].indexes[0]: the spec does not name"},
		{"index path", func(l *Lock) { l.Platforms[0].Indexes[0].Path = "/etc/passwd" }, "platforms[0].indexes[0].path: path is"},
		{"index size", func(l *Lock) { l.Platforms[0].Indexes[0].Size = 0 }, "platforms[0].indexes[0].size: size is 0"},
		{"no keys", func(l *Lock) { l.Platforms[0].Indexes[0].Release.Keys = []string{} }, "platforms[0].indexes[0].release.keys: there are none"},
		{"keys order", func(l *Lock) { k := l.Platforms[0].Indexes[0].Release.Keys; k[0], k[1] = k[1], k[0] }, "release.keys[1]: the keys are not sorted"},
		{"key form", func(l *Lock) { l.Platforms[0].Indexes[0].Release.Keys[0] = "0xABC" }, "release.keys[0]: \"0xABC\" is not a fingerprint"},
		{"date", func(l *Lock) { l.Platforms[0].Indexes[0].Release.Date = 0 }, "release.date: date is 0"},
		{"valid until", func(l *Lock) { l.Platforms[0].Indexes[0].Release.ValidUntil = 1 }, "release.valid-until: valid-until is 1"},
		{"package missing", func(l *Lock) { l.Platforms[0].Packages = l.Platforms[0].Packages[1:] }, "platforms[0].packages: package \"base-files\" is missing"},
		{"package twice", func(l *Lock) { p := l.Platforms[1].Packages; p[1] = p[0] }, "platforms[1].packages[1].name: package \"base-files\" is listed twice"},
		{"package strange", func(l *Lock) { l.Platforms[0].Packages[0].Name = "sudo" }, "platforms[0].packages[0].name: the spec does not name package \"sudo\""},
		{"package name", func(l *Lock) { l.Platforms[0].Packages[0].Name = "../x" }, "platforms[0].packages[0].name: \"../x\" is not a name"},
		{"source", func(l *Lock) { l.Platforms[0].Packages[0].Source = "" }, "packages[0].source: \"\" is not"},
		{"version form", func(l *Lock) { l.Platforms[0].Packages[0].Version = "1 2" }, "packages[0].version: \"1 2\" is not a Debian version"},
		{"architecture", func(l *Lock) { l.Platforms[0].Packages[0].Architecture = "amd64" }, "packages[0].architecture: architecture is \"amd64\", want \"arm64\" or \"all\""},
		{"path up", func(l *Lock) { l.Platforms[0].Packages[2].Path = "pool/../../x.deb" }, "platforms[0].packages[2].path: path is"},
		{"path absolute", func(l *Lock) { l.Platforms[0].Packages[2].Path = "/x.deb" }, "platforms[0].packages[2].path: path is"},
		{"path unclean", func(l *Lock) { l.Platforms[0].Packages[2].Path = "pool//x.deb" }, "platforms[0].packages[2].path: path is"},
		{"size", func(l *Lock) { l.Platforms[0].Packages[2].Size = 4<<30 + 1 }, "platforms[0].packages[2].size: size is 4294967297"},
		{"no index", func(l *Lock) { l.Platforms[0].Packages[2].Component = "contrib" }, "platforms[0].packages[2]: no index of \"debian\" \"trixie\" \"contrib\""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := testLock(t)
			c.change(l)
			b, err := l.Encode()
			if err != nil {
				t.Fatal(err)
			}
			got, err := ParseLock("lock.json", b)
			if err == nil || got != nil {
				t.Fatal("the lock is taken")
			}
			if msg := report(t, err); !strings.Contains(msg, "lock.json: "+c.want) && !strings.Contains(msg, c.want) {
				t.Errorf("got\n%s\nwant %s", msg, c.want)
			}
		})
	}
}

// TestLockForm changes the text: encoding/json would take most of these.
func TestLockForm(t *testing.T) {
	b, err := testLock(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	sound := string(b)
	for _, c := range []struct{ name, old, new, want string }{
		{"unknown key", `{"encoder"`, `{"cmd":1,"encoder"`, `unknown field "cmd"`},
		{"unknown key below", `"platform":"linux/arm64"`, `"platform":"linux/arm64","x":1`, `unknown field "x"`},
		{"other case", `"recipe"`, `"Recipe"`, "not as basal writes it"},
		{"duplicate key", `"recipe":1`, `"recipe":1,"recipe":2`, "duplicate key"},
		{"null", `"recipe":1`, `"extends":null,"recipe":1`, "not as basal writes it"},
		{"default written out", `"name":"static"`, `"extends":"","name":"static"`, "not as basal writes it"},
		{"other spelling", `"linux/arm64"`, `"linux/arm64/v8"`, "not as basal writes it"},
		{"float", `"recipe":1`, `"recipe":1.0`, "not an integer"},
		{"layers", `"name":"static"`, `"layers":{"budget":0},"name":"static"`, "not as basal writes it"},
		{"zero digest", testLock(t).Inputs[0].SHA256.Hex(), strings.Repeat("0", 64), "all zeros"},
		{"wrong kind", `"recipe":1`, `"recipe":"1"`, "cannot unmarshal"},
		{"trailing data", "}\n", "}{}", "after top-level value"},
		{"truncated", "}\n", "", "unexpected end"},
		{"missing uid", `"uid":0`, `"gecos":"x"`, "not as basal writes it"},
	} {
		text := sound[:strings.LastIndex(sound, c.old)] + strings.Replace(sound[strings.LastIndex(sound, c.old):], c.old, c.new, 1)
		if got, err := ParseLock("lock.json", []byte(text)); err == nil || got != nil || !strings.Contains(report(t, err), c.want) {
			t.Errorf("%s: ParseLock = %v, %v; want %s", c.name, got, err, c.want)
		}
	}
	if _, err := ParseLock("lock.json", bytes.Repeat([]byte(" "), maxLockSize+1)); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("a lock over the cap: %v", err)
	}
}

func TestLockParents(t *testing.T) {
	l := testChild(t)
	l.Extends.Recipe = 0
	l.Extends.Spec.Name = "UPPER"
	l.Extends.Platforms = l.Extends.Platforms[1:]
	b, err := canonjson.MarshalFile(l)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ParseLock("lock.json", b)
	msg := report(t, err)
	for _, want := range []string{
		"lock.json: platforms[0].platform: the parent has no linux/arm64\n",
		"lock.json: extends.recipe: recipe is 0",
		"lock.json: extends.spec.name: name is \"UPPER\"",
	} {
		if !strings.Contains(msg, want) {
			t.Errorf("got\n%s\nwant %s", msg, want)
		}
	}
}

func TestLockDepth(t *testing.T) {
	for depth, ok := range map[int]bool{1: true, maxExtends: true, maxExtends + 1: false} {
		l := testLock(t)
		for range depth {
			child := testChild(t)
			child.Extends = l
			l = child
		}
		b, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseLock("lock.json", b); (err == nil) != ok {
			t.Errorf("%d locks below each other: %v", depth, err)
		}
	}
}
