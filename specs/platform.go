package specs

import (
	"fmt"
	"slices"
	"strings"
)

// Platform is an operating system and a processor, in OCI's words. Its text
// form is os/arch or os/arch/variant. arm64's only variant, v8, is written in
// OCI documents and left out of the text form.
type Platform struct {
	OS, Arch, Variant string
}

// known relates OCI's names to Debian's architecture and to the suffix of a
// per-architecture tag.
type known struct {
	text   string
	p      Platform
	debian string
	tag    string
}

var platforms = []known{
	{"linux/amd64", Platform{"linux", "amd64", ""}, "amd64", "amd64"},
	{"linux/arm64", Platform{"linux", "arm64", "v8"}, "arm64", "arm64"},
	{"linux/arm/v7", Platform{"linux", "arm", "v7"}, "armhf", "arm"},
	{"linux/arm/v5", Platform{"linux", "arm", "v5"}, "armel", "armv5"},
	{"linux/386", Platform{"linux", "386", ""}, "i386", "386"},
	{"linux/ppc64le", Platform{"linux", "ppc64le", ""}, "ppc64el", "ppc64le"},
	{"linux/riscv64", Platform{"linux", "riscv64", ""}, "riscv64", "riscv64"},
	{"linux/s390x", Platform{"linux", "s390x", ""}, "s390x", "s390x"},
}

// ParsePlatform reads a text form. linux/arm64/v8 is accepted as linux/arm64.
func ParsePlatform(s string) (Platform, error) {
	var names []string
	for _, k := range platforms {
		if s == k.text || s == k.text+"/"+k.p.Variant && k.p.Variant == "v8" {
			return k.p, nil
		}
		names = append(names, k.text)
	}
	return Platform{}, fmt.Errorf("unknown platform %q, want one of %s", s, strings.Join(names, ", "))
}

// find returns what is known of p; the zero value when it is no known platform.
func (p Platform) find() known {
	if i := slices.IndexFunc(platforms, func(k known) bool { return k.p == p }); i >= 0 {
		return platforms[i]
	}
	return known{}
}

// String returns the text form.
func (p Platform) String() string {
	if k := p.find(); k.text != "" {
		return k.text
	}
	return strings.TrimSuffix(p.OS+"/"+p.Arch+"/"+p.Variant, "/")
}

// MarshalText writes the text form.
func (p Platform) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the text form.
func (p *Platform) UnmarshalText(b []byte) (err error) {
	*p, err = ParsePlatform(string(b))
	return err
}

// Debian returns the name of p's Debian architecture, "" when there is none.
func (p Platform) Debian() string { return p.find().debian }

// Tag returns the suffix of p's own tag, as in latest-amd64.
func (p Platform) Tag() string { return p.find().tag }

// Platforms returns all platforms that a spec can name.
func Platforms() []Platform {
	var list []Platform
	for _, k := range platforms {
		list = append(list, k.p)
	}
	return list
}
