// Package builder assembles images: Build turns a lock and the bytes that it
// names into OCI documents and layers, and reads nothing else.
package builder

import "github.com/basal-project/basal/builder/oci"

// Result is a built image: one index for each variant.
type Result struct {
	Name     string // the image's name
	Variants []Variant
}

// Variant is one published tag: an index over the platforms.
type Variant struct {
	Name   string // also the tag: latest, nonroot, …
	Index  oci.Document
	Images []oci.Image // in the order of the index

	// Programs are the Go programs of each of Images, those of what the image
	// extends first.
	Programs [][]MadeProgram
}
