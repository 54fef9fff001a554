package main

import (
	"fmt"
	"slices"
	"strings"
)

const equal = "as committed"

// compare says how two digests.txt differ, for a person.
func compare(want, got string) string {
	if want == got {
		return equal
	}
	wantLines, gotLines := lines(want), lines(got)
	if wantIDs, gotIDs := diffIDs(wantLines), diffIDs(gotLines); len(wantIDs) > 0 && slices.Equal(wantIDs, gotIDs) {
		return "contents equal, only compression or configuration differs\n" + difference(wantLines, gotLines)
	}
	return "contents differ\n" + difference(wantLines, gotLines)
}

// difference lists the lines that only one side has.
func difference(want, got []string) string {
	var b strings.Builder
	for _, l := range want {
		if !slices.Contains(got, l) {
			fmt.Fprintf(&b, "  want %s\n", l)
		}
	}
	for _, l := range got {
		if !slices.Contains(want, l) {
			fmt.Fprintf(&b, "  got  %s\n", l)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// diffIDs returns platform and diffID of each layer.
func diffIDs(all []string) []string {
	var ids []string
	for _, l := range all {
		if f := strings.Fields(l); len(f) == 4 && f[0] == "layer" {
			ids = append(ids, f[1]+" "+f[2])
		}
	}
	return ids
}

func lines(s string) []string {
	return strings.Split(strings.TrimSuffix(s, "\n"), "\n")
}
