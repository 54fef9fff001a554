package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/basal-project/basal/ci/programs"
	"github.com/basal-project/basal/ci/registries"
)

const (
	// maxOverGoBuild is what putting a Go program on an image may cost beside
	// compiling it, in CPU seconds.
	maxOverGoBuild = 0.15
	// maxLargePeak is the memory that moving a large layer may take, in MiB.
	maxLargePeak = 40
	largeBytes   = 200 << 20
)

const largeSpec = `version: 1
name: large
platforms: [linux/amd64]
files:
  - {path: /data, source: data}
`

// publishing measures what has to do with registries and Go programs, prints it,
// and says whether all numbers hold.
func publishing(in *inputs, rounds int) (held bool, err error) {
	p, err := in.publish()
	if p != nil {
		defer p.close()
	}
	if err != nil {
		return false, err
	}
	unchanged, err := measure([]command{p.pushUnchanged()}, max(1, rounds/2))
	if err != nil {
		return false, err
	}
	requests, uploads := p.requests()
	things, err := in.countStatic()
	if err != nil {
		return false, err
	}
	basalBuild, goBuild, others, err := p.program(context.Background())
	if err != nil {
		return false, err
	}
	programs, err := measure(append([]command{basalBuild, goBuild}, others...), max(1, rounds/2))
	if err != nil {
		return false, err
	}
	push, pull, err := p.large()
	if err != nil {
		return false, err
	}
	moved, err := measure([]command{push, pull}, max(1, rounds/7))
	if err != nil {
		return false, err
	}
	fmt.Println()
	held = table(slices.Concat(unchanged, programs, moved))
	few := requests <= things && uploads == 0
	fmt.Printf("\n%s\n  requests %d, asked at most one for each of %d blobs and manifests: %s\n  uploads  %d, asked none: %s\n",
		unchanged[0].name, requests, things, verdict(requests <= things), uploads, verdict(uploads == 0))
	over := differenceOf(programs[0], programs[1], cpu)
	fmt.Printf("%s less %s\n  CPU %.3f s, asked at most %g: %s\n", programs[0].name, programs[1].name, over, maxOverGoBuild, verdict(over <= maxOverGoBuild))
	return held && few && over <= maxOverGoBuild, nil
}

// countStatic returns how many blobs and manifests static has: the files of its
// layout's blobs.
func (in *inputs) countStatic() (int, error) {
	files, err := os.ReadDir(in.path("out-static/blobs/sha256"))
	return len(files), err
}

// A published is a registry that holds what is measured. It is a process of its own: its memory
// would otherwise count as that of the processes which this program forks.
type published struct {
	in       *inputs
	registry *registries.Registry
	recorder *registries.Recorder // before the registry
	base     string               // static there, by digest
}

// publish starts a registry and pushes static to it.
func (in *inputs) publish() (*published, error) {
	r, err := registries.Distribution.Start(registries.Options{Storage: in.path("registry")})
	if err != nil {
		return nil, err
	}
	p := &published{in: in, registry: r}
	if p.recorder, err = registries.Record(r); err != nil {
		return p, err
	}
	out, err := p.basal("push", in.path("static"), p.static())
	if err != nil {
		return p, err
	}
	digest, _, _ := strings.Cut(out, " ")
	p.base = p.static() + "@" + digest
	return p, nil
}

func (p *published) close() {
	if p.recorder != nil {
		p.recorder.Close()
	}
	p.registry.Close()
}

func (p *published) basal(args ...string) (string, error) {
	cmd := exec.Command(basal, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", basal, strings.Join(args, " "), err, stderr.String())
	}
	return string(out), nil
}

func (p *published) static() string { return p.recorder.Addr + "/static" }

// pushUnchanged pushes what is there already.
func (p *published) pushUnchanged() command {
	return command{
		name:  "basal push static, all of it there",
		args:  []string{basal, "push", p.in.path("static"), p.static()},
		clean: func() error { p.recorder.Take(); return nil },
		asked: asked{cpu: 0.05},
	}
}

// requests returns how many requests the last push made, beside those that ask
// whether this is a registry, and how many brought something.
func (p *published) requests() (all, uploads int) {
	requests := p.recorder.Take()
	return len(requests) - registries.Pings(requests), len(registries.Uploads(requests))
}

// program returns the three ways to an image of examples/server, and the compile
// alone. It needs copies of the example in folders of their own, and everything
// done once.
func (p *published) program(ctx context.Context) (basalBuild, goBuild command, others []command, err error) {
	in := p.in
	for _, name := range []string{"server", "server-ko"} {
		if err := os.CopyFS(in.path(name), os.DirFS("examples/server")); err != nil {
			return command{}, command{}, nil, err
		}
	}
	spec, err := os.ReadFile(in.path("server/image.yaml"))
	if err != nil {
		return command{}, command{}, nil, err
	}
	one := strings.Replace(string(spec), "[linux/amd64, linux/arm64]", "[linux/amd64]", 1)
	if err := os.WriteFile(in.path("server/image.yaml"), []byte(one), 0o644); err != nil {
		return command{}, command{}, nil, err
	}
	if _, err := p.basal("lock", in.path("server")); err != nil {
		return command{}, command{}, nil, err
	}
	nothing := func() error { return nil }
	basalBuild = command{
		name:  "basal build examples/server, nothing changed",
		args:  []string{basal, "build", in.path("server"), "-o", in.path("g/out")},
		clean: in.fresh("g"),
	}
	goBuild = command{
		name: "go build with the same flags",
		args: []string{"env", "-C", in.path("server"), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOAMD64=v1", "GOFLAGS=", "GOWORK=off", "GOENV=off",
			"go", "build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags=-s -w", "-o", in.path("server-alone"), "."},
		clean: nothing,
	}
	ko, err := programs.Ko.Path(ctx)
	if err != nil {
		return command{}, command{}, nil, err
	}
	for _, c := range []struct{ name, cache string }{{"ko build", ""}, {"ko build with KOCACHE", in.path("kocache")}} {
		others = append(others, command{
			name: c.name,
			args: []string{"env", "-C", in.path("server-ko"), "KOCACHE=" + c.cache, "KO_DOCKER_REPO=" + p.recorder.Addr + "/ko", "KO_DEFAULTBASEIMAGE=" + p.base,
				"CGO_ENABLED=0", "GOFLAGS=-ldflags=-s", ko, "build", "--platform=linux/amd64", "--sbom=none", "."},
			clean: nothing,
		})
	}
	return basalBuild, goBuild, others, nil
}

// large returns the push and the pull of a layer of 200 MB that no compressor
// makes smaller. Each push goes to an empty registry.
func (p *published) large() (push, pull command, err error) {
	in := p.in
	if err := os.Mkdir(in.path("large"), 0o755); err != nil {
		return push, pull, err
	}
	data := make([]byte, 1<<20)
	f, err := os.Create(in.path("large/data"))
	if err != nil {
		return push, pull, err
	}
	defer f.Close()
	for range largeBytes / len(data) {
		rand.Read(data)
		if _, err := f.Write(data); err != nil {
			return push, pull, err
		}
	}
	if err := os.WriteFile(in.path("large/image.yaml"), []byte(largeSpec), 0o644); err != nil {
		return push, pull, err
	}
	if _, err := p.basal("lock", in.path("large")); err != nil {
		return push, pull, err
	}
	push = command{
		name:  "basal push, a layer of 200 MiB",
		args:  []string{basal, "push", in.path("large"), p.registry.Addr + "/large"},
		clean: p.empty,
		asked: asked{peak: maxLargePeak},
	}
	pull = command{
		name:  "basal pull, a layer of 200 MiB",
		args:  []string{basal, "pull", p.registry.Addr + "/large:latest", "-o", in.path("h/out")},
		clean: in.fresh("h"),
		asked: asked{peak: maxLargePeak},
	}
	return push, pull, nil
}

// empty takes everything out of the registry.
func (p *published) empty() error {
	p.registry.Kill()
	if err := os.RemoveAll(filepath.Join(p.in.path("registry"), "docker")); err != nil {
		return err
	}
	return p.registry.Restart()
}
