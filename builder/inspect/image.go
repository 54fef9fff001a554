package inspect

import (
	"context"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/basal-project/basal/builder/oci"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
)

// readImage reads a manifest's config, and puts both together.
func readImage(ctx context.Context, at Place, d oci.Descriptor, m parsed) (*Platform, error) {
	p := &Platform{
		Platform: platformOf(d), Digest: d.Digest, MediaType: m.MediaType,
		Annotations: m.Annotations, Layers: []Layer{},
	}
	for _, l := range m.Layers {
		if err := sane(l); err != nil {
			return nil, fault(d.Digest, "%w", err)
		}
		p.Size += l.Size
		p.Layers = append(p.Layers, Layer{Digest: l.Digest, Size: l.Size, MediaType: l.MediaType})
	}
	if !isConfig(m.Config.MediaType) || m.ArtifactType != "" {
		if p.Artifact = m.ArtifactType; p.Artifact == "" {
			p.Artifact = m.Config.MediaType // what artifacts had before artifactType
		}
		if p.Artifact == "" {
			p.Artifact = "unknown"
		}
		return p, nil
	}
	c, err := readConfig(ctx, at, *m.Config)
	if err != nil {
		return nil, err
	}
	return p, p.configure(c, m.Config.Digest)
}

// imageConfig is an image's config, whoever wrote it.
type imageConfig struct {
	Created      string `json:"created"`
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	Variant      string `json:"variant"`
	Config       struct {
		User         string
		ExposedPorts map[string]any
		Env          []string
		Entrypoint   []string
		Cmd          []string
		Volumes      map[string]any
		WorkingDir   string
		Labels       map[string]string
		StopSignal   string
	} `json:"config"`
	RootFS struct {
		DiffIDs []digest.Digest `json:"diff_ids"`
	} `json:"rootfs"`
	History []historyLine `json:"history"`
}

func readConfig(ctx context.Context, at Place, d oci.Descriptor) (*imageConfig, error) {
	if err := sane(d); err != nil {
		return nil, err
	}
	if d.Size > maxDocument {
		return nil, fault(d.Digest, "a config of %d bytes, more than %d", d.Size, maxDocument)
	}
	r, err := at.Open(ctx, d)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(digest.NewReader(r, d.Digest, d.Size))
	if err != nil {
		return nil, diag.Failedf("config %s: %w", d.Digest, err)
	}
	var c imageConfig
	if err := unmarshal(b, &c); err != nil {
		return nil, fault(d.Digest, "%v", err)
	}
	return &c, nil
}

// configure adds to p what its config says.
func (p *Platform) configure(c *imageConfig, d digest.Digest) error {
	if len(c.RootFS.DiffIDs) != len(p.Layers) {
		return fault(d, "it has %d diff_ids for the manifest's %d layers", len(c.RootFS.DiffIDs), len(p.Layers))
	}
	for i, id := range c.RootFS.DiffIDs {
		p.Layers[i].DiffID = id
	}
	p.history(c.History)
	p.Created = timeText(c.Created)
	p.Config = &Config{
		User: c.Config.User, Env: c.Config.Env, Entrypoint: c.Config.Entrypoint, Cmd: c.Config.Cmd,
		Workdir: c.Config.WorkingDir, Labels: c.Config.Labels, StopSignal: c.Config.StopSignal,
		Ports: slices.Sorted(maps.Keys(c.Config.ExposedPorts)), Volumes: slices.Sorted(maps.Keys(c.Config.Volumes)),
	}
	switch own := platformText(c.OS, c.Architecture, c.Variant); {
	case p.Platform == "":
		p.Platform = own
	case own != "" && own != p.Platform && !fits(p.Platform, own):
		p.Notes = append(p.Notes, "the index says "+p.Platform+", and the config says "+own)
	}
	return nil
}

// timeText writes a time in UTC; what is no time stays as it is.
func timeText(s string) string {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return s
	}
	return t.UTC().Format(time.RFC3339)
}
