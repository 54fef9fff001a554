package specs

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/basal-project/basal/internal/diag"
)

var update = flag.Bool("update", false, "write what was found into the vectors")

// vectors calls run for each pair of files NAME.yaml and NAME.ext in the archives
// testdata/vectors/KIND*.txtar, and compares its result with the second.
func vectors(t *testing.T, kind, ext string, run func(t *testing.T, in []byte) string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "vectors", kind+"*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors for %s: %v", kind, err)
	}
	for _, file := range files {
		comment, members := readTxtar(t, file)
		if len(members)%2 != 0 || len(members) == 0 {
			t.Fatalf("%s: want pairs of files", file)
		}
		out := comment
		for i := 0; i < len(members); i += 2 {
			in, want := members[i], members[i+1]
			name, ok := strings.CutSuffix(in.name, ".yaml")
			if !ok || want.name != name+ext {
				t.Fatalf("%s: want NAME.yaml and NAME%s, found %s and %s", file, ext, in.name, want.name)
			}
			t.Run(name, func(t *testing.T) {
				got := run(t, []byte(in.data))
				out += "-- " + in.name + " --\n" + in.data + "-- " + want.name + " --\n" + got
				if got != want.data && !*update {
					t.Errorf("got\n%s\nwant\n%s", got, want.data)
				}
			})
		}
		if *update {
			if err := os.WriteFile(file, []byte(out), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

type member struct{ name, data string }

// readTxtar reads a txtar archive: a comment, then files, each after a line
// "-- NAME --".
func readTxtar(t testing.TB, file string) (comment string, members []member) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		name, isMark := strings.CutPrefix(line, "-- ")
		name, ends := strings.CutSuffix(name, " --\n")
		switch {
		case isMark && ends:
			members = append(members, member{name: name})
		case len(members) == 0:
			comment += line
		default:
			members[len(members)-1].data += line
		}
	}
	return comment, members
}

// report writes faults as the program prints them.
func report(t *testing.T, err error) string {
	t.Helper()
	var b strings.Builder
	for _, e := range diag.Flatten(err) {
		if diag.CodeOf(e) != diag.Usage {
			t.Errorf("%v has exit code %d, want %d", e, diag.CodeOf(e), diag.Usage)
		}
		b.WriteString(e.Error() + "\n")
		if hint := diag.HintOf(e); hint != "" {
			b.WriteString("  hint: " + hint + "\n")
		}
	}
	return b.String()
}

// minimal is put before vectors that do not begin with a version, so that each
// shows only its own faults.
const minimal = "version: 1\nname: x\nplatforms: [linux/amd64]\n"

func TestFaults(t *testing.T) {
	vectors(t, "faults", ".err", func(t *testing.T, in []byte) string {
		if !strings.Contains(string(in), "version") {
			in = append([]byte(minimal), in...)
		}
		s, err := Parse("x.yaml", in)
		if err == nil || s != nil {
			t.Errorf("Parse = %v, %v; want nil and an error", s, err)
		}
		if _, ferr := Format("x.yaml", in); ferr == nil || ferr.Error() != err.Error() {
			t.Errorf("Format has another error than Parse: %v", ferr)
		}
		return report(t, err)
	})
}

func TestFormat(t *testing.T) {
	vectors(t, "format", ".out", func(t *testing.T, in []byte) string {
		out, err := Format("x.yaml", in)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Format("x.yaml", out)
		if err != nil || string(again) != string(out) {
			t.Errorf("formatting again: %v\n%s", err, again)
		}
		return string(out)
	})
}
