package debian

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/basal-project/basal/internal/digest"
)

// Release is what an InRelease file says about a suite. Only VerifyInRelease
// makes one, so there is none that nobody signed.
type Release struct {
	Suite         string // e.g. stable
	Codename      string // e.g. trixie
	Date          time.Time
	ValidUntil    time.Time // zero when the file has none
	Architectures []string
	Components    []string
	ByHash        bool // files are also served under their digest

	Keys    []string  // fingerprints of the primary keys that signed, sorted, upper-case hexadecimal
	KeysEnd time.Time // when the last of the keys that signed expires; zero for never
	Signed  time.Time // when the oldest good signature was made, by its own word

	files map[string]Checksums // the Packages files, by path below the suite
}

// The states of a suite that callers branch on.
var (
	ErrExpired = errors.New("expired")             // Valid-Until, or the signing keys, are over
	ErrOlder   = errors.New("older than the lock") // rollback
	ErrSuite   = errors.New("another suite")       // neither suite nor codename is the wanted one
	ErrFuture  = errors.New("from the future")     // more than a day
)

// maxSkew is how far a clock may be wrong.
const maxSkew = 24 * time.Hour

// Check reports why r must not be used at time now for the given suite, all
// reasons joined: ErrSuite, ErrFuture, ErrExpired, and ErrOlder if previous,
// the date that a lock recorded (zero for none), is after r's. suite is a
// codename or a suite name: trixie's InRelease says "stable" and "trixie".
func (r *Release) Check(now time.Time, suite string, previous time.Time) error {
	var errs []error
	if suite != r.Suite && suite != r.Codename {
		errs = append(errs, fmt.Errorf("want suite %s, found %s (%s): %w", suite, r.Codename, r.Suite, ErrSuite))
	}
	if latest := now.Add(maxSkew); r.Date.After(latest) || r.Signed.After(latest) {
		errs = append(errs, fmt.Errorf("suite %s is dated %s, signed %s, and now is %s: %w", suite, day(r.Date), day(r.Signed), day(now), ErrFuture))
	}
	if !r.ValidUntil.IsZero() && now.After(r.ValidUntil) {
		errs = append(errs, fmt.Errorf("suite %s of %s is valid until %s, and now is %s: %w", suite, day(r.Date), day(r.ValidUntil), day(now), ErrExpired))
	}
	if !r.KeysEnd.IsZero() && now.After(r.KeysEnd) {
		errs = append(errs, fmt.Errorf("suite %s is signed by keys that ended %s, and now is %s: %w", suite, day(r.KeysEnd), day(now), ErrExpired))
	}
	if r.Date.Before(previous) {
		errs = append(errs, fmt.Errorf("suite %s is dated %s, the lock has seen %s: %w", suite, day(r.Date), day(previous), ErrOlder))
	}
	return errors.Join(errs...)
}

func day(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// parseRelease reads the signed text: one stanza.
func parseRelease(text []byte) (*Release, error) {
	r, err := readRelease(text)
	if err != nil {
		return nil, fmt.Errorf("InRelease: %w", err)
	}
	return r, nil
}

func readRelease(text []byte) (*Release, error) {
	sc := NewScanner(bytes.NewReader(text))
	if !sc.Scan() {
		if err := sc.Err(); err != nil {
			return nil, err
		}
		return nil, errors.New("no fields")
	}
	st := sc.Stanza()
	r := &Release{
		Suite:         st.Fold("Suite"),
		Codename:      st.Fold("Codename"),
		Architectures: strings.Fields(string(st.Get("Architectures"))),
		Components:    strings.Fields(string(st.Get("Components"))),
		ByHash:        string(st.Get("Acquire-By-Hash")) == "yes",
		files:         map[string]Checksums{},
	}
	if r.Suite == "" && r.Codename == "" {
		return nil, errors.New("neither Suite nor Codename")
	}
	var err error
	if r.Date, err = parseDate(st, "Date"); err != nil {
		return nil, err
	}
	if r.Date.IsZero() {
		return nil, errors.New("no Date")
	}
	if r.ValidUntil, err = parseDate(st, "Valid-Until"); err != nil {
		return nil, err
	}
	if !st.Has("SHA256") && !st.Has("SHA512") {
		return nil, errors.New("lists neither SHA256 nor SHA512")
	}
	if err := r.addFiles(st, "SHA256", (*Checksums).setSHA256); err != nil {
		return nil, err
	}
	if err := r.addFiles(st, "SHA512", (*Checksums).setSHA512); err != nil {
		return nil, err
	}
	if sc.Scan() || sc.Err() != nil {
		return nil, errors.Join(errors.New("want one stanza, found more"), sc.Err())
	}
	return r, nil
}

// dateLayouts are the two spellings of UTC in use; other zone names would be
// read as UTC by the time package, whatever they mean.
var dateLayouts = []string{"Mon, _2 Jan 2006 15:04:05 UTC", "Mon, _2 Jan 2006 15:04:05 GMT", "Mon, _2 Jan 2006 15:04:05 -0700"}

func parseDate(st *Stanza, field string) (time.Time, error) {
	text := st.Fold(field)
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%s: want a date like Sat, 12 Sep 2026 07:55:41 UTC, found %.60q", field, text)
}

// addFiles reads a list of checksums: lines of checksum, size and path. Each
// line is checked, those of Packages files are kept.
func (r *Release) addFiles(st *Stanza, field string, set func(*Checksums, string) error) error {
	seen := map[string]bool{}
	for line := range strings.Lines(string(st.Get(field))) {
		parts := strings.Fields(line)
		if len(parts) == 0 {
			continue
		}
		if len(parts) != 3 {
			return fmt.Errorf("%s: want checksum, size and path, found %.80q", field, line)
		}
		size, err := strconv.ParseInt(parts[1], 10, 64)
		if err != nil || size < 0 {
			return fmt.Errorf("%s: %.80s: size %.40q is not a number of bytes", field, parts[2], parts[1])
		}
		sums := Checksums{Size: size}
		if old, ok := r.files[parts[2]]; ok {
			sums = old
		}
		if err := set(&sums, parts[0]); err != nil {
			return fmt.Errorf("%s: %.80s: %w", field, parts[2], err)
		}
		if !isPackages(parts[2]) {
			continue
		}
		if seen[parts[2]] || sums.Size != size {
			return fmt.Errorf("%s: %.80s is listed twice, or with two sizes", field, parts[2])
		}
		seen[parts[2]] = true
		r.files[parts[2]] = sums
	}
	return nil
}

func isPackages(path string) bool {
	i := strings.LastIndexByte(path, '/')
	return slices.Contains([]string{"/Packages", "/Packages.xz", "/Packages.gz"}, path[max(i, 0):])
}

// Checksums say what a file must be. At least one digest is set.
type Checksums struct {
	Size   int64         // bytes
	SHA256 digest.Digest // zero when not listed
	SHA512 SHA512        // zero when not listed
}

// SHA512 is a sha512 sum. It serves only to check an archive that lists no
// sha256; everything else in Basal is named by digest.Digest.
type SHA512 [64]byte

func (c *Checksums) setSHA256(s string) (err error) {
	c.SHA256, err = digest.ParseHex(s)
	return err
}

func (c *Checksums) setSHA512(s string) error {
	if len(s) != 2*len(c.SHA512) || strings.ToLower(s) != s {
		return fmt.Errorf("want 128 lower-case hexadecimal digits, found %.140q", s)
	}
	_, err := hex.Decode(c.SHA512[:], []byte(s))
	return err
}
