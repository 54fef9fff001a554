package specs

import (
	"slices"

	"github.com/basal-project/basal/internal/digest"
)

// FormatVersion is the version of the spec language and of the lock format that
// this package reads and writes.
const FormatVersion = 1

// Latest is the name of the variant that a spec describes before any patch.
const Latest = "latest"

// Spec is what a person wrote: an image.yaml. Its JSON form, canonically
// written, is the spec's canonical parsed form: comments, order of keys and
// YAML style are gone, defaults are not filled in.
type Spec struct {
	Version      int               `json:"version"`                // 1
	Name         string            `json:"name"`                   // [a-z0-9] and inner - . _
	Summary      string            `json:"summary,omitempty"`      // one line for people
	Platforms    []Platform        `json:"platforms"`              // what is built unless --platform narrows it
	Extends      string            `json:"extends,omitempty"`      // a directory with an image.yaml (begins with . or /), or an embedded image's name
	From         string            `json:"from,omitempty"`         // a published image: REPOSITORY@sha256:…, or a tag that basal lock resolves; excludes extends
	Archives     []Archive         `json:"archives,omitempty"`     // where packages come from; a spec without packages needs none
	Packages     []string          `json:"packages,omitempty"`     // exact, in layer order; nothing is added
	Waive        []Waiver          `json:"waive,omitempty"`        // dependencies and scripts knowingly left out
	Exclude      []string          `json:"exclude,omitempty"`      // globs (** too) of this image's package files to leave out
	Setuid       []string          `json:"setuid,omitempty"`       // paths in this image's packages that may be setuid or setgid; others are refused
	Certificates *Certificates     `json:"certificates,omitempty"` // the CA bundle
	Accounts     Accounts          `json:"accounts,omitzero"`      // /etc/passwd and /etc/group
	OSRelease    map[string]string `json:"os-release,omitempty"`   // overrides in /usr/lib/os-release
	Files        []File            `json:"files,omitempty"`        // entries written by hand; they win over packages
	Go           []Program         `json:"go,omitempty"`           // static Go programs, compiled from source
	Layers       Layers            `json:"layers,omitzero"`        // how packages are grouped; per-package by default
	Config       Config            `json:"config,omitzero"`        // the image config
	Variants     map[string]Patch  `json:"variants,omitempty"`     // each published as its own tag
}

// Archive is a signed Debian archive, or one like it.
type Archive struct {
	URI        string   `json:"uri"`        // "debian", "debian-security" (found through mirrors), or an http(s) URL
	Suites     []string `json:"suites"`     // e.g. trixie, trixie-updates
	Components []string `json:"components"` // e.g. main
	SignedBy   string   `json:"signed-by"`  // an embedded keyring (debian-12, debian-13), or a key file beside the spec (begins with . or /)
}

// Waiver names one thing that is left undone on purpose. Exactly one of Depends
// and Script is set.
type Waiver struct {
	Package string `json:"package"`
	Depends string `json:"depends,omitempty"` // name in an alternative of the unmet dependency
	Script  string `json:"script,omitempty"`  // preinst, postinst, prerm, postrm, config or triggers
	Because string `json:"because"`           // the reason, for the reader; required
}

// Certificates describes /etc/ssl/certs/ca-certificates.crt.
type Certificates struct {
	Bundle string   `json:"bundle,omitempty"` // "debian": ca-certificates' own set; "none": only what is added; "": the parent's, if it has one
	Add    []string `json:"add,omitempty"`    // PEM files beside the spec
	Remove []string `json:"remove,omitempty"` // names below usr/share/ca-certificates, e.g. mozilla/X.crt
}

// FromDebian reports whether the bundle begins with Debian's own certificates.
func (c *Certificates) FromDebian() bool { return c != nil && c.Bundle == bundleDebian }

// None reports whether the bundle begins empty, whatever a parent has.
func (c *Certificates) None() bool { return c != nil && c.Bundle == bundleNone }

// Accounts lists users and groups in the order in which they are written.
type Accounts struct {
	Users  []User  `json:"users,omitempty"`
	Groups []Group `json:"groups,omitempty"`
}

// IsZero reports whether there is nothing in a.
func (a Accounts) IsZero() bool { return len(a.Users) == 0 && len(a.Groups) == 0 }

// User is a line of /etc/passwd, and a home directory when HomeMode is set.
type User struct {
	Name     string `json:"name"`
	UID      int    `json:"uid"`
	GID      int    `json:"gid"`
	Gecos    string `json:"gecos,omitempty"`     // Name when empty
	Home     string `json:"home,omitempty"`      // /nonexistent when empty
	HomeMode string `json:"home-mode,omitempty"` // octal; the directory is made only when this is set
	Shell    string `json:"shell,omitempty"`     // /sbin/nologin when empty
}

// Group is a line of /etc/group.
type Group struct {
	Name    string   `json:"name"`
	GID     int      `json:"gid"`
	Members []string `json:"members,omitempty"`
}

// The types of File. The zero value stands for TypeFile.
const (
	TypeFile    = "file"
	TypeDir     = "dir"
	TypeSymlink = "symlink"
	TypeLinks   = "links" // Path is a directory; Source lists one name a line, each becomes a symlink there to Target
)

// File is one entry (or, for TypeLinks, a directory of symlinks) that the spec
// itself puts into the image. It replaces what a package has at that path.
type File struct {
	Path      string        `json:"path"` // absolute and clean
	Type      string        `json:"type,omitempty"`
	Mode      string        `json:"mode,omitempty"` // octal; 0644 for files, 0755 for directories; not for links
	UID       int           `json:"uid,omitempty"`
	GID       int           `json:"gid,omitempty"`
	Content   *string       `json:"content,omitempty"`   // the bytes of a file; excludes source
	Source    string        `json:"source,omitempty"`    // a file beside the spec, or an https URL, which needs a digest; excludes content
	Digest    digest.Digest `json:"digest,omitzero"`     // sha256:… that source must have
	Target    string        `json:"target,omitempty"`    // of a symlink
	Platforms []Platform    `json:"platforms,omitempty"` // where the entry is; all when empty
}

// On reports whether the entry is in the image of p.
func (f File) On(p Platform) bool { return len(f.Platforms) == 0 || slices.Contains(f.Platforms, p) }

// Program is a static Go program, compiled from source for each platform with
// cgo off. It is owned by root, with mode 0755, and replaces what a package has
// at its path.
type Program struct {
	Package string   `json:"package"`           // ./DIR or ../DIR beside the spec, or an import path with @version
	Path    string   `json:"path"`              // where it stands in the image: absolute and clean
	Ldflags []string `json:"ldflags,omitempty"` // for go build -ldflags, as in -X=main.version=1
	Tags    []string `json:"tags,omitempty"`    // for go build -tags
}

// Layers says how packages are grouped into layers. The zero value is
// per-package. The last layer, of generated and hand-written files, is not
// counted as a group.
type Layers struct {
	Single bool
	Budget int // at most this many layers, the last one included; 0 means no budget
}

// IsZero reports whether l is per-package.
func (l Layers) IsZero() bool { return l == Layers{} }

// Config is the part of the OCI image config that a spec can set. A field that
// is not set keeps the parent's value; an empty list clears it.
type Config struct {
	User        string            `json:"user,omitempty"`
	Env         map[string]string `json:"env,omitempty"` // written sorted; merged key by key
	Entrypoint  []string          `json:"entrypoint,omitzero"`
	Cmd         []string          `json:"cmd,omitzero"`
	Workdir     string            `json:"workdir,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"` // on index and platform manifests alike
	Ports       []string          `json:"ports,omitzero"`        // e.g. 8080/tcp
	Volumes     []string          `json:"volumes,omitzero"`
	StopSignal  string            `json:"stop-signal,omitempty"`
}

// IsZero reports whether c sets nothing.
func (c Config) IsZero() bool {
	return c.User == "" && len(c.Env) == 0 && c.Entrypoint == nil && c.Cmd == nil && c.Workdir == "" &&
		len(c.Labels) == 0 && len(c.Annotations) == 0 && c.Ports == nil && c.Volumes == nil && c.StopSignal == ""
}

// Patch is what a variant adds to the image. Its content becomes layers on top
// of the image's own, so variants share all of those.
type Patch struct {
	With     []string  `json:"with,omitempty"` // other variants whose patches come first
	Packages []string  `json:"packages,omitempty"`
	Waive    []Waiver  `json:"waive,omitempty"`
	Exclude  []string  `json:"exclude,omitempty"`
	Setuid   []string  `json:"setuid,omitempty"`
	Accounts Accounts  `json:"accounts,omitzero"`
	Files    []File    `json:"files,omitempty"`
	Go       []Program `json:"go,omitempty"`
	Config   Config    `json:"config,omitzero"`
}
