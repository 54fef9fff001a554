package specs

import "testing"

func BenchmarkParse(b *testing.B) {
	in := readFile(b, "testdata/static.yaml")
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, err := Parse("static.yaml", in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseLock(b *testing.B) {
	in, err := testLock(b).Encode()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, err := ParseLock("lock.json", in); err != nil {
			b.Fatal(err)
		}
	}
}
