package specs

import (
	"strings"

	"github.com/basal-project/basal/internal/digest"
)

// Lock is all that a build may read: the spec that was locked, word for word in
// its canonical form, and the digest of every byte that goes in. Build is a
// function of it and of nothing else.
type Lock struct {
	Version   int                   `json:"version"` // of this format: 1
	Recipe    int                   `json:"recipe"`  // rises whenever assembly changes a byte
	Encoder   string                `json:"encoder"` // the compressor of layers, gz.Encoder
	Spec      Spec                  `json:"spec"`
	Extends   *Lock                 `json:"extends,omitempty"` // the parent's whole lock, as it was
	Base      *LockedBase           `json:"base,omitempty"`    // what the spec's from was when it was locked
	Go        *LockedGo             `json:"go,omitempty"`      // what the spec's Go programs are compiled with
	Inputs    []Input               `json:"inputs,omitempty"`  // local files of the spec, sorted by path
	Groups    map[string][][]string `json:"groups,omitempty"`  // layers of packages: by variant whose patch adds them, Latest for the spec's own
	Platforms []LockedPlatform      `json:"platforms"`         // in the spec's order
}

// Input is a local file, or one behind a URL, pinned.
type Input struct {
	Path   string        `json:"path"` // as the spec writes it
	Size   int64         `json:"size"` // bytes
	SHA256 digest.Digest `json:"sha256"`
}

// LockedPlatform is the section of one platform. Sections do not depend on each
// other, so that one architecture can be updated, or fail, alone.
type LockedPlatform struct {
	Platform Platform        `json:"platform"`
	Epoch    int64           `json:"epoch"` // seconds since 1970: the newest package's time; the image's created
	Indexes  []LockedIndex   `json:"indexes,omitempty"`
	Packages []LockedPackage `json:"packages,omitempty"` // for all variants, in the spec's order, then ca-certificates if only its bundle is used
	Base     *LockedImage    `json:"base,omitempty"`     // the platform's image in the spec's base
}

// LockedBase is a published image that another one stands on. Its name and
// digest are what the annotations org.opencontainers.image.base.name and .digest
// say of the result.
type LockedBase struct {
	Name       string        `json:"name"`       // as in registry.example/team/static:latest, without a digest
	Repository string        `json:"repository"` // where its blobs are: registry.example/team/static
	MediaType  string        `json:"media-type"` // of the index, or of the manifest when there is no index
	Digest     digest.Digest `json:"digest"`
	Size       int64         `json:"size"` // bytes
}

// LockedImage is one platform of a base.
type LockedImage struct {
	MediaType string        `json:"media-type"` // of the manifest
	Manifest  digest.Digest `json:"manifest"`
	Size      int64         `json:"size"` // of the manifest, in bytes
	Config    LockedBlob    `json:"config"`
	Layers    []LockedLayer `json:"layers"` // lowest first
}

// LockedBlob is a blob of a base.
type LockedBlob struct {
	MediaType string        `json:"media-type"`
	Digest    digest.Digest `json:"digest"`
	Size      int64         `json:"size"` // bytes
}

// LockedLayer is a layer of a base. It is reused as it is, compressed by whoever
// made it.
type LockedLayer struct {
	LockedBlob
	DiffID digest.Digest `json:"diff-id"` // of the uncompressed tar
}

// LockedGo says what Go programs are compiled with. The source of a local module
// is not pinned, or every edit would need a new lock: its hash is taken when it
// is compiled.
type LockedGo struct {
	Toolchain string          `json:"toolchain"` // a Go release: go1.26.8
	Programs  []LockedProgram `json:"programs"`  // the packages of spec and variants, sorted, each once
}

// LockedProgram is a package that Go programs are made of.
type LockedProgram struct {
	Package string   `json:"package"`           // as the spec writes it
	Import  string   `json:"import"`            // its import path
	Module  Module   `json:"module"`            // that it is in; a local one has neither version nor sum
	Modules []Module `json:"modules,omitempty"` // that it is linked with on any platform, sorted by path
}

// Module is a Go module.
type Module struct {
	Path    string `json:"path"`
	Version string `json:"version,omitempty"`
	Sum     string `json:"sum,omitempty"` // h1:…, as in go.sum
}

// LockedIndex is one Packages file and the signed InRelease file that names it.
type LockedIndex struct {
	Archive   string        `json:"archive"` // the spec's uri
	Suite     string        `json:"suite"`
	Component string        `json:"component"`
	Release   LockedRelease `json:"release"`
	Path      string        `json:"path"` // below the suite, e.g. main/binary-amd64/Packages.xz
	Size      int64         `json:"size"`
	SHA256    digest.Digest `json:"sha256"`
}

// LockedRelease is an InRelease file whose signatures were verified.
type LockedRelease struct {
	Date       int64         `json:"date"`                 // seconds since 1970
	ValidUntil int64         `json:"valid-until,omitzero"` // seconds since 1970; 0 when the file has none
	Keys       []string      `json:"keys"`                 // fingerprints of the primary keys that signed, sorted, upper-case hexadecimal
	Size       int64         `json:"size"`
	SHA256     digest.Digest `json:"sha256"`
}

// LockedPackage is one .deb.
type LockedPackage struct {
	Name         string        `json:"name"`
	Version      string        `json:"version"`
	Architecture string        `json:"architecture"` // Debian's name, or "all"
	Source       string        `json:"source"`       // source package's name
	Archive      string        `json:"archive"`      // with Suite and Component: the index that lists it
	Suite        string        `json:"suite"`
	Component    string        `json:"component"`
	Path         string        `json:"path"` // below the archive, e.g. pool/main/t/tzdata/…
	Size         int64         `json:"size"`
	SHA256       digest.Digest `json:"sha256"`
}

// Artifact names bytes that a build needs: by digest, which decides, and by the
// places where they may be found.
type Artifact struct {
	SHA256     digest.Digest
	Size       int64
	Repository string // of the registry that has the blob; "" for other artifacts
	MediaType  string // of what a registry has: it keeps manifests and blobs apart
	Archive    string // uri of a Debian archive, or the URL of a folder; "" for a local file
	Path       string // below the archive, or as the spec writes it
	Date       int64  // a time at which the archive had it (the release's date), for the snapshot service; 0 when unknown
}

// Artifact returns the file as an artifact.
func (in Input) Artifact() Artifact {
	a := Artifact{SHA256: in.SHA256, Size: in.Size, Path: in.Path}
	if isRemote(in.Path) {
		i := strings.LastIndexByte(in.Path, '/')
		a.Archive, a.Path = in.Path[:i], in.Path[i+1:]
	}
	return a
}

// Blob returns the index of the base, or its manifest when there is no index.
func (b *LockedBase) Blob() LockedBlob { return LockedBlob{b.MediaType, b.Digest, b.Size} }

// Blob returns the manifest of the image.
func (i *LockedImage) Blob() LockedBlob { return LockedBlob{i.MediaType, i.Manifest, i.Size} }

// Artifact returns a blob of the base as an artifact.
func (b *LockedBase) Artifact(blob LockedBlob) Artifact {
	return Artifact{SHA256: blob.Digest, Size: blob.Size, Repository: b.Repository, MediaType: blob.MediaType}
}

// Program returns what is locked of a package, as the spec writes it.
func (g *LockedGo) Program(pkg string) (LockedProgram, bool) {
	if g == nil {
		return LockedProgram{}, false
	}
	for _, p := range g.Programs {
		if p.Package == pkg {
			return p, true
		}
	}
	return LockedProgram{}, false
}

// Artifact returns the .deb of pkg, which is in p.
func (p *LockedPlatform) Artifact(pkg LockedPackage) Artifact {
	a := Artifact{SHA256: pkg.SHA256, Size: pkg.Size, Archive: pkg.Archive, Path: pkg.Path}
	if ix := p.Index(pkg); ix != nil {
		a.Date = ix.Release.Date
	}
	return a
}

// Index returns the index that lists pkg, nil if the lock has none.
func (p *LockedPlatform) Index(pkg LockedPackage) *LockedIndex {
	for i := range p.Indexes {
		ix := &p.Indexes[i]
		if ix.Archive == pkg.Archive && ix.Suite == pkg.Suite && ix.Component == pkg.Component {
			return ix
		}
	}
	return nil
}
