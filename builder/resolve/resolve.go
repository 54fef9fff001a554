// Package resolve decides which packages of which indexes an image consists of.
//
// A spec's list of packages is exact: Resolve adds nothing. It takes the newest
// version of each name that the platform's indexes have, then checks that every
// dependency of every selected package is met by the selected ones, by those
// already present in a parent, or is waived by name. What is not becomes a
// Fault, and Report turns the faults of all platforms into one message with the
// lines to paste. Missing computes what --add-missing would write.
//
// Indexes are scanned, not held: memory follows the number of packages that an
// image names, not the number that an archive has.
package resolve

import (
	"fmt"
	"io"
	"slices"

	"github.com/basal-project/basal/builder/debian"
	"github.com/basal-project/basal/specs"
)

// Index is one Packages file in its slim form (debian.Slim).
type Index struct {
	Archive   string // the spec's uri
	Suite     string
	Component string
	Open      func() (io.ReadCloser, error) // called once for each scan
}

// Request is the part of a spec that concerns one platform: its own packages,
// or those that a variant or a child adds.
type Request struct {
	Platform specs.Platform
	Indexes  []Index               // in the spec's order; of two equal versions the first counts
	Packages []string              // exact, in the spec's order
	Present  []specs.LockedPackage // in parents, and in the image that a variant patches
	Base     []debian.Package      // in the published image below everything, as its records say
	Waive    []specs.Waiver
}

// Package is a .deb that was selected. SHA256 is zero when its archive lists
// only SHA512: the lock then gets the sha256 of the bytes that have that sum.
type Package struct {
	specs.LockedPackage
	SHA512 debian.SHA512 // zero when not listed
}

// Result is what came of a Request. Packages is complete only if there is no
// Fault.
type Result struct {
	Platform specs.Platform
	Packages []Package // in the request's order
	Faults   []Fault

	waived []specs.Waiver // those that were needed
	unused []specs.Waiver // those whose package is selected and met without them
}

// Resolve selects the packages of req and checks their dependencies. Faults of
// the spec are in the result; the error is one of reading an index.
func Resolve(req Request) (*Result, error) {
	s, res, err := selected(req)
	if err != nil {
		return nil, err
	}
	for _, p := range s.own {
		res.Packages = append(res.Packages, p.locked(req.Indexes))
	}
	unmet, err := s.unmet(req.Waive, res)
	if err != nil {
		return nil, err
	}
	for _, n := range unmet {
		res.Faults = append(res.Faults, n.fault(req.Platform, s.choose(n)))
	}
	return res, nil
}

// Locate selects one package without a look at its dependencies: the .deb from
// which only files are taken, such as ca-certificates for its bundle.
func Locate(req Request, name string) (*Result, error) {
	req.Packages, req.Present, req.Waive = []string{name}, nil, nil
	s, res, err := selected(req)
	if err != nil {
		return nil, err
	}
	for _, p := range s.own {
		res.Packages = append(res.Packages, p.locked(req.Indexes))
	}
	return res, nil
}

// selected looks up the request's packages; those that are not there are faults.
func selected(req Request) (*selection, *Result, error) {
	res := &Result{Platform: req.Platform}
	s := newSelection(req)
	names := slices.Clone(req.Packages)
	for _, p := range req.Present {
		names = append(names, p.Name)
	}
	if err := s.load(names); err != nil {
		return nil, nil, err
	}
	for _, p := range req.Present {
		c, err := s.present(p)
		if err != nil {
			return nil, nil, err
		}
		s.all = append(s.all, c)
	}
	for _, p := range req.Base {
		c := &candidate{Package: p}
		var err error
		if c.provides, err = debian.ParseProvides(p.Provides); err != nil {
			return nil, nil, fmt.Errorf("package %s of the base: %w", p.Name, err)
		}
		s.all = append(s.all, c)
	}
	for i, name := range req.Packages {
		switch c := s.newest(name); {
		case slices.Contains(req.Packages[:i], name):
			res.Faults = append(res.Faults, Fault{Platform: req.Platform, Package: name, Text: fmt.Sprintf("package %q is listed twice", name)})
		case slices.ContainsFunc(req.Present, func(p specs.LockedPackage) bool { return p.Name == name }):
			res.Faults = append(res.Faults, Fault{Platform: req.Platform, Package: name, Text: fmt.Sprintf("package %q is already in the image that this one builds on", name)})
		case slices.ContainsFunc(req.Base, func(p debian.Package) bool { return p.Name == name }):
			res.Faults = append(res.Faults, Fault{Platform: req.Platform, Package: name, Text: fmt.Sprintf("package %q is already in the base", name), Hint: "leave it out; another version takes another base"})
		case c == nil:
			f, err := s.notFound(name)
			if err != nil {
				return nil, nil, err
			}
			f.Platform = req.Platform
			res.Faults = append(res.Faults, f)
		default:
			s.add(c)
		}
	}
	return s, res, nil
}
