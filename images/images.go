// Package images holds the images that Basal publishes, as data: a folder each
// with image.yaml, lock.json, digests.txt and a README.
package images

import (
	"embed"
	"io/fs"
	"slices"
)

//go:embed static
var files embed.FS

// Names returns the names of the embedded images, sorted.
func Names() []string {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil // an embedded directory can always be read
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return names
}

// Open returns the folder of an embedded image, and whether there is one of
// that name.
func Open(name string) (fs.FS, bool) {
	if !slices.Contains(Names(), name) {
		return nil, false
	}
	sub, err := fs.Sub(files, name)
	return sub, err == nil
}
