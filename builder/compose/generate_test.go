package compose

import (
	"strings"
	"testing"

	"github.com/basal-project/basal/builder/rootfs"
	"github.com/basal-project/basal/specs"
)

func mustRead(t *testing.T, img Image, path, want string) {
	t.Helper()
	e, ok := img.Tree.Lookup(path)
	if !ok || string(content(t, e)) != want {
		t.Errorf("/%s is %q, want %q", path, content(t, e), want)
	}
}

func TestAccounts(t *testing.T) {
	parent := step().with(func(s *Step) {
		s.Accounts = specs.Accounts{
			Users:  []specs.User{{Name: "root", Home: "/root", HomeMode: "0700", Gecos: "the boss"}, {Name: "nobody", UID: 65534, GID: 65534}},
			Groups: []specs.Group{{Name: "root"}, {Name: "tty", GID: 5, Members: []string{"root", "nobody"}}},
		}
	})
	child := step().with(func(s *Step) {
		s.Accounts = specs.Accounts{Users: []specs.User{{Name: "app", UID: 1000, GID: 1000, Home: "/srv/app", HomeMode: "750", Shell: "/bin/sh"}}}
	})
	img := mustApply(t, parent, child)
	mustRead(t, img, "etc/passwd", "root:x:0:0:the boss:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\napp:x:1000:1000:app:/srv/app:/bin/sh\n")
	mustRead(t, img, "etc/group", "root:x:0:\ntty:x:5:root,nobody\n")
	diff(t, "last layer", spell(t, img.Layers[1].Tree), tree{
		"etc": d755, "etc/passwd": line(t, lookup(t, img, "etc/passwd")), "srv": d755, "srv/app": "dir 0750 1000:1000",
	})
	if got := line(t, lookup(t, img, "root")); got != "dir 0700 0:0" {
		t.Errorf("/root is %q", got)
	}

	for _, twice := range []specs.Accounts{
		{Users: []specs.User{{Name: "root", UID: 7}}},
		{Users: []specs.User{{Name: "toor", UID: 0}}},
		{Groups: []specs.Group{{Name: "tty", GID: 7}}},
		{Groups: []specs.Group{{Name: "sys", GID: 5}}},
	} {
		never(t, "already in the image", nil, parent, step().with(func(s *Step) { s.Accounts = twice }))
	}
	// Who adds users only says nothing about groups.
	theirs := step().with(files(specs.File{Path: "/etc/group", Content: text("theirs")}))
	mustRead(t, mustApply(t, theirs, child), "etc/group", "theirs")
	mustRead(t, mustApply(t, child), "etc/group", "")

	mine := step().with(files(specs.File{Path: "/etc/passwd", Content: text("mine")})).with(func(s *Step) { s.Accounts = child.Accounts })
	mustRead(t, mustApply(t, mine), "etc/passwd", "mine")
}

func lookup(t *testing.T, img Image, path string) rootfs.Entry {
	t.Helper()
	e, ok := img.Tree.Lookup(path)
	if !ok {
		t.Fatalf("there is no /%s", path)
	}
	return e
}

const release = "PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nNAME=\"Debian GNU/Linux\"\nID=debian"

func TestOSRelease(t *testing.T) {
	baseFiles := pack(t, "base-files", tree{"usr/lib/os-release": f644 + release, "etc/os-release": "symlink ../usr/lib/os-release"})
	set := func(values map[string]string) func(*Step) { return func(s *Step) { s.OSRelease = values } }
	own := set(map[string]string{"PRETTY_NAME": "My \"$HOME\" `x` \\", "VARIANT": "static", "BUG_URL": "none"})
	want := "PRETTY_NAME=\"My \\\"\\$HOME\\\" \\`x\\` \\\\\"\nNAME=\"Debian GNU/Linux\"\nID=debian\nBUG_URL=\"none\"\nVARIANT=\"static\"\n"
	img := mustApply(t, step(baseFiles).with(own))
	mustRead(t, img, "usr/lib/os-release", want)
	if _, ok := img.Layers[0].Tree.Lookup("usr/lib/os-release"); ok {
		t.Error("the package's layer has its own os-release")
	}

	// A child goes on from what the parent has, and the parent's sums follow.
	img = mustApply(t, step(baseFiles), step().with(own))
	mustRead(t, img, "usr/lib/os-release", want)
	img = mustApply(t, step(baseFiles).with(own), step().with(set(map[string]string{"VARIANT": "child"})))
	mustRead(t, img, "usr/lib/os-release", strings.Replace(want, `"static"`, `"child"`, 1))

	never(t, "base-files does", nil, step().with(own))
	never(t, "base-files does", nil, step(pack(t, "p", tree{"usr/lib/os-release": "symlink x"})).with(own))
}

// Two self-signed certificates, and a key of zeros.
const (
	certA = `-----BEGIN CERTIFICATE-----
MIIBCDCBu6ADAgECAgEBMAUGAytlcDAUMRIwEAYDVQQDEwlUZXN0IENBIDEwHhcN
MjUwMTAxMDAwMDAwWhcNNDUwMTAxMDAwMDAwWjAUMRIwEAYDVQQDEwlUZXN0IENB
IDEwKjAFBgMrZXADIQDOzBUH3B3dcpWVHCkIiPCVrbkETRtz1pbm3wZdaDvU/KMy
MDAwDwYDVR0TAQH/BAUwAwEB/zAdBgNVHQ4EFgQU+k2Gw7VRqmzXw3WdBAwDfvLG
N58wBQYDK2VwA0EA6niMavO6gaH0f1fJBGMQv9caTeoH0JzYXdk+ec4PfKaP9eqP
V6wE0vO+MHgyzygp9QeSZ8JtpoCstyxQNxklCQ==
-----END CERTIFICATE-----
`
	certB = `-----BEGIN CERTIFICATE-----
MIIBCDCBu6ADAgECAgECMAUGAytlcDAUMRIwEAYDVQQDEwlUZXN0IENBIDIwHhcN
MjUwMTAxMDAwMDAwWhcNNDUwMTAxMDAwMDAwWjAUMRIwEAYDVQQDEwlUZXN0IENB
IDIwKjAFBgMrZXADIQBrecV+aglSOSgsBIGOlhEvPwOkABupelZMI4UqPx6l/KMy
MDAwDwYDVR0TAQH/BAUwAwEB/zAdBgNVHQ4EFgQU48GzYsDfNvazcLixR5tn2tlj
krIwBQYDK2VwA0EAn4hiyioJo0YT5pZIO9EADtvFhGXjrpKnsEEuYsTtPggiW+rd
6r/q3B49a1nIpvMwbQFEFk8JVzWHJBtnZUZNDw==
-----END CERTIFICATE-----
`
	secret = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n-----END PRIVATE KEY-----\n"
)

func certificates(t *testing.T) Package {
	return pack(t, "ca-certificates=20250419", tree{
		"usr/share/ca-certificates/mozilla/B.crt":       f644 + strings.TrimSuffix(certB, "\n"), // without a newline at its end
		"usr/share/ca-certificates/mozilla/a.crt":       f644 + certA,
		"usr/share/ca-certificates/mozilla/.hidden":     f644 + "no certificate",
		"usr/share/ca-certificates/mozilla/link.crt":    "symlink a.crt",
		"usr/share/doc/ca-certificates/copyright":       f644 + "MPL",
		"usr/sbin/update-ca-certificates":               "file 0755 0:0 #!/bin/sh",
		"usr/share/ca-certificates/another/Éclair.crt":  f644 + certA,
		"usr/share/ca-certificates-not/mozilla/nor.crt": f644 + "no certificate",
	})
}

const bundleFile = "etc/ssl/certs/ca-certificates.crt"

func TestBundle(t *testing.T) {
	p := certificates(t)
	bundle := func(c Certificates) Step {
		return step().inputs(map[string]string{"own.pem": "my own:\n" + certA + "and\n" + certB}).with(func(s *Step) { s.Certificates = c })
	}
	only := Certificates{Bundle: &p, BundleOnly: true}
	img := mustApply(t, bundle(only))
	mustRead(t, img, bundleFile, certA+certB+certA) // another/Éclair.crt, mozilla/B.crt, mozilla/a.crt
	diff(t, "tree", spell(t, img.Tree), tree{
		"etc": d755, "etc/ssl": d755, "etc/ssl/certs": d755, bundleFile: line(t, lookup(t, img, bundleFile)),
		"usr": d755, "usr/lib": d755, "usr/lib/ssl": d755, "usr/lib/ssl/cert.pem": "symlink /" + bundleFile,
		"usr/share": d755, "usr/share/doc": d755, "usr/share/doc/ca-certificates": d755, "usr/share/doc/ca-certificates/copyright": f644 + "MPL",
	})
	for _, name := range []string{"ca-certificates", "ca-certificates.md5sums"} {
		if _, ok := img.Tree.Lookup(statusDir + name); !ok {
			t.Errorf("there is no record %s", name)
		}
	}
	if from := rootfs.From(lookup(t, img, bundleFile).Origins); !strings.Contains(from, "deb:ca-certificates") {
		t.Errorf("the bundle comes from %s", from)
	}

	less := only
	less.Remove, less.Add = []string{"mozilla/a.crt", "another/Éclair.crt"}, []string{"own.pem"}
	mustRead(t, mustApply(t, bundle(less)), bundleFile, certB+certA+certB)
	// A child adds to its parent's, and replaces it.
	mustRead(t, mustApply(t, bundle(less), bundle(Certificates{Add: []string{"own.pem"}})), bundleFile, certB+certA+certB+certA+certB)
	mustRead(t, mustApply(t, bundle(Certificates{Add: []string{"own.pem"}}), bundle(only)), bundleFile, certA+certB+certA)

	// Or begins anew; where there was nothing, there is nothing to do.
	mustRead(t, mustApply(t, bundle(less), bundle(Certificates{Clear: true, Add: []string{"own.pem"}})), bundleFile, certA+certB)
	if img := mustApply(t, bundle(Certificates{Clear: true})); img.Tree.Len() > 0 {
		t.Errorf("no bundle of nothing has %v", spell(t, img.Tree))
	}
	never(t, "the bundle would be empty", nil, bundle(less), bundle(Certificates{Clear: true}))

	whole := step(p).with(func(s *Step) { s.Certificates = Certificates{Bundle: &p} })
	mustRead(t, mustApply(t, whole), bundleFile, certA+certB+certA)
}

func TestUnusableCertificates(t *testing.T) {
	p, none := certificates(t), pack(t, "ca-certificates", tree{"etc/x": f644})
	large := pack(t, "ca-certificates", tree{"usr/share/ca-certificates/x": f644 + strings.Repeat("x", 5<<20)})
	for want, c := range map[string]Certificates{
		`no "mozilla/Z.crt" in the bundle`:   {Bundle: &p, Remove: []string{"mozilla/Z.crt"}},
		"holds a PRIVATE KEY":                {Add: []string{"key"}},
		"holds a PRIVATE KEY, want only":     {Add: []string{"both"}},
		"holds no PEM certificate":           {Add: []string{"text"}},
		"holds no PEM":                       {Add: []string{"empty"}},
		"x509":                               {Add: []string{"broken"}},
		"does not exist":                     {Add: []string{"absent"}},
		"the bundle would be empty":          {Bundle: &p, Remove: []string{"mozilla/a.crt", "mozilla/B.crt", "another/Éclair.crt"}},
		"has no certificates under":          {Bundle: &none},
		"too many for certificates":          {Bundle: &large},
		"5242880 bytes are too many for cer": {Add: []string{"large"}},
	} {
		never(t, want, nil, step().inputs(map[string]string{
			"key": secret, "both": certA + secret, "text": "hello", "empty": "", "large": strings.Repeat("x", 5<<20),
			"broken": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		}).with(func(s *Step) { s.Certificates = c }))
	}
}
