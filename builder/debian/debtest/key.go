package debtest

import (
	"bytes"
	"crypto"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// KeyTime is when the keys of this package came into being.
var KeyTime = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// Key is an OpenPGP key pair that can sign an archive.
type Key struct {
	Entity *openpgp.Entity
}

// NewKey returns a new Ed25519 key, created at KeyTime, that expires after
// life; 0 means never.
func NewKey(t testing.TB, life time.Duration) *Key {
	t.Helper()
	e, err := openpgp.NewEntity("Test Archive", "", "archive@example.org", &packet.Config{
		Algorithm:       packet.PubKeyAlgoEdDSA,
		Time:            func() time.Time { return KeyTime },
		KeyLifetimeSecs: uint32(life / time.Second),
	})
	check(t, err)
	return &Key{e}
}

// Fingerprint returns the primary key's fingerprint in upper-case hexadecimal.
func (k *Key) Fingerprint() string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range k.Entity.PrimaryKey.Fingerprint {
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String()
}

// Public returns the ASCII-armoured public key.
func (k *Key) Public(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := armor.Encode(&out, openpgp.PublicKeyType, nil)
	check(t, err)
	check(t, k.Entity.Serialize(w))
	check(t, w.Close())
	out.WriteByte('\n')
	return out.Bytes()
}

// Sign returns text with an inline signature made at the given time, as an
// InRelease file has. Several keys give several signatures.
func Sign(t testing.TB, text string, at time.Time, keys ...*Key) []byte {
	t.Helper()
	return SignConfig(t, text, &packet.Config{DefaultHash: crypto.SHA512, Time: func() time.Time { return at }}, keys...)
}

// SignConfig is Sign with every setting of the library.
func SignConfig(t testing.TB, text string, config *packet.Config, keys ...*Key) []byte {
	t.Helper()
	var private []*packet.PrivateKey
	for _, k := range keys {
		private = append(private, k.Entity.PrivateKey)
	}
	var out bytes.Buffer
	w, err := clearsign.EncodeMulti(&out, private, config)
	check(t, err)
	_, err = w.Write([]byte(text))
	check(t, err)
	check(t, w.Close())
	out.WriteByte('\n')
	return out.Bytes()
}
