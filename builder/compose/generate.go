package compose

import (
	"slices"
	"strings"

	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/diag"
)

// generate returns what the step itself puts into the image: the spec's files,
// and the files that are computed from everything merged so far, the parent's
// accounts and certificates included.
func (img *Image) generate(parent Image, s Step, files []rootfs.Entry, placed []placedPackage) ([]rootfs.Entry, error) {
	own := slices.Clone(files)
	for _, entriesOf := range []func() ([]rootfs.Entry, error){
		func() ([]rootfs.Entry, error) { return img.accountFiles(parent.Tree, s) },
		func() ([]rootfs.Entry, error) { return img.certificateFiles(s) },
		func() ([]rootfs.Entry, error) { return osRelease(parent.Tree, s) },
	} {
		entries, err := entriesOf()
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if declares(files, e.Path) { // a hand-written file wins over a generated one
				continue
			}
			if err := checkReplaced(parent.Tree, e); err != nil {
				return nil, err
			}
			own = append(own, e)
		}
	}
	return own, nil
}

// generatedBy begins the origin of what is computed from the whole image.
const generatedBy = "generated:"

func isGenerated(e rootfs.Entry) bool {
	return slices.ContainsFunc(e.Origins, func(o string) bool { return strings.HasPrefix(o, generatedBy) })
}

// checkReplaced refuses a list, such as that of the accounts, over one of the
// parent's that was not computed: what that one says would be lost unseen.
// os-release is made of the file below, whoever wrote it.
func checkReplaced(parent rootfs.Tree, e rootfs.Entry) error {
	below, ok := parent.Lookup(e.Path)
	if ok && keepsLines(e.Path) && isFromBase(below) && isGenerated(e) {
		return checkKept(e, below)
	}
	if !ok || e.Kind != rootfs.File || e.Path == osReleasePath || !isGenerated(e) || isGenerated(below) {
		return nil
	}
	return diag.Usagef("/%s would be generated anew, and lose what the parent's, from %s, says", e.Path, rootfs.From(below.Origins)).
		WithHint("write the whole file in files")
}

func declares(files []rootfs.Entry, path string) bool {
	return slices.ContainsFunc(files, func(e rootfs.Entry) bool { return e.Path == path })
}

func textFile(path string, content []byte, origins ...string) rootfs.Entry {
	return rootfs.Entry{Path: path, Kind: rootfs.File, Mode: 0o644, Content: rootfs.Bytes(content), Origins: origins}
}
