package canonjson

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestUnmarshalForeign(t *testing.T) {
	type platform struct {
		OS string `json:"os"`
	}
	type descriptor struct {
		Digest      string            `json:"digest"`
		Size        int64             `json:"size,omitempty"`
		Platform    *platform         `json:"platform"`
		Annotations map[string]string `json:"annotations"`
	}
	type common struct {
		Skin string `json:"skin"`
	}
	type document struct {
		common
		Named     common                `json:"named"`
		Config    descriptor            `json:"config"`
		Manifests []descriptor          `json:"manifests"`
		ByName    map[string]descriptor `json:"by_name"`
		Pair      [2]platform           `json:"pair"`
		Created   time.Time             `json:"created"`
		Raw       json.RawMessage       `json:"raw"`
		Any       any                   `json:"any"`
		Untagged  int
		Secret    int `json:"-"`
		hidden    int
	}
	for text, want := range map[string]string{
		`{"config":{"digest":"a","size":1},"manifests":[{"platform":{"os":"linux"}}],"Untagged":1}`:                            "",
		`{"schemaVersion":2,"config":{"urls":["x"],"Os":1},"manifests":null,"ſchema":1}`:                                       "",
		`{"manifests":[{"annotations":{"Digest":"x","digest":"y","diGest":"z"}}],"by_name":{"a":{},"A":{}},"BY_NAMES":{}}`:     "",
		`{"raw":{"Digest":1,"digest":2},"any":{"Os":1},"created":"2024-01-01T00:00:00Z","secret":1,"Secret":"x","HIDDEN":"x"}`: "",
		`{"any":` + strings.Repeat("9", 400) + `}`:                                                                             "cannot unmarshal number",
		`{"config":{"digest":"a","Digest":"b"}}`:                                                                               `"Digest" is another spelling of "digest"`,
		`{"config":{"DIGEST":"a"}}`:                                                                                            `"DIGEST"`,
		`{"config":{"digest":"a","dige\u017ft":"b"}}`:                                                                          `"digeſt" is another spelling of "digest"`,
		`{"config":{"digest":"a","ſize":1}}`:                                                                                   `"ſize"`,
		`{"Config":{}}`:                                                                                                        `"Config" is another spelling of "config"`,
		`{"manifests":[{"digest":"a"},{"platform":{"oſ":"x"}}]}`:                                                               `"oſ" is another spelling of "os"`,
		`{"by_name":{"a":{"Size":1}}}`:                                                                                         `"Size" is another spelling of "size"`,
		`{"by_name":{},"By_Name":{"a":{}}}`:                                                                                    `"By_Name"`,
		`{"pair":[{},{"Os":"x"}]}`:                                                                                             `"Os"`,
		`{"s\u212ain":"x"}`:                                                                                                    `is another spelling of "skin"`,
		`{"named":{"Skin":"x"}}`:                                                                                               `"Skin"`,
		`{"untagged":1}`:                                                                                                       `"untagged" is another spelling of "Untagged"`,
		`{"config":{"digest":"a","digest":"b"}}`:                                                                               "duplicate key",
		`{"config":[]}`:                                                                                                        "cannot unmarshal array",
		`{"manifests":{"Digest":1}}`:                                                                                           "cannot unmarshal object",
		`{"config":{}} x`:                                                                                                      "invalid character",
		`[{"Config":{}}]`:                                                                                                      "cannot unmarshal array",
	} {
		var d document
		err := UnmarshalForeign([]byte(text), &d)
		if got := fmt.Sprint(err); want == "" && err != nil || want != "" && !strings.Contains(got, want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
		if d.hidden != 0 || d.Secret != 0 {
			t.Errorf("%s: read %+v", text, d)
		}
	}
	var d document
	if err := UnmarshalForeign([]byte(`{"x":1,"skin":"s","config":{"digest":"a","size":7}}`), &d); err != nil || d.Skin != "s" || d.Config.Digest != "a" || d.Config.Size != 7 {
		t.Errorf("got %+v, %v", d, err)
	}
}
