package debian

import (
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"

	"github.com/basal-project/basal/internal/digest"
)

// The caps of a Packages file, as it is fetched and unpacked. trixie's has 10 MB
// and 57 MB.
const (
	MaxIndex    = 256 << 20
	MaxPackages = 1 << 30
)

// File is a Packages file that a Release names.
type File struct {
	Path   string // below the suite's directory, e.g. main/binary-amd64/Packages.xz
	Format string // how it is compressed: "xz", "gz" or ""
	ByHash string // the path under the file's digest, below the suite's directory; "" when the archive has none
	Checksums
}

// Packages returns the index of a component for an architecture, the most
// compressed of those listed. trixie-security calls its components updates/main
// and so on but lists their files without the first part; want "main".
func (r *Release) Packages(component, arch string) (File, error) {
	if !slices.ContainsFunc(r.Components, func(c string) bool { return c == component || strings.HasSuffix(c, "/"+component) }) {
		return File{}, fmt.Errorf("suite %s has no component %q, it has %s", r.Name(), component, strings.Join(r.Components, ", "))
	}
	if !slices.Contains(r.Architectures, arch) {
		return File{}, fmt.Errorf("suite %s has no architecture %q, it has %s", r.Name(), arch, strings.Join(r.Architectures, ", "))
	}
	dir := component + "/binary-" + arch
	for _, format := range []string{"xz", "gz", ""} {
		f := File{Path: strings.TrimSuffix(dir+"/Packages."+format, "."), Format: format}
		sums, ok := r.files[f.Path]
		if !ok {
			continue
		}
		f.Checksums = sums
		if limit := f.limit(); f.Size > limit {
			return File{}, fmt.Errorf("suite %s: %s has %d bytes, want at most %d", r.Name(), f.Path, f.Size, limit)
		}
		if r.ByHash {
			f.ByHash = dir + "/by-hash/" + f.hashPath()
		}
		return f, nil
	}
	return File{}, fmt.Errorf("suite %s lists no %s/Packages.xz, Packages.gz or Packages", r.Name(), dir)
}

// Name returns the codename, or the suite's name when there is none.
func (r *Release) Name() string {
	if r.Codename != "" {
		return r.Codename
	}
	return r.Suite
}

func (f File) limit() int64 {
	if f.Format == "" {
		return MaxPackages
	}
	return MaxIndex
}

func (c Checksums) hashPath() string {
	if c.SHA256.IsZero() {
		return "SHA512/" + hex.EncodeToString(c.SHA512[:])
	}
	return "SHA256/" + c.SHA256.Hex()
}

// NewReader returns a reader of r's bytes that ends with io.EOF only when they
// had the size and all digests that are set. Anything else is an error that
// wraps digest.ErrMismatch, before EOF is ever returned.
func (c Checksums) NewReader(r io.Reader) io.Reader {
	if !c.SHA256.IsZero() {
		r = digest.NewReader(r, c.SHA256, c.Size)
	}
	if c.SHA512 == (SHA512{}) {
		return r
	}
	return &sha512Reader{r: r, sums: c, h: sha512.New()}
}

type sha512Reader struct {
	r    io.Reader
	sums Checksums
	h    hash.Hash
	n    int64
	err  error
}

func (v *sha512Reader) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	n, err := v.r.Read(p)
	v.h.Write(p[:n])
	v.n += int64(n)
	switch {
	case v.n > v.sums.Size:
		v.err = fmt.Errorf("%w: more than the expected %d bytes", digest.ErrMismatch, v.sums.Size)
		n = 0
	case err == io.EOF && v.n < v.sums.Size:
		v.err = fmt.Errorf("%w: want %d bytes, found %d", digest.ErrMismatch, v.sums.Size, v.n)
	case err == io.EOF && SHA512(v.h.Sum(nil)) != v.sums.SHA512:
		v.err = fmt.Errorf("%w: want sha512 %x, found %x", digest.ErrMismatch, v.sums.SHA512, v.h.Sum(nil))
	default:
		v.err = err
	}
	return n, v.err
}
