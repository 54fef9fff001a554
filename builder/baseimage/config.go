package baseimage

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/canonjson"
	"github.com/basal-project/basal/internal/digest"
)

// Config is what an image config says, as far as an image on top of it keeps it.
type Config struct {
	Platform oci.Platform
	Created  int64 // seconds since 1970; 0 when it does not say
	Run      oci.RunConfig
	DiffIDs  []digest.Digest
	History  []oci.HistoryLine // as it is, lines of empty layers included
	Dropped  []string          // keys of "config" with a meaning that OCI images cannot have, sorted
}

// ParseConfig reads an image config, OCI's or Docker's.
func ParseConfig(b []byte) (Config, error) {
	var c struct {
		Created      time.Time       `json:"created"`
		Architecture string          `json:"architecture"`
		OS           string          `json:"os"`
		Variant      string          `json:"variant"`
		Config       json.RawMessage `json:"config"`
		RootFS       struct {
			Type    string   `json:"type"`
			DiffIDs []string `json:"diff_ids"`
		} `json:"rootfs"`
		History []oci.HistoryLine `json:"history"`
	}
	if err := canonjson.UnmarshalForeign(b, &c); err != nil {
		return Config{}, err
	}
	out := Config{Platform: oci.Platform{OS: c.OS, Architecture: c.Architecture, Variant: c.Variant}, History: c.History}
	if !c.Created.IsZero() {
		out.Created = max(0, c.Created.Unix())
	}
	if c.RootFS.Type != "layers" {
		return Config{}, fmt.Errorf("rootfs is of type %.100q, want \"layers\"", c.RootFS.Type)
	}
	if len(c.RootFS.DiffIDs) > maxLayers || len(c.History) > maxHistory {
		return Config{}, fmt.Errorf("it has %d layers and %d lines of history, want at most %d and %d", len(c.RootFS.DiffIDs), len(c.History), maxLayers, maxHistory)
	}
	for _, s := range c.RootFS.DiffIDs {
		d, err := digest.Parse(s)
		if err != nil {
			return Config{}, fmt.Errorf("diff_ids: %w; only sha256 is supported", err)
		}
		out.DiffIDs = append(out.DiffIDs, d)
	}
	if len(c.Config) == 0 || string(c.Config) == "null" {
		return out, nil
	}
	if err := canonjson.UnmarshalForeign(c.Config, &out.Run); err != nil {
		return Config{}, fmt.Errorf("config: %w", err)
	}
	if err := checkRun(out.Run); err != nil {
		return Config{}, fmt.Errorf("config: %w", err)
	}
	dropped, err := dropped(c.Config)
	out.Dropped = dropped
	return out, err
}

// checkRun refuses what an engine would refuse, or take for something else.
func checkRun(r oci.RunConfig) error {
	for _, e := range r.Env {
		if name, _, _ := strings.Cut(e, "="); name == "" || control(name) || strings.ContainsRune(e, 0) {
			return fmt.Errorf("its Env has %.100q, want NAME=VALUE", e)
		}
	}
	for _, word := range slices.Concat(r.Entrypoint, r.Cmd) {
		if strings.ContainsRune(word, 0) {
			return fmt.Errorf("a command has %.100q, with a NUL character", word)
		}
	}
	if r.WorkingDir != "" && !strings.HasPrefix(r.WorkingDir, "/") {
		return fmt.Errorf("WorkingDir is %.100q, want an absolute path", r.WorkingDir)
	}
	words := []string{r.User, r.WorkingDir, r.StopSignal}
	words = slices.AppendSeq(words, maps.Keys(r.ExposedPorts))
	words = slices.AppendSeq(words, maps.Keys(r.Volumes))
	slices.Sort(words)
	if i := slices.IndexFunc(words, control); i >= 0 {
		return fmt.Errorf("it has %.100q, with a control character", words[i])
	}
	return nil
}

func control(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }

// kept are the keys of "config" that the OCI image specification defines.
var kept = []string{"User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels", "StopSignal"}

// traces are keys that docker build leaves behind and that no engine obeys.
var traces = []string{"Hostname", "Domainname", "AttachStdin", "AttachStdout", "AttachStderr", "Tty", "OpenStdin", "StdinOnce", "Image", "ArgsEscaped"}

// dropped returns the keys that say something and will not be kept.
func dropped(b []byte) ([]string, error) {
	var keys map[string]json.RawMessage
	canon, err := canonjson.Canonicalize(b)
	if err == nil {
		err = json.Unmarshal(canon, &keys)
	}
	nothing := []string{"null", "false", "0", `""`, "[]", "{}"}
	maps.DeleteFunc(keys, func(key string, value json.RawMessage) bool {
		return slices.Contains(kept, key) || slices.Contains(traces, key) || slices.Contains(nothing, string(value))
	})
	return slices.Sorted(maps.Keys(keys)), err
}
