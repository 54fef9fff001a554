// Command soak pushes small images, many times, through connections that
// toxiproxy spoils, to each kind of registry in turns. Every push has to end
// with exit code 0 or 3, and after every push each tag has to lead to a whole
// image. It prints a table, and exits with 1 when something else happened.
//
//	go run ./ci/soak -n 1000
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

func main() {
	pushes := flag.Int("n", 1000, "pushes")
	seed := flag.Int64("seed", 1, "decides contents and, as far as connections come in the same order, faults")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	right, err := run(ctx, *pushes, *seed)
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
	if !right {
		os.Exit(1)
	}
}

// run makes the pushes and says whether all of them ended as they should.
func run(ctx context.Context, pushes int, seed int64) (right bool, err error) {
	dir, err := os.MkdirTemp("", "basal-soak-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	images, err := makeImages(ctx, dir, seed)
	if err != nil {
		return false, err
	}
	targets, closeAll, err := startTargets(ctx, seed)
	defer closeAll()
	if err != nil {
		return false, err
	}

	var all tally
	start := time.Now()
	for i := range pushes {
		// The registries take turns, and each gets all faults and all images.
		t := targets[i%len(targets)]
		turn := i / len(targets)
		f := faults[turn%len(faults)]
		if err := t.proxy.Set(ctx, f.toxics...); err != nil {
			return false, err
		}
		// Four pushes go to one repository, so a tag is new or moves, and blobs are
		// there or not.
		end, err := t.push(ctx, images[turn%len(images)], fmt.Sprintf("soak/%d", turn/4))
		if err != nil {
			return false, err
		}
		all.add(t.registry.Kind.Name, f.name, end)
		if end.fault != "" {
			fmt.Printf("push %d to %s, %s: %s\n", i+1, t.registry.Kind.Name, f.name, end.fault)
		}
	}
	for _, t := range targets {
		if err := t.whole(ctx); err != nil {
			fmt.Printf("%s, at the end: %v\n", t.registry.Kind.Name, err)
			all.broken++
		}
	}
	return all.print(os.Stdout, pushes, time.Since(start)), nil
}
