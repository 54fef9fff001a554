package specs

import (
	"bytes"
	"testing"

	"github.com/basal-project/basal/internal/diag"
)

// FuzzParse demands of every input an answer; and of what parses, that it means
// the same when formatted, when formatted again and when read from JSON.
func FuzzParse(f *testing.F) {
	f.Add(readFile(f, "testdata/static.yaml"))
	for _, file := range []string{"testdata/vectors/faults.txtar", "testdata/vectors/format.txtar"} {
		_, members := readTxtar(f, file)
		for i := 0; i < len(members); i += 2 {
			f.Add([]byte(members[i].data))
			f.Add([]byte(minimal + members[i].data))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Parse("x.yaml", b)
		if err != nil {
			if s != nil || diag.CodeOf(err) != diag.Usage {
				t.Fatalf("Parse = %v, %v with exit code %d", s, err, diag.CodeOf(err))
			}
			return
		}
		out, err := Format("x.yaml", b)
		if err != nil {
			t.Fatalf("Format: %v", err)
		}
		again, err := Parse("x.yaml", out)
		if err != nil {
			t.Fatalf("Parse of the formatted spec: %v\n%s", err, out)
		}
		want, got := canonical(t, s), canonical(t, again)
		if !bytes.Equal(want, got) {
			t.Fatalf("formatting changed the spec from\n%s\nto\n%s", want, got)
		}
		twice, err := Format("x.yaml", out)
		if err != nil || !bytes.Equal(twice, out) {
			t.Fatalf("Format is not stable (%v): from\n%s\nto\n%s", err, out, twice)
		}
	})
}

// FuzzParseLock demands that what parses has one form and keeps it.
func FuzzParseLock(f *testing.F) {
	b, err := testLock(f).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"version":1,"recipe":1,"encoder":"gzip/x/6","spec":{"version":1,"name":"x","platforms":["linux/amd64"]},"platforms":[{"platform":"linux/amd64","epoch":0}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := ParseLock("lock.json", b)
		if err != nil {
			if l != nil || diag.CodeOf(err) != diag.Usage {
				t.Fatalf("ParseLock = %v, %v with exit code %d", l, err, diag.CodeOf(err))
			}
			return
		}
		once, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseLock("lock.json", once)
		if err != nil {
			t.Fatalf("ParseLock of the encoded lock: %v", err)
		}
		twice, err := again.Encode()
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("encoding again (%v) gives\n%s\nafter\n%s", err, twice, once)
		}
	})
}

func canonical(t *testing.T, s *Spec) []byte {
	t.Helper()
	b, err := s.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	return b
}
