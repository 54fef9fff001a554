package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A row is what came of the pushes to one kind of registry with one fault.
type row struct {
	kind, fault string
	done        int // exit code 0
	unavailable int // exit code 3
	wrong       int
	took        []time.Duration
}

// tally sums up how pushes ended.
func tally(ends []end) []*row {
	var rows []*row
	for _, e := range ends {
		i := slices.IndexFunc(rows, func(r *row) bool { return r.kind == e.kind && r.fault == e.fault })
		if i < 0 {
			i = len(rows)
			rows = append(rows, &row{kind: e.kind, fault: e.fault})
		}
		r := rows[i]
		r.took = append(r.took, e.took)
		switch {
		case e.wrong != "":
			r.wrong++
		case e.code == 0:
			r.done++
		default:
			r.unavailable++
		}
	}
	slices.SortStableFunc(rows, func(a, b *row) int { return strings.Compare(a.kind, b.kind) })
	return rows
}

// print writes the table and says whether everything was right.
func print(w io.Writer, rows []*row, took time.Duration) (right bool) {
	fmt.Fprintf(w, "%-20s %-30s %6s %6s %6s %8s %8s\n", "registry", "one connection in five", "exit 0", "exit 3", "wrong", "median s", "max s")
	var done, unavailable, wrong int
	for _, r := range rows {
		slices.Sort(r.took)
		fmt.Fprintf(w, "%-20s %-30s %6d %6d %6d %8.2f %8.2f\n", r.kind, r.fault, r.done, r.unavailable, r.wrong,
			r.took[len(r.took)/2].Seconds(), r.took[len(r.took)-1].Seconds())
		done, unavailable, wrong = done+r.done, unavailable+r.unavailable, wrong+r.wrong
	}
	verdict := "holds"
	if wrong > 0 {
		verdict = "DOES NOT HOLD"
	}
	fmt.Fprintf(w, "\n%d pushes in %.0f s: %d with exit code 0, %d with 3, %d wrong; asked: none wrong: %s\n",
		done+unavailable+wrong, took.Seconds(), done, unavailable, wrong, verdict)
	return wrong == 0
}
