// Package gobuild compiles Go programs, and knows what a lock has to say of
// them. The compiler is the go command of the release that the lock names.
//
// A program's bytes follow from its source, the lock and nothing else:
//
//   - The go command runs in an environment that is made here (see environ): of
//     the caller's it has only where things are, never what to do.
//   - Nothing is downloaded while a program is compiled. That is a step of its
//     own, with the caller's proxies, and what it brings is checked by hash.
//   - Afterwards the binary itself says what it is made of, and that is held
//     against the lock.
//
// What is kept from run to run, in GOCACHE and in basal's cache, only saves time.
package gobuild

import (
	"errors"
	"os"
	"sync"

	"github.com/basal-project/basal/builder/cache"
)

// Options says where programs come from and where they go.
type Options struct {
	Folders []string     // of the spec, and of those it extends; "" for one that is not to be had
	Cache   *cache.Cache // keeps programs from run to run; nil to make each anew
	Inputs  string       // an offline folder, see Export; "" for none
	Offline bool         // download nothing

	// Note takes what a person should know and what is no fault; nil to drop it.
	Note func(text string)

	// CleanSource refuses local programs whose source differs from its git commit.
	CleanSource bool

	// Helper is the command that runs Helper in a process of its own: this
	// program's name and the arguments that lead there. Only Lock needs it.
	Helper []string
}

// Tool compiles programs. It is safe for concurrent use.
type Tool struct {
	opt Options
	env places

	mu      sync.Mutex
	temp    string // a private folder, "" until it is needed
	files   []*os.File
	commits map[string]tree        // by module folder
	fetches map[fetchKey]*oneFetch // of this run
}

// New returns a tool. It runs nothing.
func New(opt Options) *Tool {
	return &Tool{opt: opt, env: findPlaces(), commits: map[string]tree{}, fetches: map[fetchKey]*oneFetch{}}
}

// Close ends the life of the binaries that Compile returned.
func (t *Tool) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var errs []error
	for _, f := range t.files {
		errs = append(errs, f.Close())
	}
	t.files = nil
	if t.temp != "" {
		errs = append(errs, removeAll(t.temp))
		t.temp = ""
	}
	return errors.Join(errs...)
}

// private makes a new folder that Close removes.
func (t *Tool) private() (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.temp == "" {
		dir, err := os.MkdirTemp(t.env.temp, "basal-go-")
		if err != nil {
			return "", err
		}
		t.temp = dir
	}
	return os.MkdirTemp(t.temp, "")
}
