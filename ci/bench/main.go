// Command bench measures basal beside Debian's own tools, on the same inputs and
// in turns (A B C A B C …), so that a machine that gets slower meanwhile does
// so for all. It prints medians, and for comparisons the median of each round's
// ratio, beside the numbers that Basal asks of itself.
//
//	go run ./ci/bench           everything
//	go run ./ci/bench -check    the same; exit code 1 when a number does not hold
//	go run ./ci/bench -ratio    only the first ratio, as a number
//	go run ./ci/bench -publish  only what has to do with registries and Go programs
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

func main() {
	ratio := flag.Bool("ratio", false, "print only CPU of basal build over dpkg-deb and gzip")
	publish := flag.Bool("publish", false, "only what has to do with registries and Go programs")
	check := flag.Bool("check", false, "fail when a number does not hold")
	rounds := flag.Int("n", 21, "rounds")
	flag.Parse()
	held, err := run(*ratio, *publish, *rounds)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	if *check && !held {
		os.Exit(1)
	}
}

func run(ratioOnly, publishOnly bool, rounds int) (held bool, err error) {
	dir, err := os.MkdirTemp("", "basal-bench-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	in, err := prepare(dir)
	if err != nil {
		return false, err
	}
	if publishOnly {
		return publishing(in, rounds)
	}
	// The pair that is compared takes turns alone: what unpacks trees leaves the
	// disk busy behind it, at the cost of whoever comes next.
	results, err := measure([]command{in.build(), in.pipeline()}, rounds)
	if err != nil {
		return false, err
	}
	if ratioOnly {
		r := ratioOf(results[0], results[1], cpu)
		fmt.Printf("%.2f\n", r)
		return r <= maxCPURatio, nil
	}
	large, err := measure([]command{in.static(), in.lock()}, max(1, rounds/3))
	if err != nil {
		return false, err
	}
	small := []command{in.warm(), in.version(), in.unpackAndPack()}
	if mm, ok := in.mmdebstrap(); ok {
		small = append(small, mm)
	} else {
		fmt.Println("mmdebstrap is not installed: left out")
	}
	others, err := measure(small, max(1, rounds/2))
	if err != nil {
		return false, err
	}
	held = report(slices.Concat(results, others, large), results[0], results[1])
	published, err := publishing(in, rounds)
	return held && published, err
}

// verdict says whether a number holds.
func verdict(ok bool) string {
	if ok {
		return "holds"
	}
	return "DOES NOT HOLD"
}

// table prints medians beside what is asked, and says whether all of it holds.
func table(results []result) (held bool) {
	held = true
	fmt.Printf("%-46s %8s %8s %8s  %s\n", "medians", "CPU s", "wall s", "peak MiB", "asked at most (CPU s, wall s, MiB)")
	for _, r := range results {
		c, w, m := r.median(cpu), r.median(wall), r.median(peak)
		line := fmt.Sprintf("%-46s %8.3f %8.3f %8.1f  ", r.name, c, w, m)
		if a := r.asked; a != (asked{}) {
			ok := a.holds(c, w, m)
			held = held && ok
			line += fmt.Sprintf("%-20s %s", a, verdict(ok))
		}
		fmt.Println(strings.TrimRight(line, " "))
	}
	return held
}

// report prints the table of builds and the ratios that are asked of them, and
// says whether all numbers hold.
func report(results []result, build, pipeline result) (held bool) {
	held = table(results)
	c, w := ratioOf(build, pipeline, cpu), ratioOf(build, pipeline, wall)
	fmt.Printf("\n%s over %s\n", build.name, pipeline.name)
	fmt.Printf("  CPU  %.2f, asked at most %.2f: %s\n", c, maxCPURatio, verdict(c <= maxCPURatio))
	fmt.Printf("  wall %.2f, asked at most %.2f: %s\n", w, maxWallRatio, verdict(w <= maxWallRatio))
	return held && c <= maxCPURatio && w <= maxWallRatio
}
