package compose

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/internal/diag"
)

// BundlePackage is the package whose certificates make Debian's bundle.
const BundlePackage = "ca-certificates"

const (
	bundlePath   = "etc/ssl/certs/ca-certificates.crt"
	openSSLPath  = "usr/lib/ssl/cert.pem" // where libssl looks without SSL_CERT_FILE
	shippedCerts = "usr/share/ca-certificates/"
	maxPEM       = 4 << 20
)

// Certificates says what a step does to the CA bundle.
type Certificates struct {
	Bundle     *Package // ca-certificates, whose set replaces what the image has; nil: keep
	Clear      bool     // begin with none: what the image has goes
	BundleOnly bool     // Bundle is not one of the step's packages: only its certificates are used
	Add        []string // local PEM files
	Remove     []string // names below usr/share/ca-certificates
}

// certificate is one file of the bundle.
type certificate struct {
	name   string // below usr/share/ca-certificates, or a local file as the spec writes it
	pem    []byte // ends in a newline
	origin string
}

// certificateFiles changes the image's set of certificates as the step says and
// returns the bundle: the package's files in byte order of their names, then
// the added ones in the spec's order.
func (img *Image) certificateFiles(s Step) ([]rootfs.Entry, error) {
	c := s.Certificates
	if c.Clear && len(img.certs)+len(c.Add) == 0 {
		return nil, nil // none before, none now
	}
	if c.Bundle == nil && !c.Clear && len(c.Add) == 0 && len(c.Remove) == 0 {
		return nil, nil
	}
	if c.Clear {
		img.certs = nil
	}
	if c.Bundle != nil {
		shipped, err := shippedCertificates(*c.Bundle)
		if err != nil {
			return nil, err
		}
		img.certs = shipped
	}
	for _, name := range c.Remove {
		i := slices.IndexFunc(img.certs, func(o certificate) bool { return o.name == name })
		if i < 0 {
			return nil, diag.Usagef("certificates: remove: there is no %q in the bundle", name)
		}
		img.certs = slices.Delete(slices.Clone(img.certs), i, i+1)
	}
	for _, name := range c.Add {
		added, err := localCertificates(name, s)
		if err != nil {
			return nil, diag.Usagef("certificates: add: %s: %w", name, err)
		}
		img.certs = append(slices.Clip(img.certs), added)
	}
	if len(img.certs) == 0 {
		return nil, diag.Usagef("certificates: the bundle would be empty").WithHint("a parent's bundle can be replaced and not be taken away: add a certificate, or extend an image without a bundle")
	}
	bundle := img.bundle(s.Name)
	out := []rootfs.Entry{
		bundle,
		{Path: openSSLPath, Kind: rootfs.Symlink, Mode: 0o777, Link: "/" + bundlePath, Origins: bundle.Origins},
	}
	if c.BundleOnly {
		return append(out, bundleRecord(*c.Bundle)...), nil
	}
	return out, nil
}

func (img *Image) bundle(name string) rootfs.Entry {
	var content bytes.Buffer
	origins := []string{generatedBy + "certificates of " + name}
	for _, c := range img.certs {
		content.Write(c.pem)
		if !slices.Contains(origins, c.origin) {
			origins = append(origins, c.origin)
		}
	}
	return textFile(bundlePath, content.Bytes(), origins...)
}

// shippedCertificates reads the package's certificates. Debian's own tool takes
// every file; so does this, but for hidden ones.
func shippedCertificates(p Package) ([]certificate, error) {
	var out []certificate
	for e := range p.Tree.All() {
		name, ok := strings.CutPrefix(e.Path, shippedCerts)
		if !ok || e.Kind != rootfs.File || strings.HasPrefix(path.Base(name), ".") {
			continue
		}
		b, err := readPEM(e.Content)
		if err != nil {
			return nil, fmt.Errorf("%s: /%s: %w", p.Origin(), e.Path, err)
		}
		out = append(out, certificate{name, b, p.Origin()})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s %s has no certificates under /%s", p.Name, p.Version, shippedCerts)
	}
	slices.SortFunc(out, func(a, b certificate) int { return strings.Compare(a.name, b.name) })
	return out, nil
}

func readPEM(c rootfs.Content) ([]byte, error) {
	if c.Size() > maxPEM {
		return nil, fmt.Errorf("%d bytes are too many for certificates", c.Size())
	}
	b, err := io.ReadAll(c.Reader())
	if err != nil {
		return nil, err
	}
	if len(b) == 0 || b[len(b)-1] != '\n' {
		b = append(b, '\n')
	}
	return b, nil
}

// localCertificates reads a PEM file beside the spec. It must hold certificates
// and nothing else of consequence: a private key in it would be published.
func localCertificates(name string, s Step) (certificate, error) {
	content, err := s.Input(name)
	if err != nil {
		return certificate{}, err
	}
	b, err := readPEM(content)
	if err != nil {
		return certificate{}, err
	}
	var out bytes.Buffer
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return certificate{}, fmt.Errorf("holds a %s, want only CERTIFICATE blocks", block.Type)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return certificate{}, err
		}
		if err := pem.Encode(&out, &pem.Block{Type: block.Type, Bytes: block.Bytes}); err != nil {
			return certificate{}, err
		}
	}
	if out.Len() == 0 {
		return certificate{}, fmt.Errorf("holds no PEM certificate")
	}
	return certificate{name, out.Bytes(), s.origin()}, nil
}

// bundleRecord lets scanners and lawyers see the package of which only the
// bundle is used: its dpkg record and its copyright file.
func bundleRecord(p Package) []rootfs.Entry {
	origins := []string{p.Origin()}
	out := []rootfs.Entry{textFile(statusDir+p.Name, p.Control, origins...)}
	notice, ok := p.Tree.Lookup("usr/share/doc/" + p.Name + "/copyright")
	if !ok || notice.Kind != rootfs.File {
		return out
	}
	sum := p.MD5[notice.Path]
	line := hex.EncodeToString(sum[:]) + "  " + notice.Path + "\n"
	return append(out, notice, textFile(statusDir+p.Name+".md5sums", []byte(line), origins...))
}
