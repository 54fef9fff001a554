package main

import (
	"fmt"
	"io"
	"slices"
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

// A tally counts the ends of all pushes.
type tally struct {
	rows   []*row
	broken int // registries with a tag that is not whole at the end
}

func (t *tally) add(kind, fault string, e end) {
	i := slices.IndexFunc(t.rows, func(r *row) bool { return r.kind == kind && r.fault == fault })
	if i < 0 {
		i = len(t.rows)
		t.rows = append(t.rows, &row{kind: kind, fault: fault})
	}
	r := t.rows[i]
	r.took = append(r.took, e.took)
	switch {
	case e.fault != "":
		r.wrong++
	case e.code == 0:
		r.done++
	default:
		r.unavailable++
	}
}

// print writes the table and says whether everything was right.
func (t *tally) print(w io.Writer, pushes int, took time.Duration) (right bool) {
	slices.SortStableFunc(t.rows, func(a, b *row) int { return slices.Compare([]string{a.kind}, []string{b.kind}) })
	fmt.Fprintf(w, "%-20s %-30s %6s %6s %6s %8s %8s\n", "registry", "one connection in five", "exit 0", "exit 3", "wrong", "median s", "max s")
	var done, unavailable, wrong int
	for _, r := range t.rows {
		slices.Sort(r.took)
		fmt.Fprintf(w, "%-20s %-30s %6d %6d %6d %8.2f %8.2f\n", r.kind, r.fault, r.done, r.unavailable, r.wrong,
			r.took[len(r.took)/2].Seconds(), r.took[len(r.took)-1].Seconds())
		done, unavailable, wrong = done+r.done, unavailable+r.unavailable, wrong+r.wrong
	}
	right = wrong == 0 && t.broken == 0 && done+unavailable == pushes
	verdict := "holds"
	if !right {
		verdict = "DOES NOT HOLD"
	}
	fmt.Fprintf(w, "\n%d pushes in %.0f s: %d with exit code 0, %d with 3, %d wrong; asked: none wrong: %s\n",
		pushes, took.Seconds(), done, unavailable, wrong, verdict)
	return right
}
