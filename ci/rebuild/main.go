// Command rebuild builds an embedded image from its lock, offline, into an OCI
// layout:
//
//	rebuild IMAGE CACHE LAYOUT
//
// CACHE is a folder of basal's, with all inputs of the image. It makes what
// basal build --no-cache makes, by the same packages, without the rest of the
// program: registries, the compiling of Go programs, commands. That rest has most
// of the program's dependencies, and tests that compile for another processor, or
// with another Go release, can do without it.
package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"

	"github.com/basal-project/basal/builder"
	"github.com/basal-project/basal/builder/cache"
	"github.com/basal-project/basal/builder/fetch"
	"github.com/basal-project/basal/builder/layers"
	"github.com/basal-project/basal/builder/layout"
	"github.com/basal-project/basal/images"
	"github.com/basal-project/basal/specs"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: rebuild IMAGE CACHE LAYOUT")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "rebuild:", err)
		os.Exit(1)
	}
}

func run(image, inputs, out string) error {
	files, ok := images.Open(image)
	if !ok {
		return fmt.Errorf("no embedded image is called %s", image)
	}
	b, err := fs.ReadFile(files, "lock.json")
	if err != nil {
		return err
	}
	lock, err := specs.ParseLock(image+"/lock.json", b)
	if err != nil {
		return err
	}
	dir, err := cache.Open(inputs)
	if err != nil {
		return err
	}
	defer dir.Close()
	source := fetch.New(fetch.Options{Cache: dir, Local: []fs.FS{files}, Offline: true})
	store := layers.NewPrivate(scratch) // nothing is recalled: every layer is made
	defer store.Close()
	made, err := builder.Build(context.Background(), lock, source, builder.Options{Layers: store, Scratch: scratch})
	if err != nil {
		return err
	}
	var list []layout.Image
	for _, v := range made.Variants {
		list = append(list, layout.Image{Tag: v.Name, Index: v.Index, Platforms: v.Images})
	}
	return layout.Write(out, made.Name, list, store)
}

// scratch returns a temporary file without a name.
func scratch() (builder.ScratchFile, error) {
	f, err := os.CreateTemp("", "basal-rebuild-*")
	if err != nil {
		return nil, err
	}
	return f, os.Remove(f.Name())
}
