// Package registry reads and writes one repository of a registry, as version 1.1
// of the OCI distribution specification defines it.
//
// go-containerregistry speaks the protocol: the handshake, tokens, uploads,
// mounts and the fallback tag of referrers. What this package adds stands below
// and above it. Below it, one guard decides which requests may leave at all and
// how much of an answer is read. Above it, an operation is repeated while there
// is hope, a download goes on where it broke, bytes are checked against their
// digest, and an error says what to do.
//
// Nothing that a registry says is trusted but the bytes that match a digest.
package registry

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/basal-project/basal/builder/fetch"
)

// Options says how a Client talks. The zero value is usable.
type Options struct {
	Insecure  bool              // plain HTTP to any host; without it only to loopback
	UserAgent string            // sent before go-containerregistry's own
	Keychain  authn.Keychain    // nil: the files of Docker and Podman, and their credential helpers
	Transport http.RoundTripper // nil for one that honours the usual proxy variables
	Progress  fetch.Progress    // told about blobs on their way; nil for silence
	Jobs      int               // connections kept for each host; 0 for 8
}

// Client knows how to reach registries. It is safe for concurrent use.
type Client struct {
	opt    Options
	policy policy
	greet  *handshakes
	wire   http.RoundTripper
}

// New returns a client. It opens nothing.
func New(opt Options) *Client { return newClient(opt, defaultPolicy) }

func newClient(opt Options, p policy) *Client {
	if opt.Keychain == nil {
		opt.Keychain = keychain{maxHelper}
	}
	if opt.Progress == nil {
		opt.Progress = silent{}
	}
	if opt.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxResponseHeaderBytes = maxHeader
		t.MaxIdleConnsPerHost = max(8, opt.Jobs)
		opt.Transport = t
	}
	greet := &handshakes{next: &guard{next: opt.Transport, insecure: opt.Insecure, policy: p}}
	return &Client{opt: opt, policy: p, greet: greet, wire: transport.NewUserAgent(greet, opt.UserAgent)}
}

// Repository is one repository of a registry. It is safe for concurrent use.
//
// Every error names the repository and what was attempted. Its exit code is 3
// when the registry could not be asked or says no, and 1, wrapping
// digest.ErrMismatch, when it answered with other bytes than were named. What is
// not there wraps fs.ErrNotExist.
type Repository struct {
	client *Client
	name   name.Repository

	mu       sync.Mutex
	mount    *name.Repository // see MountFrom
	sessions [2]*session      // for reading, and for writing

	subjects sync.Mutex // held while a document with a subject is written
}

// Repository returns the repository that ref is in. It opens nothing.
func (c *Client) Repository(ref Reference) *Repository {
	return &Repository{client: c, name: ref.repository}
}

// String returns "host/path".
func (r *Repository) String() string { return display(r.name) }

// access is what a session may do.
type access int

const (
	reading access = iota
	writing
)

// session is one handshake: a client that has the credentials for a repository.
type session struct {
	transport *transport.Wrapper
	http      *http.Client
}

// session returns the session for a, and begins it when there is none.
func (r *Repository) session(ctx context.Context, a access) (*session, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.sessions[a]; s != nil {
		return s, nil
	}
	scopes := []string{r.name.Scope(transport.PullScope)}
	if a == writing {
		scopes[0] = r.name.Scope(transport.PushScope)
		if r.mount != nil {
			scopes = append(scopes, r.mount.Scope(transport.PullScope))
		}
	}
	auth, err := authn.Resolve(ctx, r.client.opt.Keychain, r.name)
	if err != nil {
		return nil, credentials{err}
	}
	guarded := &fence{next: r.client.wire, registry: r.name.Registry}
	greeted, err := transport.Ping(ctx, r.name.Registry, guarded) // whose answer is remembered
	if err != nil {
		return nil, greeting{r.client.greet.fault(r.name.RegistryStr(), err)}
	}
	guarded.secure.Store(!greeted.Insecure)
	rt, err := transport.NewWithContext(ctx, r.name.Registry, auth, guarded, scopes)
	if err != nil {
		return nil, greeting{r.client.greet.fault(r.name.RegistryStr(), err)}
	}
	s := &session{transport: rt.(*transport.Wrapper), http: &http.Client{Transport: rt}}
	r.sessions[a] = s
	return s, nil
}

// do runs f in a session, again and again while there is hope, and says in
// people's words why it failed. what is what f does: "read tag x".
func (r *Repository) do(ctx context.Context, a access, what string, f func(context.Context, *session) error) error {
	ctx = withPatience(ctx, r.client.policy.maxWait)
	err := r.client.policy.retry(ctx, func() error {
		s, err := r.session(ctx, a)
		if err != nil {
			return err
		}
		return f(ctx, s)
	})
	return r.explain(ctx, a, what, err)
}

type silent struct{}

func (silent) Start(string, int64) fetch.Task { return silent{} }
func (silent) Set(int64)                      {}
func (silent) Done(error)                     {}

// policy is how patient a client is.
type policy struct {
	tries       uint          // of one operation
	interval    time.Duration // between the first two of them; it doubles
	maxInterval time.Duration
	stall       time.Duration // without a byte, before a request is given up
	answer      time.Duration // the same, while a registry digests what it was sent
	maxWait     time.Duration // for the Retry-After of one operation, in all
}

var defaultPolicy = policy{
	tries:       4,
	interval:    500 * time.Millisecond,
	maxInterval: 10 * time.Second,
	stall:       time.Minute,
	answer:      5 * time.Minute,
	maxWait:     time.Minute,
}
