package resolve

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/basal-project/basal/builder/debian"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/specs"
)

const sum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// index makes a slim index of lines: name, version and further fields, all
// separated by semicolons.
func index(t testing.TB, suite string, lines ...string) Index {
	t.Helper()
	var text strings.Builder
	for i, line := range lines {
		parts := strings.Split(line, "; ")
		fmt.Fprintf(&text, "Package: %s\nVersion: %s\nFilename: pool/%s/%s.deb\nSHA256: %s\n", parts[0], parts[1], suite, parts[0], sum)
		extra := strings.Join(parts[2:], "\n") + "\n"
		if !strings.Contains(extra, "Architecture:") {
			extra += "Architecture: amd64\n"
		}
		if !strings.Contains(extra, "Size:") {
			extra += fmt.Sprintf("Size: %d\n", 1000+i)
		}
		text.WriteString(strings.TrimLeft(extra, "\n") + "\n")
	}
	var out bytes.Buffer
	if err := debian.Slim(&out, strings.NewReader(text.String())); err != nil {
		t.Fatal(err)
	}
	return Index{Archive: "debian", Suite: suite, Component: "main", Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(out.Bytes())), nil
	}}
}

// distribution is what the tables below resolve against.
func distribution(t testing.TB) []Index {
	return []Index{
		index(t, "trixie",
			"base-files; 13.8; Pre-Depends: awk; Provides: base, usr-is-merged",
			"tzdata; 2026b; Architecture: all; Depends: debconf (>= 0.5) | debconf-2.0; Provides: tzdata-trixie",
			"tzdata-legacy; 2026b; Architecture: all; Depends: tzdata (>= 2026b)",
			"mawk; 1.3; Provides: awk; Depends: libc6 (>= 2.38); Priority: required; Size: 500",
			"gawk; 1:5.2; Provides: awk; Depends: libc6 (>= 2.38), libreadline8t64; Size: 900",
			"tiny-awk; 1; Provides: awk; Priority: optional; Size: 5",
			"huge-mail; 1; Provides: mail; Size: 90",
			"tiny-mail; 1; Provides: mail; Size: 9",
			"mail-user; 1; Depends: mail",
			"original-awk; 1:2; Size: 10; Provides: other",
			"debconf; 1.5; Architecture: all; Provides: debconf-2.0; Depends: perl-base:any",
			"cdebconf; 0.2; Provides: debconf-2.0; Depends: libc6",
			"perl-base; 5.40; Pre-Depends: libc6 (>= 2.35); Depends: dpkg (>= 1.17)",
			"dpkg; 1.22; Depends: tar (>= 1.28); Pre-Depends: libc6",
			"tar; 1.35; Pre-Depends: libc6",
			"libc6; 2.41-12; Depends: libgcc-s1; Source: glibc",
			"libgcc-s1; 14.2; Depends: gcc-14-base (= 14.2), libc6",
			"gcc-14-base; 14.2",
			"libssl3t64; 3.5.6; Provides: libssl3 (= 3.5.6); Depends: libc6; Source: openssl (3.5.6-1)",
			"client-ok; 1; Depends: libssl3 (>= 3.0)",
			"client-new; 1; Depends: libssl3 (>= 4)",
			"client-awk; 1; Depends: awk (>= 1)",
			"client-foreign; 1; Depends: libc6:arm64",
			"broken; 1; Depends: nowhere, libc6",
			"arm-only; 1; Architecture: arm64",
			"either; 1; Depends: gcc-14-base | tar",
			"both; 1; Depends: tar",
		),
		index(t, "trixie-security",
			"libc6; 2.41-12+deb13u1; Depends: libgcc-s1; Source: glibc",
			"tzdata; 2026a; Architecture: all",
			"original-awk; 1:1; Provides: awk",
		),
	}
}

var amd64 = specs.Platform{OS: "linux", Arch: "amd64"}

func TestResolveIsExact(t *testing.T) {
	for _, c := range []struct {
		packages string
		waive    string // package/depends
		want     string // selected, or faults
	}{
		{"gcc-14-base", "", "gcc-14-base=14.2"},
		{"libc6 libgcc-s1 gcc-14-base", "", "gcc-14-base=14.2 libc6=2.41-12+deb13u1 libgcc-s1=14.2"},
		{"libc6", "", "libc6 depends on libgcc-s1 [+libgcc-s1]"},
		{"libc6", "libc6/libgcc-s1", "libc6=2.41-12+deb13u1"},
		{"tzdata", "tzdata/debconf-2.0", "tzdata=2026b"},
		{"tzdata tzdata-legacy", "tzdata/debconf", "tzdata-legacy=2026b tzdata=2026b"},
		{"tzdata-legacy", "", "tzdata-legacy depends on tzdata (>= 2026b) [+tzdata]"},
		{"base-files", "", "base-files pre-depends on awk [+mawk]"},
		{"mail-user", "", "mail-user depends on mail [+tiny-mail]"},
		{"base-files mawk", "mawk/libc6", "base-files=13.8 mawk=1.3"},
		{"base-files original-awk", "", "base-files pre-depends on awk [+mawk]"},
		{"tzdata cdebconf", "cdebconf/libc6", "cdebconf=0.2 tzdata=2026b"},
		{"client-ok libssl3t64", "libssl3t64/libc6", "client-ok=1 libssl3t64=3.5.6"},
		{"client-new libssl3t64", "libssl3t64/libc6", "client-new depends on libssl3 (>= 4), which the archive does not have []"},
		{"client-awk mawk", "mawk/libc6", "client-awk depends on awk (>= 1), which the archive does not have []"},
		{"client-foreign libc6", "libc6/libgcc-s1", "client-foreign depends on libc6:arm64, which the archive does not have []"},
		{"broken", "broken/libc6", "broken depends on nowhere, which the archive does not have []"},
		{"broken", "", "broken depends on libc6 [+libc6], broken depends on nowhere, which the archive does not have []"},
		{"either tar", "tar/libc6", "either=1 tar=1.35"},
		{"libc6x", "", `package "libc6x" is not in trixie main, trixie-security main (did you mean "libc6"?)`},
		{"zzzzzzzzzz", "", `package "zzzzzzzzzz" is not in trixie main, trixie-security main ()`},
		{"arm-only", "", `package "arm-only" is not in trixie main, trixie-security main ()`},
		{"awk", "", `package "awk" is not in trixie main, trixie-security main (it is a name that others provide: gawk, mawk, original-awk, tiny-awk)`},
		{"gcc-14-base gcc-14-base", "", `package "gcc-14-base" is listed twice ()`},
	} {
		for packages := range permutations(strings.Fields(c.packages)) {
			res, err := Resolve(Request{Platform: amd64, Indexes: distribution(t), Packages: packages, Waive: waivers(c.waive)})
			if err != nil {
				t.Errorf("%v: %v", packages, err)
				continue
			}
			if got := outcome(res); got != c.want {
				t.Errorf("%v: got %s\nwant %s", packages, got, c.want)
			}
			if len(res.Faults) == 0 && !slices.EqualFunc(res.Packages, packages, func(p Package, name string) bool { return p.Name == name }) {
				t.Errorf("%v: the order became %s", packages, outcome(res))
			}
		}
	}
}

func TestResolveRecordsWhereAPackageIsFrom(t *testing.T) {
	res, err := Resolve(Request{Platform: amd64, Indexes: distribution(t), Packages: []string{"libc6", "libssl3t64"}})
	if err != nil {
		t.Fatal(err)
	}
	libc, ssl := res.Packages[0], res.Packages[1]
	if libc.Suite != "trixie-security" || libc.Path != "pool/trixie-security/libc6.deb" || libc.Source != "glibc" || libc.SHA256.Hex() != sum || libc.Architecture != "amd64" {
		t.Errorf("got %+v", libc)
	}
	if ssl.Suite != "trixie" || ssl.Source != "openssl" || ssl.Archive != "debian" || ssl.Component != "main" {
		t.Errorf("got %+v", ssl)
	}
}

func TestResolveCountsWhatIsPresent(t *testing.T) {
	present := func(name, version string) specs.LockedPackage {
		return specs.LockedPackage{Name: name, Version: version, Architecture: "amd64"}
	}
	for _, c := range []struct {
		packages string
		present  []specs.LockedPackage
		want     string
	}{
		{"tar", []specs.LockedPackage{present("libc6", "2.30")}, "tar=1.35"},
		{"perl-base", []specs.LockedPackage{present("libc6", "2.30"), present("dpkg", "1.22")}, "perl-base pre-depends on libc6 (>= 2.35) [+libc6]"},
		{"client-ok", []specs.LockedPackage{present("libssl3t64", "3.5.6")}, "client-ok=1"},
		{"base-files", []specs.LockedPackage{present("mawk", "1.2")}, "base-files=13.8"}, // 1.2 has left the archive
		{"libc6", []specs.LockedPackage{present("libc6", "2.30")}, `package "libc6" is already in the image that this one builds on ()`},
	} {
		res, err := Resolve(Request{Platform: amd64, Indexes: distribution(t), Packages: strings.Fields(c.packages), Present: c.present})
		if err != nil {
			t.Fatal(err)
		}
		if got := outcome(res); got != c.want {
			t.Errorf("%s: got %s\nwant %s", c.packages, got, c.want)
		}
	}
}

func TestLocateLooksAtNoDependencies(t *testing.T) {
	res, err := Locate(Request{Platform: amd64, Indexes: distribution(t), Packages: []string{"tar"}}, "broken")
	if err != nil || outcome(res) != "broken=1" {
		t.Errorf("got %s, %v", outcome(res), err)
	}
}

func TestMissingIsAClosure(t *testing.T) {
	libc := "gcc-14-base libc6 libgcc-s1"
	for _, c := range []struct{ packages, waive, want string }{
		{"gcc-14-base", "", ""},
		{"libc6", "", "gcc-14-base libgcc-s1"},
		{"base-files", "", libc + " mawk"},
		{"base-files gawk", "gawk/libreadline8t64", libc},
		{"tzdata", "", "debconf dpkg " + libc + " perl-base tar"},
		{"tzdata", "tzdata/debconf", ""},
		{"tzdata cdebconf", "", libc},
		{"tzdata-legacy", "tzdata/debconf", "tzdata"},
		{"tzdata base-files tar", "perl-base/dpkg", "debconf " + libc + " mawk perl-base"},
		{"either", "", "gcc-14-base"},
		{"either both", "", libc + " tar"}, // what both forces serves either, too
		{"broken", "", libc},
		{"nowhere", "", ""},
	} {
		want := strings.Fields(c.want)
		slices.Sort(want)
		for packages := range permutations(strings.Fields(c.packages)) {
			req := Request{Platform: amd64, Indexes: distribution(t), Packages: packages, Waive: waivers(c.waive)}
			got, err := Missing(req)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%v: got %v, %v, want %v", packages, got, err, want)
				continue
			}
			req.Packages = append(slices.Clone(packages), got...)
			if again, err := Missing(req); err != nil || len(again) > 0 {
				t.Errorf("%v: with %v added, still missing %v, %v", packages, got, again, err)
			}
		}
	}
}

func TestReportSaysEverythingOnce(t *testing.T) {
	arm64 := specs.Platform{OS: "linux", Arch: "arm64", Variant: "v8"}
	onArm := func(line string) string { return line + "; Architecture: arm64" }
	arm := []Index{index(t, "trixie", onArm("base-files; 13.8; Pre-Depends: awk"), onArm("mawk; 1.3; Provides: awk"), onArm("arm-only; 1"))}
	packages := []string{"base-files", "libc6", "nope"}
	var results []*Result
	for _, req := range []Request{{Platform: amd64, Indexes: distribution(t)}, {Platform: arm64, Indexes: arm}} {
		req.Packages = packages
		res, err := Resolve(req)
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, res)
	}
	err := Report("images/x/image.yaml", results...)
	var got strings.Builder
	for _, e := range diag.Flatten(err) {
		fmt.Fprintf(&got, "%v\n%s\n", e, diag.HintOf(e))
	}
	const want = `images/x/image.yaml: package "nope" is not in trixie main, trixie-security main for linux/amd64

images/x/image.yaml: package "libc6" is not in trixie main for linux/arm64

images/x/image.yaml: package "nope" is not in trixie main for linux/arm64

images/x/image.yaml: unmet dependencies
  base-files pre-depends on awk
  libc6 depends on libgcc-s1 for linux/amd64
add what the image needs (--add-missing adds what these need, too):
  packages: [libgcc-s1, mawk]
and waive what it can do without:
  waive:
    - {package: base-files, depends: awk, because: …}
    - {package: libc6, depends: libgcc-s1, because: …}
`
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
	if diag.CodeOf(err) != diag.Usage {
		t.Errorf("exit code %d, want %d", diag.CodeOf(err), diag.Usage)
	}
	if err := Report("x", &Result{Platform: amd64}); err != nil {
		t.Errorf("no faults: %v", err)
	}
}

func TestUnusedWaivers(t *testing.T) {
	resolve := func(waive string, packages ...string) *Result {
		res, err := Resolve(Request{Platform: amd64, Indexes: distribution(t), Packages: packages, Waive: waivers(waive)})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	for _, c := range []struct {
		name    string
		results []*Result
		want    string
	}{
		{"needed", []*Result{resolve("tzdata/debconf", "tzdata")}, ""},
		{"package is not there", []*Result{resolve("tzdata/debconf", "gcc-14-base")}, ""},
		{"nothing to waive", []*Result{resolve("gcc-14-base/libc6", "gcc-14-base")}, "libc6 for package \"gcc-14-base\" waives nothing"},
		{"met", []*Result{resolve("libgcc-s1/libc6 libc6/libgcc-s1", "libc6", "libgcc-s1", "gcc-14-base")}, "waives nothing"},
		{"needed on another platform", []*Result{resolve("either/tar", "either", "gcc-14-base"), resolve("either/tar", "either")}, ""},
	} {
		err := Unused("image.yaml", c.results...)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func TestResolveReportsUnreadableIndexes(t *testing.T) {
	broken := errors.New("disk on fire")
	for name, ix := range map[string]Index{
		"open":      {Suite: "trixie", Open: func() (io.ReadCloser, error) { return nil, broken }},
		"not slim":  {Suite: "trixie", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("Package: a\n")), nil }},
		"bad field": index(t, "trixie", "aa; 1; Depends: b ["),
	} {
		if res, err := Resolve(Request{Platform: amd64, Indexes: []Index{ix}, Packages: []string{"aa"}}); err == nil {
			t.Errorf("%s: got %s and no error", name, outcome(res))
		}
	}
}

// outcome is the packages in a sorted line, or the faults.
func outcome(res *Result) string {
	var out []string
	for _, f := range res.Faults {
		switch {
		case f.Waive == "":
			out = append(out, fmt.Sprintf("%s (%s)", f.Text, f.Hint))
		case f.Add != "":
			out = append(out, fmt.Sprintf("%s [+%s]", f.Text, f.Add))
		default:
			out = append(out, f.Text+" []")
		}
	}
	if len(out) > 0 {
		slices.Sort(out)
		return strings.Join(out, ", ")
	}
	for _, p := range res.Packages {
		out = append(out, p.Name+"="+p.Version)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func waivers(s string) (all []specs.Waiver) {
	for _, w := range strings.Fields(s) {
		pkg, dep, _ := strings.Cut(w, "/")
		all = append(all, specs.Waiver{Package: pkg, Depends: dep, Because: "test"})
	}
	return all
}

// permutations yields every order of list.
func permutations(list []string) func(yield func([]string) bool) {
	var rec func(head, tail []string, yield func([]string) bool) bool
	rec = func(head, tail []string, yield func([]string) bool) bool {
		if len(tail) == 0 {
			return yield(slices.Clone(head))
		}
		for i := range tail {
			rest := slices.Delete(slices.Clone(tail), i, i+1)
			if !rec(append(slices.Clone(head), tail[i]), rest, yield) {
				return false
			}
		}
		return true
	}
	return func(yield func([]string) bool) { rec(nil, list, yield) }
}
