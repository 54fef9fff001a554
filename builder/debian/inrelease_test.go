package debian_test

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/basal-project/basal/builder/debian"
	"github.com/basal-project/basal/builder/debian/debtest"
)

// TestVerifyDebian reads InRelease files of Debian with the embedded keyrings.
// Each is signed by keys of two releases.
func TestVerifyDebian(t *testing.T) {
	for _, c := range []struct {
		file, keyring string
		keys          []string
	}{
		{"trixie", "debian-13", []string{"04B54C3CDCA79751B16BC6B5225629DF75B188BD", "41587F7DB8C774BCCF131416762F67A0B2C39DE4"}},
		{"trixie", "debian-12", []string{"B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8"}},
		{"trixie-security", "debian-13", []string{"5E04A1E3223A19A20706E20F9904613D4CCE68C6"}},
		{"trixie-security", "debian-12", []string{"05AB90340C0C5E797F44A8C8254CF3B5AEC0A8F0"}},
	} {
		b, err := os.ReadFile("testdata/InRelease." + c.file)
		if err != nil {
			t.Fatal(err)
		}
		keys, ok := debian.Keyring(c.keyring)
		if !ok {
			t.Fatalf("no keyring %s", c.keyring)
		}
		r, err := debian.VerifyInRelease(b, keys)
		if err != nil {
			t.Errorf("%s with %s: %v", c.file, c.keyring, err)
			continue
		}
		if !slices.Equal(r.Keys, c.keys) {
			t.Errorf("%s with %s: signed by %v, want %v", c.file, c.keyring, r.Keys, c.keys)
		}
		if err := r.Check(r.Date, c.file, r.Date); err != nil {
			t.Errorf("%s: %v", c.file, err)
		}
		for _, arch := range []string{"amd64", "arm64", "armhf", "ppc64el", "riscv64", "s390x"} {
			f, err := r.Packages("main", arch)
			if err != nil || f.Format != "xz" || !strings.HasPrefix(f.ByHash, "main/binary-"+arch+"/by-hash/SHA256/") {
				t.Errorf("%s main %s: %+v, %v", c.file, arch, f, err)
			}
		}
	}
}

func TestKeyringNamesAreKnown(t *testing.T) {
	for _, name := range debian.KeyringNames() {
		b, ok := debian.Keyring(name)
		if err := debian.CheckKeyring(b); !ok || err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", "debian-1", "../keyring.go", "debian-13.asc"} {
		if _, ok := debian.Keyring(name); ok {
			t.Errorf("a keyring %q", name)
		}
	}
}

const release = "Suite: stable\nCodename: trixie\nDate: Sun, 01 Jun 2025 12:00:00 UTC\nArchitectures: amd64\nComponents: main\nSHA256:\n"

func TestVerifyJudgesEachSignatureAlone(t *testing.T) {
	mine, other := debtest.NewKey(t, 0), debtest.NewKey(t, 0)
	signed := debtest.Sign(t, release, debtest.DefaultDate, other, mine)
	for _, c := range []struct {
		name string
		ring [][]byte
		want []string
	}{
		{"the second key", [][]byte{mine.Public(t)}, []string{mine.Fingerprint()}},
		{"the first key", [][]byte{other.Public(t)}, []string{other.Fingerprint()}},
		{"both keys", [][]byte{mine.Public(t), other.Public(t)}, []string{mine.Fingerprint(), other.Fingerprint()}},
		{"both keys in one file", [][]byte{append(mine.Public(t), other.Public(t)...)}, []string{mine.Fingerprint(), other.Fingerprint()}},
	} {
		r, err := debian.VerifyInRelease(signed, c.ring...)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		slices.Sort(c.want)
		if !slices.Equal(r.Keys, c.want) {
			t.Errorf("%s: signed by %v, want %v", c.name, r.Keys, c.want)
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	key, stranger := debtest.NewKey(t, 0), debtest.NewKey(t, 0)
	shortLived := debtest.NewKey(t, time.Hour)
	retired := debtest.NewKey(t, 0)
	at := debtest.DefaultDate
	reason := func(k *debtest.Key, r packet.ReasonForRevocation) []byte {
		err := k.Entity.Revoke(r, "", &packet.Config{Time: func() time.Time { return at.AddDate(0, 6, 0) }})
		if err != nil {
			t.Fatal(err)
		}
		return k.Public(t)
	}
	good := string(debtest.Sign(t, release, at, key))
	retiredSigned := debtest.Sign(t, release, at, retired)
	expiring := debtest.SignConfig(t, release, &packet.Config{SigLifetimeSecs: 3600, Time: func() time.Time { return at }}, key)
	for _, c := range []struct {
		name   string
		signed string
		ring   []byte
		want   string
	}{
		{"unsigned", release, key.Public(t), "does not begin with a signed message"},
		{"empty", "", key.Public(t), "does not begin with a signed message"},
		{"unknown key", good, stranger.Public(t), "not in the keyring"},
		{"text before", "x\n" + good, key.Public(t), "does not begin with a signed message"},
		{"newline before", "\n" + good, key.Public(t), "does not begin with a signed message"},
		{"text after", good + "x", key.Public(t), "data after the signature"},
		{"second message after", good + good, key.Public(t), "found it 2 times"},
		{"message in the text", strings.Replace(good, "Suite:", "-----BEGIN PGP SIGNED MESSAGE-----\nSuite:", 1), key.Public(t), "found it 2 times"},
		{"unescaped dash", strings.Replace(good, "SHA256:\n", "SHA256:\n-x\n", 1), key.Public(t), "unescaped dash"},
		{"carriage returns", strings.ReplaceAll(good, "\n", "\r\n"), key.Public(t), "does not begin with a signed message"},
		{"one carriage return", strings.Replace(good, "stable", "stable\r", 1), key.Public(t), "carriage return"},
		{"another header", strings.Replace(good, "Hash:", "Comment:", 1), key.Public(t), "malformed"},
		{"unsigned field after", strings.Replace(good, "\n-----BEGIN PGP SIGNATURE", "\nSuite: x\n-----BEGIN PGP SIGNATURE", 1), key.Public(t), "invalid"},
		{"cut in the signature", good[:len(good)-60], key.Public(t), "want the line -----END"},
		{"cut in the text", good[:len(release)], key.Public(t), "want the line -----BEGIN PGP SIGNATURE"},
		{"key expired before it signed", string(debtest.Sign(t, release, at, shortLived)), shortLived.Public(t), "expired"},
		{"signed before the key was made", string(debtest.Sign(t, release, debtest.KeyTime.AddDate(0, 0, -2), key)), key.Public(t), "no good signature"},
		{"signed long before its date", string(debtest.Sign(t, release, debtest.KeyTime.Add(time.Minute), key)), key.Public(t), "older than the file's date"},
		{"key retired afterwards", string(retiredSigned), reason(retired, packet.KeyRetired), "revoked"},
		{"signature with an expiry", string(expiring), key.Public(t), "expiry of its own"},
		{"too large", good + strings.Repeat("\n", debian.MaxInRelease), key.Public(t), "want at most"},
	} {
		if r, err := debian.VerifyInRelease([]byte(c.signed), c.ring); !errors.Is(err, debian.ErrSignature) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, error %v, want ErrSignature and %q", c.name, r, err, c.want)
		}
	}
	if _, err := debian.VerifyInRelease([]byte(good), key.Public(t)); err != nil {
		t.Errorf("the file that the cases damage: %v", err)
	}
}

func TestVerifyRefusesCompromisedKeyAtAnyTime(t *testing.T) {
	key := debtest.NewKey(t, 0)
	signed := debtest.Sign(t, release, debtest.DefaultDate, key)
	later := &packet.Config{Time: func() time.Time { return debtest.DefaultDate.AddDate(1, 0, 0) }}
	if err := key.Entity.Revoke(packet.KeyCompromised, "", later); err != nil {
		t.Fatal(err)
	}
	if _, err := debian.VerifyInRelease(signed, key.Public(t)); !errors.Is(err, debian.ErrSignature) {
		t.Errorf("got %v, want ErrSignature", err)
	}
}

func TestVerifyRefusesWeakHashes(t *testing.T) {
	key := debtest.NewKey(t, 0)
	_, err := debian.VerifyInRelease(signWith(t, key, crypto.SHA224), key.Public(t))
	if !errors.Is(err, debian.ErrSignature) || !strings.Contains(err.Error(), "want SHA-256") {
		t.Errorf("SHA-224: got %v, want ErrSignature", err)
	}
	if _, err := debian.VerifyInRelease(signWith(t, key, crypto.SHA256), key.Public(t)); err != nil {
		t.Errorf("SHA-256: %v", err)
	}
}

// signWith signs the release text with a hash that the library would not choose.
func signWith(t *testing.T, key *debtest.Key, hash crypto.Hash) []byte {
	t.Helper()
	private := key.Entity.PrivateKey
	sig := &packet.Signature{
		Version: 4, SigType: packet.SigTypeText, PubKeyAlgo: private.PubKeyAlgo, Hash: hash,
		CreationTime: debtest.DefaultDate, IssuerKeyId: &private.KeyId, IssuerFingerprint: private.Fingerprint,
	}
	h := hash.New()
	h.Write([]byte(strings.ReplaceAll(strings.TrimSuffix(release, "\n"), "\n", "\r\n")))
	if err := sig.Sign(h, private, nil); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n%s", release)
	w, err := armor.Encode(&out, "PGP SIGNATURE", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := sig.Serialize(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return append(out.Bytes(), '\n')
}

// TestVerifyFlippedBytes changes each byte in turn: the file is then refused, or
// the change was in what says nothing (an armour header's case, say) and the
// result is the same.
func TestVerifyFlippedBytes(t *testing.T) {
	archive := debtest.New(t, debtest.Suite{Packages: []debtest.Deb{{Name: "hello"}}})
	signed := archive.File(t, "dists/trixie/InRelease")
	ring := archive.Key.Public(t)
	want, err := debian.VerifyInRelease(signed, ring)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for i := range signed {
		damaged := slices.Clone(signed)
		damaged[i] ^= 1
		got, err := debian.VerifyInRelease(damaged, ring)
		switch {
		case err != nil && !errors.Is(err, debian.ErrSignature):
			t.Errorf("byte %d: got %v, want ErrSignature", i, err)
		case err == nil && !reflect.DeepEqual(got, want):
			t.Errorf("byte %d: accepted with another meaning: %+v", i, got)
		case err != nil:
			refused++
		}
	}
	if refused < len(signed)*9/10 {
		t.Errorf("only %d of %d damaged files were refused", refused, len(signed))
	}
}

func TestKeyringErrors(t *testing.T) {
	key := debtest.NewKey(t, 0)
	var private bytes.Buffer
	if err := key.Entity.SerializePrivateWithoutSigning(&private, nil); err != nil {
		t.Fatal(err)
	}
	public := key.Public(t)
	for name, ring := range map[string][]byte{
		"empty":       nil,
		"text":        []byte("hello\n"),
		"private key": private.Bytes(),
		"no end":      public[:len(public)/2],
		"signature":   debtest.Sign(t, "x", debtest.DefaultDate, key),
		"too large":   make([]byte, 5<<20),
	} {
		if err := debian.CheckKeyring(ring); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	var binary bytes.Buffer
	if err := key.Entity.Serialize(&binary); err != nil {
		t.Fatal(err)
	}
	if err := debian.CheckKeyring(binary.Bytes()); err != nil {
		t.Errorf("binary keyring: %v", err)
	}
}

// FuzzInRelease holds that nothing but the signed file is accepted: whatever
// text comes back was in a file that the key signed.
func FuzzInRelease(f *testing.F) {
	key := debtest.NewKey(f, 0)
	good := debtest.Sign(f, release, debtest.DefaultDate, key)
	ring := key.Public(f)
	want, err := debian.VerifyInRelease(good, ring)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(release))
	f.Add(good[:len(good)/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := debian.VerifyInRelease(b, ring)
		if err != nil && !errors.Is(err, debian.ErrSignature) {
			t.Errorf("got %v, want ErrSignature", err)
		}
		if err == nil && !reflect.DeepEqual(got, want) {
			t.Errorf("accepted what was not signed: %+v", got)
		}
	})
}
