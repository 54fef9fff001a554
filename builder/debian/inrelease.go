package debian

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// MaxInRelease is the most bytes that an InRelease file may have; trixie's has
// 140 KB.
const MaxInRelease = 16 << 20

// maxSignatures is far above the two or three that Debian's files carry.
const maxSignatures = 16

// maxBackdate is how much older than the Date field a signature may be.
const maxBackdate = 24 * time.Hour

// ErrSignature says that a file is not what a key of the keyring signed.
var ErrSignature = errors.New("no good signature")

// weakHashes are refused in signatures of files and of keys alike.
var weakHashes = map[crypto.Hash]bool{
	crypto.MD5: true, crypto.SHA1: true, crypto.MD5SHA1: true, crypto.RIPEMD160: true, crypto.SHA224: true,
}

// VerifyInRelease checks the signatures of an InRelease file (RFC 9580, section
// 7: cleartext signature framework) and returns what the signed text says.
// Every error about who signed what wraps ErrSignature.
//
// One good signature by a key of the keyrings is enough; each is judged alone,
// so a signature by an unknown key, or a bad one, takes nothing away. Good means:
//
//   - made with SHA-256 or better by a key that may sign and was valid at the
//     signature's own time;
//   - by a key that the keyring does not revoke, whenever and for whatever
//     reason (see revoked);
//   - without an expiry of its own: nobody here knows the time;
//   - at most a day older than the file's Date field.
//
// The signature's time is the signer's word. Whoever steals a key that has
// expired can date a signature back into the key's life; by the last rule the
// Date field then goes back too, and Check refuses a Date before the lock's,
// or a key that has expired by now. Check is not needed to read again what was
// once accepted.
func VerifyInRelease(b []byte, keyring ...[]byte) (*Release, error) {
	var keys openpgp.EntityList
	for _, k := range keyring {
		list, err := readKeyring(k)
		if err != nil {
			return nil, err
		}
		keys = append(keys, list...)
	}
	block, err := decodeClearsign(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	good, bad, err := verify(block, keys)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if len(good) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrSignature, strings.Join(bad, "; "))
	}
	r, err := parseRelease(block.Plaintext)
	if err != nil {
		return nil, err
	}
	good = slices.DeleteFunc(good, func(s signature) bool { return s.at.Before(r.Date.Add(-maxBackdate)) })
	if len(good) == 0 {
		return nil, fmt.Errorf("%w: every signature is more than a day older than the file's date %s", ErrSignature, day(r.Date))
	}
	r.setSigners(good)
	return r, nil
}

// decodeClearsign takes a cleartext signature apart. The library finds one
// anywhere in a file and forgives much; here the file is nothing but the
// signature, so that no reader can take another part of it for signed.
func decodeClearsign(b []byte) (*clearsign.Block, error) {
	switch {
	case len(b) > MaxInRelease:
		return nil, fmt.Errorf("%d bytes, want at most %d", len(b), MaxInRelease)
	case !bytes.HasPrefix(b, []byte("-----BEGIN PGP SIGNED MESSAGE-----\n")):
		return nil, fmt.Errorf("the file does not begin with a signed message but with %.40q", b)
	case bytes.ContainsAny(b, "\r\x00"):
		return nil, errors.New("a carriage return or NUL byte in the file")
	}
	for _, line := range []string{"-----BEGIN PGP SIGNED MESSAGE-----", "-----BEGIN PGP SIGNATURE-----", "-----END PGP SIGNATURE-----"} {
		if n := bytes.Count(append([]byte{'\n'}, b...), []byte("\n"+line)); n != 1 {
			return nil, fmt.Errorf("want the line %s once, found it %d times", line, n)
		}
	}
	if i := bytes.Index(b, []byte("\n-----BEGIN PGP SIGNATURE-----\n")); i < 0 || unescapedDash(b[bytes.IndexByte(b, '\n'):i]) {
		return nil, errors.New("a line of the signed text begins with an unescaped dash")
	}
	block, rest := clearsign.Decode(b)
	if block == nil {
		return nil, errors.New("malformed signed message")
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("data after the signature: %.40q", rest)
	}
	return block, nil
}

func unescapedDash(text []byte) bool {
	for {
		i := bytes.Index(text, []byte("\n-"))
		if i < 0 {
			return false
		}
		if text = text[i+2:]; len(text) == 0 || text[0] != ' ' {
			return true
		}
	}
}

// signature is a good one, or one that is being judged.
type signature struct {
	packet  *packet.Signature
	primary string    // fingerprint of the primary key, upper-case hexadecimal
	at      time.Time // when it was made, by its own word
	expires time.Time // when the key ends; zero for never
}

func (s *signature) time() time.Time { return s.at }

// verify judges each signature of the block alone, and returns the good ones
// and what is wrong with the others.
func verify(block *clearsign.Block, keys openpgp.EntityList) (good []signature, bad []string, err error) {
	packets := packet.NewReader(block.ArmoredSignature.Body)
	for n := 0; ; n++ {
		p, err := packets.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, fmt.Errorf("malformed signature: %w", err)
		}
		if n == maxSignatures {
			return nil, nil, fmt.Errorf("more than %d signatures", maxSignatures)
		}
		sig, ok := p.(*packet.Signature)
		if !ok {
			return nil, nil, fmt.Errorf("want signatures only, found a %T packet", p)
		}
		s := signature{packet: sig, at: sig.CreationTime}
		if err := s.check(block.Bytes, keys); err != nil {
			bad = append(bad, fmt.Sprintf("%s: %v", issuer(sig), err))
			continue
		}
		good = append(good, s)
	}
	if len(good)+len(bad) == 0 {
		bad = []string{"the file has no signature of a known kind"}
	}
	return good, bad, nil
}

// check judges s over the signed bytes and fills in the signer.
func (s *signature) check(signed []byte, keys openpgp.EntityList) error {
	switch {
	case s.packet.IssuerKeyId == nil:
		return errors.New("names no key")
	case weakHashes[s.packet.Hash]:
		return fmt.Errorf("made with %s, want SHA-256 or better", s.packet.Hash)
	case s.packet.SigLifetimeSecs != nil && *s.packet.SigLifetimeSecs != 0:
		return errors.New("has an expiry of its own, which is not supported")
	case len(keys.EntitiesById(*s.packet.IssuerKeyId)) == 0:
		return errors.New("the key is not in the keyring")
	}
	var alone bytes.Buffer
	if err := s.packet.Serialize(&alone); err != nil {
		return err
	}
	md, err := openpgp.VerifyDetachedSignatureReader(keys, bytes.NewReader(signed), &alone, s.config())
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, md.UnverifiedBody); err != nil {
		return err
	}
	switch {
	case md.SignatureError != nil:
		return md.SignatureError
	case md.SignedBy == nil || md.Signature == nil:
		return errors.New("not verified")
	case revoked(md.SignedBy):
		return errors.New("the key is revoked")
	}
	s.primary = strings.ToUpper(hex.EncodeToString(md.SignedBy.Entity.PrimaryKey.Fingerprint))
	s.expires = expiry(md.SignedBy)
	return nil
}

// issuer names the key that a signature claims to be made with.
func issuer(sig *packet.Signature) string {
	switch {
	case len(sig.IssuerFingerprint) > 0:
		return fmt.Sprintf("%X", sig.IssuerFingerprint)
	case sig.IssuerKeyId != nil:
		return fmt.Sprintf("%016X", *sig.IssuerKeyId)
	}
	return "unnamed key"
}

// expiry returns when the signing key or its primary key ends, the earlier of
// both; zero when neither does.
func expiry(k *openpgp.Key) time.Time {
	var end time.Time
	for _, x := range []struct {
		key  *packet.PublicKey
		self *packet.Signature
	}{{k.Entity.PrimaryKey, k.PrimarySelfSignature}, {k.PublicKey, k.SelfSignature}} {
		if x.self == nil || x.self.KeyLifetimeSecs == nil || *x.self.KeyLifetimeSecs == 0 {
			continue
		}
		if t := x.key.CreationTime.Add(time.Duration(*x.self.KeyLifetimeSecs) * time.Second); end.IsZero() || t.Before(end) {
			end = t
		}
	}
	return end
}

// setSigners records who signed, and when the last of these keys ends.
func (r *Release) setSigners(good []signature) {
	forever := false
	for _, s := range good {
		r.Keys = append(r.Keys, s.primary)
		forever = forever || s.expires.IsZero()
		if s.expires.After(r.KeysEnd) {
			r.KeysEnd = s.expires
		}
		if r.Signed.IsZero() || s.at.Before(r.Signed) {
			r.Signed = s.at.UTC()
		}
	}
	if forever {
		r.KeysEnd = time.Time{}
	}
	slices.Sort(r.Keys)
	r.Keys = slices.Compact(r.Keys)
}
