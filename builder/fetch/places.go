package fetch

import (
	"io/fs"
	"net/url"
	"slices"
	"strings"
	"time"
)

// place is one copy of an archive.
type place struct {
	kind string // what it is called in messages
	base string // URL of the archive's root, without a slash at its end
}

// theArchive is the kind of a place that a spec names by its URL.
const theArchive = "archive"

// String returns kind and base, without credentials.
func (p place) String() string { return p.kind + " " + redact(p.base) }

// url returns the address of a file of the archive.
func (p place) url(path string) (string, error) {
	// An index is data from outside, even a signed one.
	if !fs.ValidPath(path) || path == "." {
		return "", refusef("%q is not a path below an archive", path)
	}
	u, err := url.Parse(p.base)
	if err != nil {
		return "", refusef("not a usable address: %w", plain(err))
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/")+"/"+path, ""
	return u.String(), nil
}

// redact removes user and password from a URL.
func redact(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "(a malformed URL)"
	}
	u.User = nil
	return u.String()
}

// isURL reports whether an archive's uri says itself where the archive is.
func isURL(archive string) bool {
	return strings.HasPrefix(archive, "http://") || strings.HasPrefix(archive, "https://")
}

// afterRelease is added to a release's date to ask the snapshot service for it:
// the date is when the release file was made, and the first snapshot that holds
// it is taken some hours later.
const afterRelease = 24 * time.Hour

// places returns where an archive can be found, in the order of preference.
// date is a time at which it had what is wanted, in seconds since 1970; without
// one the snapshot service cannot be asked.
func (c *Client) places(archive string, date int64) []place {
	if isURL(archive) {
		return []place{{theArchive, strings.TrimRight(archive, "/")}}
	}
	var all []place
	for _, base := range c.opt.Mirrors.Bases(archive) {
		all = append(all, place{"mirror", base})
	}
	if date > 0 {
		all = append(all, c.snapshot(archive, time.Unix(date, 0).Add(afterRelease))...)
	}
	return all
}

func (c *Client) snapshot(archive string, at time.Time) []place {
	if c.opt.Snapshot == "" {
		return nil
	}
	return []place{{"snapshot", strings.TrimRight(c.opt.Snapshot, "/") + "/archive/" + archive + "/" + at.UTC().Format("20060102T150405Z")}}
}

// order puts places that were out of reach behind the others.
func (c *Client) order(places []place) []place {
	c.mu.Lock()
	defer c.mu.Unlock()
	ordered := slices.Clone(places)
	slices.SortStableFunc(ordered, func(a, b place) int {
		switch {
		case c.down[a.base] == c.down[b.base]:
			return 0
		case c.down[b.base]:
			return -1
		}
		return 1
	})
	return ordered
}

func (c *Client) setDown(p place) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down[p.base] = true
}

// patience returns the policy for p. A place that has used up its attempts once
// gets one each time, or a build without a network would take minutes to say so.
func (c *Client) patience(p place) policy {
	c.mu.Lock()
	defer c.mu.Unlock()
	policy := c.policy
	if c.down[p.base] {
		policy.tries = 1
	}
	return policy
}
