package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/basal-project/basal/ci/registries"
	"github.com/basal-project/basal/ci/toxics"
)

// patience is how long a push may take, much longer than any should.
const patience = 2 * time.Minute

// A target is a registry with a bad connection to it.
type target struct {
	registry     *registries.Registry
	proxy        *toxics.Proxy
	repositories []string // that were pushed to
}

// kindsOf returns the kinds of registry that a flag's value stands for.
func kindsOf(word string) ([]registries.Kind, error) {
	switch word {
	case "all":
		return registries.Kinds(), nil
	case "quick":
		return registries.Quick(), nil
	}
	return nil, fmt.Errorf("-registries is %q, want all or quick", word)
}

// startTargets starts a registry of each kind, behind toxiproxy, and says which
// ones it started.
func startTargets(ctx context.Context, kinds []registries.Kind, seed int64) (targets []*target, closeAll func(), err error) {
	var closers []func()
	closeAll = func() {
		for _, c := range slices.Backward(closers) {
			c()
		}
	}
	server, err := toxics.Start(ctx, seed)
	if err != nil {
		return nil, closeAll, err
	}
	closers = append(closers, server.Close)
	for _, kind := range kinds {
		r, err := kind.Start(registries.Options{})
		if errors.Is(err, exec.ErrNotFound) {
			fmt.Printf("%s is not installed: left out\n", kind.Name)
			continue
		}
		if err != nil {
			return nil, closeAll, err
		}
		closers = append(closers, func() { r.Close() })
		proxy, err := server.Proxy(ctx, r.Addr)
		if err != nil {
			return nil, closeAll, err
		}
		targets = append(targets, &target{registry: r, proxy: proxy})
		fmt.Printf("registry: %s\n", kind.Name)
	}
	return targets, closeAll, nil
}

// An end is how a push ended.
type end struct {
	kind, fault string // of registry, and what connections had to bear
	code        int
	took        time.Duration
	wrong       string // what should not have happened; "" when nothing did
}

// turn makes one push with the next fault and the next image. Four go to one
// repository, so a tag is new or moves, and blobs are there or not.
func (t *target) turn(ctx context.Context, images []image, turn int) (end, error) {
	f := faults[turn%len(faults)]
	if err := t.proxy.Set(ctx, f.toxics...); err != nil {
		return end{}, err
	}
	e, err := t.push(ctx, images[turn%len(images)], fmt.Sprintf("soak/%d", turn/4))
	e.kind, e.fault = t.registry.Kind.Name, f.name
	return e, err
}

// push pushes an image to a repository, and looks at the registry itself, past
// the proxy, when it is over.
func (t *target) push(ctx context.Context, im image, repository string) (end, error) {
	if !slices.Contains(t.repositories, repository) {
		t.repositories = append(t.repositories, repository)
	}
	before, err := t.tagged(ctx, repository)
	if err != nil {
		return end{}, err
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(limited, basal, "push", im.dir, t.proxy.Addr+"/"+repository)
	start := time.Now()
	out, err := cmd.CombinedOutput()
	e := end{code: cmd.ProcessState.ExitCode(), took: time.Since(start)}
	if ctx.Err() != nil {
		return e, ctx.Err()
	}
	after, tagErr := t.tagged(ctx, repository)
	if tagErr != nil {
		return e, tagErr
	}
	switch {
	case limited.Err() != nil:
		e.wrong = fmt.Sprintf("no end after %v", patience)
	case e.code != 0 && e.code != 3:
		e.wrong = fmt.Sprintf("%v\n%s", err, out)
	case e.code == 0 && after != im.digest:
		e.wrong = fmt.Sprintf("exit code 0, but latest is %q, want %s", after, im.digest)
	case after != before && after != im.digest:
		e.wrong = fmt.Sprintf("latest was %q and is %q, and neither is %s", before, after, im.digest)
	case e.code == 3 && !strings.Contains(string(out), "basal: error: "):
		e.wrong = fmt.Sprintf("exit code 3 without a reason: %s", out)
	}
	if err := registries.Incomplete(ctx, t.registry.Addr+"/"+repository); err != nil {
		e.wrong = strings.TrimSpace(e.wrong + "\n" + err.Error())
	}
	return e, nil
}

// tagged returns what latest is, "" when there is no such tag.
func (t *target) tagged(ctx context.Context, repository string) (string, error) {
	ref, err := name.NewTag(t.registry.Addr + "/" + repository + ":latest")
	if err != nil {
		return "", err
	}
	d, err := remote.Head(ref, remote.WithContext(ctx))
	var fault *transport.Error
	if errors.As(err, &fault) && fault.StatusCode == 404 {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return d.Digest.String(), nil
}

// whole looks at every repository once more.
func (t *target) whole(ctx context.Context) error {
	for _, repository := range t.repositories {
		if err := registries.Incomplete(ctx, t.registry.Addr+"/"+repository); err != nil {
			return fmt.Errorf("%s, at the end: %w", t.registry.Kind.Name, err)
		}
	}
	return nil
}
