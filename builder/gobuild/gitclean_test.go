package gobuild

import "testing"

func TestParseTree(t *testing.T) {
	got, err := parseTree([]byte("100644 blob aa\ta\tb\n\x00120000 blob bb\tlink\x00"))
	if err != nil || got["a\tb\n"] != (blob{"100644", "aa"}) || got["link"] != (blob{"120000", "bb"}) {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := parseTree([]byte("100644 blob\tx")); err == nil {
		t.Error("an entry without an object is no error")
	}
}
