package builder_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/basal-project/basal/builder"
	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// compiler makes programs out of their names, as they are told.
type compiler struct {
	mu    sync.Mutex
	text  string
	calls []string
}

func (c *compiler) Compile(_ context.Context, p builder.Program) (builder.Binary, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, p.Package+" "+p.Platform.String()+" "+strings.Join(p.Ldflags, " "))
	b := []byte(c.text + p.Package + p.Platform.String())
	return builder.Binary{SHA256: digest.Of(b), Size: int64(len(b)), Content: rootfs.Bytes(b), Source: "h1:source"}, nil
}

const programs = `version: 1
name: p
platforms: [linux/amd64, linux/arm64]
files:
  - {path: /bin, type: symlink, target: usr/bin}
  - {path: /etc/x, content: amd64, platforms: [linux/amd64]}
go:
  - {package: ./a, path: /bin/a}
  - {package: ./b, path: /usr/bin/b}
variants:
  debug:
    go: [{package: ./a, path: /usr/bin/again}]
`

func programRig(t *testing.T) *rig {
	r := newRig(t, programs, nil, nil)
	r.lock.Go = &specs.LockedGo{Toolchain: "go1.26.8"}
	for _, name := range []string{"a", "b"} {
		r.lock.Go.Programs = append(r.lock.Go.Programs, specs.LockedProgram{Package: "./" + name, Import: "example.com/" + name, Module: specs.Module{Path: "example.com/" + name}})
	}
	for i := range r.lock.Platforms {
		r.lock.Platforms[i].Epoch = 946684800
	}
	return r
}

func TestPrograms(t *testing.T) {
	r := programRig(t)
	c := &compiler{}
	result := r.mustBuild(func(o *builder.Options) { o.Compiler = c })
	if len(c.calls) != 4 {
		t.Errorf("compiled %q, want each of two programs on two platforms once", c.calls)
	}
	latest := result.Variants[0]
	var names []string
	for _, l := range latest.Images[0].Layers {
		names = append(names, l.Name)
	}
	if got, want := strings.Join(names, ", "), "files of p, go example.com/a, go example.com/b"; got != want {
		t.Errorf("got the layers %s, want %s", got, want)
	}
	made := latest.Programs[0][0]
	if made.Import != "example.com/a" || made.Module.Sum != "h1:source" || made.SHA256 != digest.Of([]byte("./alinux/amd64")) {
		t.Errorf("got %+v", made)
	}
	if latest.Images[0].Layers[0].Digest == latest.Images[1].Layers[0].Digest {
		t.Error("a file of one platform is on both")
	}
	if n := len(result.Variants[1].Images[0].Layers); n != len(names)+1 {
		t.Errorf("debug has %d layers, want one more than %d", n, len(names))
	}
}

// A changed program is one changed layer.
func TestChangedProgram(t *testing.T) {
	r := programRig(t)
	before := r.mustBuild(func(o *builder.Options) { o.Compiler = &compiler{} }).Variants[0].Images[0].Layers
	after := r.mustBuild(func(o *builder.Options) { o.Compiler = &compiler{text: "new "} }).Variants[0].Images[0].Layers
	for i, l := range before {
		if same, want := l.Digest == after[i].Digest, !strings.HasPrefix(l.Name, "go "); same != want {
			t.Errorf("layer %s: same is %v, want %v", l.Name, same, want)
		}
	}
}

func TestProgramIsChecked(t *testing.T) {
	r := programRig(t)
	_, err := r.build(func(o *builder.Options) { o.Compiler = lying{} })
	if err == nil || !strings.Contains(err.Error(), "as it was compiled") {
		t.Errorf("got %v, want an error: the program is not what its digest says", err)
	}
}

type lying struct{}

func (lying) Compile(context.Context, builder.Program) (builder.Binary, error) {
	return builder.Binary{SHA256: digest.Of([]byte("this")), Size: 4, Content: rootfs.Bytes([]byte("that"))}, nil
}
