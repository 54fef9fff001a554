package debian

import (
	"bytes"
	"embed"
	"errors"
	"fmt"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// maxKeyring is far above the 60 KB of all keys that Debian has ever used.
const maxKeyring = 4 << 20

//go:embed keys/*.asc
var keyrings embed.FS

// Keyring returns the embedded keyring of that name, ASCII-armoured: debian-12
// or debian-13, each with the release's own keys for the archive, the security
// archive and the stable release.
func Keyring(name string) ([]byte, bool) {
	b, err := keyrings.ReadFile("keys/" + name + ".asc")
	return b, err == nil
}

// KeyringNames returns the names that Keyring knows, sorted.
func KeyringNames() []string { return []string{"debian-12", "debian-13"} }

// CheckKeyring reports why b cannot serve as a keyring, so that a bad key file
// is a fault of the spec and not of the archive.
func CheckKeyring(b []byte) error {
	_, err := readKeyring(b)
	return err
}

var (
	armorBegin = []byte("-----BEGIN PGP PUBLIC KEY BLOCK-----")
	armorEnd   = []byte("-----END PGP PUBLIC KEY BLOCK-----")
)

// readKeyring reads binary keys, or all armoured blocks of a text file. Private
// keys are refused: they have no business near a spec.
func readKeyring(b []byte) (openpgp.EntityList, error) {
	if len(b) > maxKeyring {
		return nil, fmt.Errorf("keyring of %d bytes is larger than %d", len(b), maxKeyring)
	}
	var all openpgp.EntityList
	if bytes.Contains(b, []byte("-----BEGIN PGP")) {
		for {
			i := bytes.Index(b, armorBegin)
			if i < 0 {
				break
			}
			n := bytes.Index(b[i:], armorEnd)
			if n < 0 {
				return nil, errors.New("keyring: an armoured block has no end")
			}
			n += len(armorEnd)
			block, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(b[i : i+n]))
			if err != nil {
				return nil, fmt.Errorf("keyring: %w", err)
			}
			all, b = append(all, block...), b[i+n:]
		}
	} else {
		var err error
		if all, err = openpgp.ReadKeyRing(bytes.NewReader(b)); err != nil {
			return nil, fmt.Errorf("keyring: %w", err)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("keyring: no public key in it")
	}
	for _, e := range all {
		if e.PrivateKey != nil {
			return nil, errors.New("keyring: holds a private key, want public keys only")
		}
	}
	return all, nil
}

// revoked reports whether the keyring holds a revocation of the key, whatever
// its reason and date. OpenPGP lets a merely retired key vouch for what it
// signed before; but whoever holds a retired key can date a signature back, and
// the keyring's owner has said that the key is over.
func revoked(k *openpgp.Key) bool {
	primary := k.Entity.PrimaryKey
	for _, r := range k.Entity.Revocations {
		if primary.VerifyRevocationSignature(r.Packet) == nil {
			return true
		}
	}
	for _, sub := range k.Entity.Subkeys {
		if sub.PublicKey.KeyId != k.PublicKey.KeyId {
			continue
		}
		for _, r := range sub.Revocations {
			if primary.VerifySubkeyRevocationSignature(r.Packet, sub.PublicKey) == nil {
				return true
			}
		}
	}
	return false
}

// config judges the self-signatures of keys: nothing weaker than SHA-256.
func (s *signature) config() *packet.Config {
	return &packet.Config{
		RejectHashAlgorithms:        weakHashes,
		RejectMessageHashAlgorithms: weakHashes,
		MinRSABits:                  2048,
		Time:                        s.time,
	}
}
