package main

import (
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/basal-project/basal/builder/debian"
	"github.com/basal-project/basal/internal/diag"
)

// maxKeyring bounds a file of keys, in bytes. Debian's own has some 60 kB.
const maxKeyring = 4 << 20

// keyringOf returns the keys that signed-by names in f's spec, or in the spec so
// many levels up.
func (f imageFolder) keyringOf(up int, signedBy string) ([]byte, error) {
	for range up {
		spec, err := f.spec()
		if err != nil {
			return nil, err
		}
		if f, err = f.parent(spec); err != nil {
			return nil, err
		}
	}
	return f.keyring(signedBy)
}

// keyring returns the keys that signed-by names: an embedded keyring, or a file.
func (f imageFolder) keyring(signedBy string) ([]byte, error) {
	if !strings.ContainsAny(signedBy, "./") {
		if keys, ok := debian.Keyring(signedBy); ok {
			return keys, nil
		}
		return nil, diag.Usagef("%s: signed-by %q: no such keyring", f.file(specName), signedBy).
			WithHint("use %s, or a key file: ./archive.asc", strings.Join(debian.KeyringNames(), " or "))
	}
	// The user may keep keys anywhere on the machine.
	files, name := f.files, path.Clean(signedBy)
	if f.dir != "" || filepath.IsAbs(signedBy) {
		file := filepath.FromSlash(signedBy)
		if !filepath.IsAbs(file) {
			file = filepath.Join(f.dir, file)
		}
		files, name = os.DirFS(filepath.Dir(file)), filepath.Base(file)
	}
	keys, err := readCapped(files, name, maxKeyring)
	if err == nil {
		err = debian.CheckKeyring(keys)
	}
	if err != nil {
		return nil, diag.Usagef("%s: signed-by: %w", f.file(specName), err)
	}
	return keys, nil
}
