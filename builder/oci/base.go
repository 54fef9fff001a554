package oci

import (
	"maps"
	"slices"
	"strings"

	"github.com/basal-project/basal/specs"
)

// Base is the image on which another one stands. The zero value is scratch.
type Base struct {
	Layers  []NamedLayer  // reused as they are, lowest first
	Run     RunConfig     // what the image's own config is laid over
	History []HistoryLine // of the layers, lines of empty ones between them
}

// The media types of layers that only bases have: Basal itself writes gzip.
const (
	MediaTypeLayerPlain = "application/vnd.oci.image.layer.v1.tar"
	MediaTypeLayerZstd  = "application/vnd.oci.image.layer.v1.tar+zstd"
)

// Docker's media types of documents that have the same fields as OCI's.
const (
	DockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	DockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	DockerConfig   = "application/vnd.docker.container.image.v1+json"
)

// LayerType returns the OCI media type of a layer of the given type: Docker's
// names mean the same bytes. It is "" for what is no tar archive that anybody may
// pass on.
func LayerType(mediaType string) string {
	switch mediaType {
	case MediaTypeLayer, "application/vnd.docker.image.rootfs.diff.tar.gzip":
		return MediaTypeLayer
	case MediaTypeLayerPlain, "application/vnd.docker.image.rootfs.diff.tar":
		return MediaTypeLayerPlain
	case MediaTypeLayerZstd, "application/vnd.docker.image.rootfs.diff.tar.zstd":
		return MediaTypeLayerZstd
	}
	return ""
}

// history returns the base's lines if they fit its layers; tools that count them
// would be lost otherwise, and get a plain line for each layer.
func (b Base) history() []HistoryLine {
	layers := 0
	for _, line := range b.History {
		if !line.EmptyLayer {
			layers++
		}
	}
	if layers == len(b.Layers) {
		return append([]HistoryLine{}, b.History...)
	}
	lines := []HistoryLine{}
	for _, l := range b.Layers {
		lines = append(lines, HistoryLine{CreatedBy: l.Name})
	}
	return lines
}

// runConfig lays c over the base's: what c does not set stays, and an empty list
// clears. As in a Dockerfile, an entrypoint takes the base's command with it,
// which was written for another one.
func (b Base) runConfig(c specs.Config) RunConfig {
	r, under := runConfig(c), b.Run
	if r.User == "" {
		r.User = under.User
	}
	if r.WorkingDir == "" {
		r.WorkingDir = under.WorkingDir
	}
	if r.StopSignal == "" {
		r.StopSignal = under.StopSignal
	}
	if c.Cmd == nil && c.Entrypoint == nil {
		r.Cmd = under.Cmd
	}
	if c.Entrypoint == nil {
		r.Entrypoint = under.Entrypoint
	}
	if c.Ports == nil && len(under.ExposedPorts) > 0 {
		r.ExposedPorts = under.ExposedPorts
	}
	if c.Volumes == nil && len(under.Volumes) > 0 {
		r.Volumes = under.Volumes
	}
	if len(under.Labels) > 0 {
		labels := maps.Clone(under.Labels)
		maps.Copy(labels, c.Labels)
		r.Labels = labels
	}
	r.Env = mergeEnv(under.Env, c.Env)
	return r
}

// mergeEnv keeps the base's variables in their places, with the values of env for
// those that it names; what is new follows, sorted.
func mergeEnv(base []string, env map[string]string) []string {
	var out []string
	done := map[string]bool{}
	for _, line := range base {
		name, _, _ := strings.Cut(line, "=")
		if value, ok := env[name]; ok {
			if done[name] {
				continue
			}
			line, done[name] = name+"="+value, true
		}
		out = append(out, line)
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if !done[name] {
			out = append(out, name+"="+env[name])
		}
	}
	return out
}
