package canonjson

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestMarshal(t *testing.T) {
	type inner struct {
		Z int    `json:"z"`
		A string `json:"a,omitempty"`
	}
	for want, v := range map[string]any{
		`{"B":1,"a":2,"é":3}`: map[string]int{"é": 3, "a": 2, "B": 1},
		`{"z":0}`:             inner{},
		`{"a":"x","z":-5}`:    inner{-5, "x"},
		`[]`:                  []int{},
		`null`:                []int(nil),
		`["<&>\u0001\"\\\n\t\u000d/é` + "\u2028" + `"]`: []string{"<&>\x01\"\\\n\t\r/é\u2028"},
		`"2025-07-14T16:20:00Z"`:                        time.Unix(1_752_510_000, 0).UTC(),
		`18446744073709551615`:                          uint64(math.MaxUint64),
		`[true,false]`:                                  []bool{true, false},
	} {
		got, err := Marshal(v)
		if err != nil || string(got) != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
		file, err := MarshalFile(v)
		if err != nil || string(file) != want+"\n" {
			t.Errorf("as a file: %q, %v", file, err)
		}
	}
	for _, v := range []any{1.5, func() {}, map[string]float64{"x": 1e30}} {
		if b, err := Marshal(v); err == nil {
			t.Errorf("%T is written as %s", v, b)
		}
	}
}

func TestCanonicalize(t *testing.T) {
	for in, want := range map[string]string{
		" { \"b\" : [ 1 , { } ] ,\n\"a\":\"\\u00e9\\/\" } ": `{"a":"é/","b":[1,{}]}`,
		`"\ud83d\ude00"`: `"😀"`,
		`-10`:            `-10`,
		`null`:           `null`,
	} {
		got, err := Canonicalize([]byte(in))
		if err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v, want %s", in, got, err, want)
		}
	}
}

func TestWhatHasNoSingleMeaning(t *testing.T) {
	for name, in := range map[string]string{
		"duplicate key":           `{"a":1,"a":1}`,
		"duplicate, by an escape": `{"a":1,"\u0061":1}`,
		"deep duplicate":          `[{"x":{"a":1,"a":2}}]`,
		"two documents":           `{} {}`,
		"a word after it":         `{}x`,
		"a fraction":              `1.0`,
		"an exponent":             `1e3`,
		"minus zero":              `-0`,
		"invalid UTF-8":           "\"\xff\"",
		"half a character":        `"\ud800"`,
		"the other half":          `"\udc00x"`,
		"two first halves":        `"\ud800\ud800\udc00"`,
		"half a key":              `{"\ud800":1}`,
		"too deep":                strings.Repeat("[", 100) + strings.Repeat("]", 100),
		"nothing":                 "",
		"white space":             " \n",
		"unfinished object":       `{"a":1`,
		"unfinished list":         `[1`,
		"trailing comma":          `[1,]`,
		"trailing comma in {}":    `{"a":1,}`,
		"no comma":                `[1 2]`,
		"no colon":                `{"a" 1}`,
		"a bare key":              `{a:1}`,
		"wrong end":               `[1}`,
		"a comment":               `/* */ {}`,
		"not a number":            `NaN`,
		"leading zero":            `01`,
	} {
		if out, err := Canonicalize([]byte(in)); err == nil {
			t.Errorf("%s: %s is read as %s", name, in, out)
		}
		var v any
		if err := Unmarshal([]byte(in), &v); err == nil {
			t.Errorf("%s: %s is unmarshalled as %v", name, in, v)
		}
	}
	if _, err := Canonicalize([]byte(strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth))); err != nil {
		t.Errorf("%d levels: %v", maxDepth, err)
	}
}

func TestUnmarshalIsStrict(t *testing.T) {
	type doc struct {
		A int `json:"a"`
	}
	var d doc
	if err := Unmarshal([]byte(` {"a": 3} `), &d); err != nil || d.A != 3 {
		t.Errorf("got %+v, %v", d, err)
	}
	for _, in := range []string{`{"a":1,"b":2}`, `{"a":"1"}`, `[]`, `{"a":99999999999999999999}`} {
		if err := Unmarshal([]byte(in), &doc{}); err == nil {
			t.Errorf("%s is accepted", in)
		}
	}
}

// decode reads a document; numbers may be larger than any that Go has.
func decode(b []byte) (v any, err error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	err = dec.Decode(&v)
	return v, err
}

// FuzzCanonicalize: what is accepted is JSON, means the same afterwards, and has
// one spelling.
func FuzzCanonicalize(f *testing.F) {
	for _, s := range []string{`{"b":[1,{}],"a":"\u00e9"}`, `"\ud83d\ude00"`, `"\ud800"`, `[1,]`, `{"a":1,"a":2}`, `"\\ud800"`, "\"\\", `-1`, "1" + strings.Repeat("0", 400)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := Canonicalize(b)
		if err != nil {
			return
		}
		again, err := Canonicalize(out)
		if err != nil || string(again) != string(out) {
			t.Fatalf("%q becomes %q, then %q, %v", b, out, again, err)
		}
		was, err := decode(b)
		if err != nil {
			t.Fatalf("%q is accepted and is no JSON: %v", b, err)
		}
		if is, err := decode(out); err != nil || !reflect.DeepEqual(was, is) {
			t.Fatalf("%q becomes %q: %v", b, out, err)
		}
	})
}
