// Command soak pushes small images, many times, through connections that
// toxiproxy spoils, to each kind of registry in turns. Every push has to end
// with exit code 0 or 3, and after every push each tag has to lead to a whole
// image. It prints a table, and exits with 1 when something else happened.
//
//	go run ./ci/soak -n 1000 -registries all
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sync/errgroup"
)

func main() {
	pushes := flag.Int("n", 1000, "pushes")
	seed := flag.Int64("seed", 1, "decides contents and, as far as connections come in the same order, faults")
	kinds := flag.String("registries", "all", "all, or quick: those that are ready to run")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	right, err := run(ctx, *kinds, *pushes, *seed)
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
	if !right {
		os.Exit(1)
	}
}

// run makes the pushes and says whether all of them ended as they should.
func run(ctx context.Context, kinds string, pushes int, seed int64) (right bool, err error) {
	list, err := kindsOf(kinds)
	if err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "basal-soak-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	images, err := makeImages(ctx, dir, seed)
	if err != nil {
		return false, err
	}
	targets, closeAll, err := startTargets(ctx, list, seed)
	defer closeAll()
	if err != nil {
		return false, err
	}

	// The registries take turns, each in a line of its own, and each gets all faults
	// and all images.
	start := time.Now()
	ends := make([]end, pushes)
	group, ctx := errgroup.WithContext(ctx)
	for k, t := range targets {
		group.Go(func() error {
			for i := k; i < pushes; i += len(targets) {
				var err error
				if ends[i], err = t.turn(ctx, images, i/len(targets)); err != nil {
					return err
				}
				if fault := ends[i].wrong; fault != "" {
					fmt.Printf("push %d to %s, %s: %s\n", i+1, t.registry.Kind.Name, ends[i].fault, fault)
				}
			}
			return t.whole(ctx)
		})
	}
	if err := group.Wait(); err != nil {
		return false, err
	}
	return print(os.Stdout, tally(ends), time.Since(start)), nil
}
