package compose

import (
	"slices"

	"github.com/basal-project/basal/builder/rootfs"
)

// generate returns what the step itself puts into the image: the spec's files,
// and the files that are computed from everything merged so far, the parent's
// accounts and certificates included.
func (img *Image) generate(parent Image, s Step, files []rootfs.Entry, placed []placedPackage) ([]rootfs.Entry, error) {
	own := slices.Clone(files)
	for _, make := range []func() ([]rootfs.Entry, error){
		func() ([]rootfs.Entry, error) { return img.accountFiles(s) },
		func() ([]rootfs.Entry, error) { return img.certificateFiles(s) },
		func() ([]rootfs.Entry, error) { return osRelease(parent.Tree, s) },
	} {
		entries, err := make()
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if !declares(files, e.Path) { // a hand-written file wins over a generated one
				own = append(own, e)
			}
		}
	}
	return own, nil
}

func declares(files []rootfs.Entry, path string) bool {
	return slices.ContainsFunc(files, func(e rootfs.Entry) bool { return e.Path == path })
}

func textFile(path string, content []byte, origins ...string) rootfs.Entry {
	return rootfs.Entry{Path: path, Kind: rootfs.File, Mode: 0o644, Content: rootfs.Bytes(content), Origins: origins}
}
