//go:build !linux

package layout

// exchange swaps two directories.
func exchange(a, b string) error { return swap(a, b) }
