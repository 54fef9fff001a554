package oci

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/basal-project/basal/specs"
)

var under = RunConfig{
	User: "7", Env: []string{"PATH=/a", "Z=1", "A=2"}, Entrypoint: []string{"/e"}, Cmd: []string{"c"}, WorkingDir: "/w", StopSignal: "INT",
	Labels: map[string]string{"x": "1", "y": "2"}, ExposedPorts: map[string]struct{}{"80/tcp": {}}, Volumes: map[string]struct{}{"/v": {}},
}

func TestConfigOverBase(t *testing.T) {
	for name, c := range map[string]struct {
		over   specs.Config
		change func(*RunConfig)
	}{
		"nothing":            {specs.Config{}, func(*RunConfig) {}},
		"user":               {specs.Config{User: "8"}, func(r *RunConfig) { r.User = "8" }},
		"workdir and signal": {specs.Config{Workdir: "/x", StopSignal: "TERM"}, func(r *RunConfig) { r.WorkingDir, r.StopSignal = "/x", "TERM" }},
		"environment": {specs.Config{Env: map[string]string{"Z": "9", "B": "1", "AA": "1"}}, func(r *RunConfig) {
			r.Env = []string{"PATH=/a", "Z=9", "A=2", "AA=1", "B=1"}
		}},
		"labels": {specs.Config{Labels: map[string]string{"y": "3", "z": "4"}}, func(r *RunConfig) { r.Labels = map[string]string{"x": "1", "y": "3", "z": "4"} }},
		"cmd":    {specs.Config{Cmd: []string{"d"}}, func(r *RunConfig) { r.Cmd = []string{"d"} }},
		// As in a Dockerfile: the base's command was for its own entrypoint.
		"entrypoint":         {specs.Config{Entrypoint: []string{"/f"}}, func(r *RunConfig) { r.Entrypoint, r.Cmd = []string{"/f"}, nil }},
		"no entrypoint":      {specs.Config{Entrypoint: []string{}}, func(r *RunConfig) { r.Entrypoint, r.Cmd = nil, nil }},
		"entrypoint and cmd": {specs.Config{Entrypoint: []string{"/f"}, Cmd: []string{"d"}}, func(r *RunConfig) { r.Entrypoint, r.Cmd = []string{"/f"}, []string{"d"} }},
		"ports":              {specs.Config{Ports: []string{"1/udp"}}, func(r *RunConfig) { r.ExposedPorts = map[string]struct{}{"1/udp": {}} }},
		"no ports":           {specs.Config{Ports: []string{}, Volumes: []string{}}, func(r *RunConfig) { r.ExposedPorts, r.Volumes = nil, nil }},
	} {
		want := under
		c.change(&want)
		i, err := NewImageOn(Base{Run: under}, specs.Platform{OS: "linux", Arch: "amd64"}, nil, c.over, 1)
		if err != nil {
			t.Fatal(err)
		}
		var got Config
		if err := json.Unmarshal(i.Config.Bytes, &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got.Config, want) {
			t.Errorf("%s: got %+v, want %+v", name, got.Config, want)
		}
	}
	if under.Labels["y"] != "2" || len(under.Env) != 3 {
		t.Error("the base's own config has changed")
	}
}

func TestRepeatedVariables(t *testing.T) {
	if got := mergeEnv([]string{"A=1", "B=2", "A=3"}, map[string]string{"A": "4"}); !slices.Equal(got, []string{"A=4", "B=2"}) {
		t.Errorf("got %q", got)
	}
}

func TestLayersOverBase(t *testing.T) {
	day := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	lines := []HistoryLine{{Created: day, CreatedBy: "ADD x", Comment: "c", Author: "me"}, {CreatedBy: "ENV a", EmptyLayer: true}, {CreatedBy: "RUN"}}
	zstd := named("two")
	zstd.MediaType = MediaTypeLayerZstd
	base := Base{Layers: []NamedLayer{named("one"), zstd}, History: lines}
	i, err := NewImageOn(base, specs.Platform{OS: "linux", Arch: "amd64"}, []NamedLayer{named("three")}, specs.Config{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	var m Manifest
	var c Config
	for doc, into := range map[*Document]any{&i.Manifest: &m, &i.Config: &c} {
		if err := json.Unmarshal(doc.Bytes, into); err != nil {
			t.Fatal(err)
		}
	}
	var types []string
	for _, l := range m.Layers {
		types = append(types, l.MediaType)
	}
	if !slices.Equal(types, []string{MediaTypeLayer, MediaTypeLayerZstd, MediaTypeLayer}) || len(c.RootFS.DiffIDs) != 3 {
		t.Errorf("got layers %q, diffIDs %v", types, c.RootFS.DiffIDs)
	}
	want := append(slices.Clone(lines), HistoryLine{Created: time.Unix(1, 0).UTC(), CreatedBy: "basal: three"})
	if !reflect.DeepEqual(c.History, want) {
		t.Errorf("got the history %+v, want %+v", c.History, want)
	}
	if text := string(i.Config.Bytes); strings.Contains(text, "0001-01-01") {
		t.Errorf("a line without a time got one: %s", text)
	}

	// A history of other layers is none.
	base.History = lines[:1]
	if got := base.history(); len(got) != 2 || got[0].CreatedBy != "one" {
		t.Errorf("got the history %+v", got)
	}
}
