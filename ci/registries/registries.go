// Package registries starts registries on free ports of 127.0.0.1, one of each
// kind that images have to survive: with the referrers API and without, strict
// and easy-going, in memory and on a disk.
package registries

import (
	"context"
	"os"
	"os/exec"

	"github.com/basal-project/basal/ci/programs"
)

// A Kind is one implementation of a registry.
type Kind struct {
	Name      string
	Referrers bool // answers the referrers API of the OCI distribution spec 1.1
	start     func(*Registry) (stop func(), err error)
}

// The kinds that tests run on. Only the third needs a Debian package,
// docker-registry.
var (
	// InProcess is go-containerregistry's, in memory.
	InProcess = Kind{"go-containerregistry", true, startInProcess}
	// Distribution is the CNCF's, version 3, on a disk.
	Distribution = Kind{"distribution", false, startDistribution}
	// Debian is its predecessor, version 2.8, as Debian ships it.
	Debian = Kind{"docker-registry", false, startDebian}
	// Plain is go-containerregistry's as its own programs run it.
	Plain = Kind{"go-containerregistry, plain", false, startInProcess}
)

// Kinds returns the three that images have to get along with.
func Kinds() []Kind { return []Kind{InProcess, Distribution, Debian} }

// Quick returns those of the three that are ready to run. Distribution is not: to
// compile it takes minutes the first time.
func Quick() []Kind { return []Kind{InProcess, Debian} }

// Options say what is not as usual.
type Options struct {
	Storage  string // folder of a kind that has a disk; "": a temporary one
	ReadOnly bool   // refuses what writes, as in maintenance
	Wrap     Wrapper
}

// A Registry runs, or was killed and can run again.
type Registry struct {
	Kind    Kind
	Addr    string // 127.0.0.1:PORT, the same after each restart
	Options Options

	memory any    // what a kind without a disk keeps over a restart
	own    string // temporary storage
	stop   func()
}

// Start starts a registry.
func (k Kind) Start(opt Options) (*Registry, error) {
	r := &Registry{Kind: k, Options: opt, stop: func() {}}
	var err error
	if r.Addr, err = programs.FreeAddr(); err != nil {
		return nil, err
	}
	if r.Options.Storage == "" {
		if r.own, err = os.MkdirTemp("", "basal-registry-"); err != nil {
			return nil, err
		}
		r.Options.Storage = r.own
	}
	if err := r.Restart(); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// Kill ends the registry in the middle of what it does. Its content stays.
func (r *Registry) Kill() {
	r.stop()
	r.stop = func() {}
}

// Restart kills the registry if it runs, and starts it with its Options, which
// may have been changed, and its content.
func (r *Registry) Restart() error {
	r.Kill()
	stop, err := r.Kind.start(r)
	if err != nil {
		return err
	}
	r.stop = stop
	return nil
}

// Close kills the registry and removes its content if nobody gave a folder.
func (r *Registry) Close() error {
	r.Kill()
	if r.own == "" {
		return nil
	}
	return os.RemoveAll(r.own)
}

func startDistribution(r *Registry) (func(), error) {
	file, err := programs.Distribution.Path(context.Background())
	if err != nil {
		return nil, err
	}
	return r.serve(file)
}

func startDebian(r *Registry) (func(), error) {
	file, err := exec.LookPath("docker-registry")
	if err != nil {
		return nil, err
	}
	return r.serve(file)
}
