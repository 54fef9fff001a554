package main

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/basal-project/basal/builder"
	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/diag"
	"github.com/basal-project/basal/internal/digest"
	"github.com/basal-project/basal/specs"
)

// explanation says what a path is and where it comes from.
type explanation struct {
	Path     string          `json:"path"`
	Kind     string          `json:"kind"`
	Mode     string          `json:"mode"`
	Owner    string          `json:"owner"`
	Link     string          `json:"link,omitempty"`
	Size     int64           `json:"size,omitzero"`
	Platform specs.Platform  `json:"platform"`
	Variant  string          `json:"variant"`
	Origins  []originDetails `json:"origins"`
}

// originDetails is one input that had a part in a path.
type originDetails struct {
	Origin  string        `json:"origin"`
	Package *packageProof `json:"package,omitempty"`
}

// packageProof is the chain from a package to the key that vouches for it.
type packageProof struct {
	Name      string        `json:"name"`
	Version   string        `json:"version"`
	Deb       digest.Digest `json:"deb"`
	File      string        `json:"file"`
	Index     digest.Digest `json:"index"`
	InRelease digest.Digest `json:"in-release"`
	Suite     string        `json:"suite"`
	Date      time.Time     `json:"date"`
	Keys      []string      `json:"keys"`
}

func newExplain() *cobra.Command {
	var f sourceFlags
	var platform, variant string
	var json bool
	cmd := &cobra.Command{
		Use:   "explain IMAGE PATH",
		Short: "Say which input put a file into an image",
		Long: `Explain names the inputs behind a path: the package with its version, the digest
of its .deb, the signed InRelease file that vouches for it and the keys that
signed that; or the part of the spec, or the rule, that made it.`,
		Example: "  basal explain static /etc/ssl/certs/ca-certificates.crt",
		Args:    arguments(2, 2, "an IMAGE and a PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			in, err := openImage(cmd, args[0], &f)
			if err != nil {
				return err
			}
			defer in.close(cmd)
			tool := in.compiler(true)
			defer tool.Close()
			opt := builder.Options{Compiler: tool, Scratch: scratch, Variants: []string{variant}}
			if platform != "" {
				if opt.Platforms, err = parsePlatforms([]string{platform}); err != nil {
					return err
				}
			} else {
				opt.Platforms = []specs.Platform{in.lock.Platforms[0].Platform}
			}
			var x explanation
			err = builder.Visit(cmd.Context(), in.lock, in, opt, func(t rootfs.Tree) (err error) {
				x, err = explainPath(t, args[1], in.lock, opt.Platforms[0])
				return err
			})
			if err != nil {
				return err
			}
			x.Variant = variant
			if json {
				return printJSON(cmd, x)
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), diag.Printable(x.text()))
			return err
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&platform, "platform", "", "look at this `platform` (default the first of the lock)")
	cmd.Flags().StringVar(&variant, "variant", specs.Latest, "look at this `variant`")
	asJSON(cmd, &json)
	return cmd
}

func explainPath(t rootfs.Tree, name string, lock *specs.Lock, p specs.Platform) (explanation, error) {
	clean := strings.TrimPrefix(path.Clean("/"+name), "/")
	if clean == "" {
		return explanation{}, diag.Usagef("found the path %q, want a path below /", name)
	}
	e, ok := t.Lookup(clean)
	if !ok {
		return explanation{}, missing(t, clean)
	}
	x := explanation{
		Path: "/" + e.Path, Kind: e.Kind.String(), Mode: fmt.Sprintf("%04o", e.Mode), Owner: fmt.Sprintf("%d:%d", e.UID, e.GID),
		Link: e.Link, Size: e.Content.Size(), Platform: p,
	}
	for _, o := range e.Origins {
		d := originDetails{Origin: o}
		if pkg, ok := strings.CutPrefix(o, "deb:"); ok {
			d.Package = proof(lock, p, pkg)
		}
		x.Origins = append(x.Origins, d)
	}
	return x, nil
}

// missing says what is there instead: the nearest parent that exists, and what
// in it is spelled most like what was asked for.
func missing(t rootfs.Tree, name string) error {
	err := diag.Failedf("/%s is not in the image", name)
	parent, rest := rootfs.Parent(name), name
	for ; parent != ""; parent, rest = rootfs.Parent(parent), parent {
		if e, ok := t.Lookup(parent); ok {
			if e.Kind == rootfs.Symlink {
				return err.WithHint("/%s is a symlink to %s", parent, e.Link)
			}
			break
		}
	}
	var names []string
	for e := range t.All() {
		if rootfs.Parent(e.Path) == parent {
			names = append(names, path.Base(e.Path))
		}
	}
	if near := nearest(path.Base(rest), names); near != "" {
		return err.WithHint("did you mean %q?", "/"+path.Join(parent, near))
	}
	if parent == "" {
		return err.WithHint("at the top the image has %s", strings.Join(names, ", "))
	}
	return err.WithHint("the image has /%s", parent)
}

// proof finds a package in the lock, or in the lock of a parent.
func proof(lock *specs.Lock, p specs.Platform, name string) *packageProof {
	for l := lock; l != nil; l = l.Extends {
		section, ok := l.Platform(p)
		if !ok {
			continue
		}
		for _, pkg := range section.Packages {
			if pkg.Name != name {
				continue
			}
			ix := section.Index(pkg)
			return &packageProof{
				Name: pkg.Name, Version: pkg.Version, Deb: pkg.SHA256, File: pkg.Path, Index: ix.SHA256,
				InRelease: ix.Release.SHA256, Suite: ix.Archive + " " + ix.Suite, Date: time.Unix(ix.Release.Date, 0).UTC(), Keys: ix.Release.Keys,
			}
		}
	}
	return nil
}

func (x explanation) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, mode %s, owner %s", x.Path, x.Kind, x.Mode, x.Owner)
	switch {
	case x.Link != "":
		fmt.Fprintf(&b, ", to %s", x.Link)
	case x.Kind == rootfs.File.String():
		fmt.Fprintf(&b, ", %d bytes", x.Size)
	}
	fmt.Fprintf(&b, "  (%s, %s)\n", x.Platform, x.Variant)
	for _, o := range x.Origins {
		p := o.Package
		if p == nil {
			kind, what, _ := strings.Cut(o.Origin, ":")
			fmt.Fprintf(&b, "  %-10s %s\n", kind, what)
			continue
		}
		fmt.Fprintf(&b, "  package    %s %s\n  deb        %s  %s\n", p.Name, p.Version, p.Deb, p.File)
		fmt.Fprintf(&b, "  Packages   %s\n  InRelease  %s  %s, %s\n", p.Index, p.InRelease, p.Suite, p.Date.Format(time.RFC3339))
		for _, key := range p.Keys {
			fmt.Fprintf(&b, "  signed by  %s\n", key)
		}
	}
	return b.String()
}
