// Command profile writes ci/basal.pgo, the CPU profile by which make build lets
// the compiler optimise basal: it builds the image static several times without
// the layer cache. The profile changes how fast basal is, never what it writes.
//
//	go run ./ci/profile
package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"runtime/pprof"

	"github.com/basal-project/basal/builder"
	"github.com/basal-project/basal/builder/cache"
	"github.com/basal-project/basal/builder/fetch"
	"github.com/basal-project/basal/builder/layers"
	"github.com/basal-project/basal/specs"
)

const (
	image = "images/static"
	out   = "ci/basal.pgo"
	times = 12
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "profile:", err)
		os.Exit(1)
	}
}

func run() error {
	b, err := os.ReadFile(image + "/lock.json")
	if err != nil {
		return err
	}
	lock, err := specs.ParseLock(image+"/lock.json", b)
	if err != nil {
		return err
	}
	inputs, err := cache.Open("") // private: nothing of this machine's cache is in the profile
	if err != nil {
		return err
	}
	defer inputs.Close()
	local, err := fetch.LocalFiles(image)
	if err != nil {
		return err
	}
	client := fetch.New(fetch.Options{Cache: inputs, Mirrors: fetch.AptMirrors("/"), Snapshot: fetch.SnapshotService, Local: []fs.FS{local}})
	build := func() error { return build(lock, client) }
	if err := build(); err != nil { // brings the inputs
		return err
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	for range times {
		if err := build(); err != nil {
			return err
		}
	}
	pprof.StopCPUProfile()
	return f.Close()
}

func build(lock *specs.Lock, src builder.Source) error {
	store := layers.NewPrivate(scratch)
	defer store.Close()
	_, err := builder.Build(context.Background(), lock, src, builder.Options{Layers: store, Scratch: scratch})
	return err
}

// scratch returns a temporary file without a name.
func scratch() (builder.ScratchFile, error) {
	f, err := os.CreateTemp("", "basal-profile-*")
	if err != nil {
		return nil, err
	}
	return f, os.Remove(f.Name())
}
