package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The numbers that Basal asks of a build of four packages, as ratios to
// dpkg-deb --fsys-tarfile | gzip -6n for each package.
const (
	maxCPURatio  = 1.15
	maxWallRatio = 0.75
)

// asked are upper bounds; zero asks nothing.
type asked struct{ cpu, wall, peak float64 }

func (a asked) String() string {
	var parts []string
	for _, x := range []float64{a.cpu, a.wall, a.peak} {
		if x == 0 {
			parts = append(parts, "-")
		} else {
			parts = append(parts, strconv.FormatFloat(x, 'g', -1, 64))
		}
	}
	return strings.Join(parts, ", ")
}

func (a asked) holds(cpu, wall, peak float64) bool {
	ok := func(got, most float64) bool { return most == 0 || got <= most }
	return ok(cpu, a.cpu) && ok(wall, a.wall) && ok(peak, a.peak)
}

// A command is one thing to measure.
type command struct {
	name  string
	args  []string
	clean func() error // before each run, not measured
	asked asked
}

// A sample is one run of a process and of all that it waited for.
type sample struct {
	cpu  float64 // seconds, user and system
	wall float64 // seconds
	peak float64 // MiB, of the largest process
}

func cpu(s sample) float64  { return s.cpu }
func wall(s sample) float64 { return s.wall }
func peak(s sample) float64 { return s.peak }

type result struct {
	command
	samples []sample
}

// measure runs the commands in turns, after one round that is not counted.
func measure(commands []command, rounds int) ([]result, error) {
	results := make([]result, len(commands))
	for round := range rounds + 1 {
		for i, c := range commands {
			s, err := c.run()
			if err != nil {
				return nil, err
			}
			results[i].command = c
			if round > 0 {
				results[i].samples = append(results[i].samples, s)
			}
		}
	}
	return results, nil
}

// run takes CPU and memory from wait4, which adds up the children that the
// process waited for. Linux counts the memory of this program, which forks, as
// the child's least peak: a few MiB, below all that is measured.
func (c command) run() (sample, error) {
	if err := c.clean(); err != nil {
		return sample{}, err
	}
	cmd := exec.Command(c.args[0], c.args[1:]...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	if err != nil {
		return sample{}, fmt.Errorf("%s: %w\n%s", strings.Join(c.args, " "), err, stderr.Bytes())
	}
	state := cmd.ProcessState
	return sample{
		cpu:  (state.UserTime() + state.SystemTime()).Seconds(),
		wall: took.Seconds(),
		peak: float64(state.SysUsage().(*syscall.Rusage).Maxrss) / 1024, // Linux counts in KiB
	}, nil
}

func (r result) median(of func(sample) float64) float64 {
	var all []float64
	for _, s := range r.samples {
		all = append(all, of(s))
	}
	return median(all)
}

// ratioOf returns the median of the rounds' ratios.
func ratioOf(a, b result, of func(sample) float64) float64 {
	var all []float64
	for i := range a.samples {
		all = append(all, of(a.samples[i])/of(b.samples[i]))
	}
	return median(all)
}

// differenceOf returns the median of the rounds' differences.
func differenceOf(a, b result, of func(sample) float64) float64 {
	var all []float64
	for i := range a.samples {
		all = append(all, of(a.samples[i])-of(b.samples[i]))
	}
	return median(all)
}

func median(all []float64) float64 {
	slices.Sort(all)
	n := len(all)
	if n%2 == 1 {
		return all[n/2]
	}
	return (all[n/2-1] + all[n/2]) / 2
}
