package config

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with the configuration.
type Problem struct {
	Setting string // name of the setting, empty for something unknown
	Origin  string // "flag --node", "environment HONGYAN_NODE", "hongyan.toml:3", "default"
	Value   string // what was given, empty when secret or not to the point
	Reason  string
	Allowed string
}

// String returns the line that is shown to the operator.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.Origin)
	if p.Value != "" {
		fmt.Fprintf(&b, " %q", p.Value)
	}
	b.WriteString(": " + p.Reason)
	if p.Allowed != "" {
		b.WriteString("; allowed: " + p.Allowed)
	}
	return b.String()
}

// Error is everything that is wrong with the configuration. It is never empty.
type Error struct {
	Problems []Problem
}

// Error implements error: one line for each problem.
func (e *Error) Error() string {
	var b strings.Builder
	if len(e.Problems) == 1 {
		b.WriteString("1 configuration fault:")
	} else {
		fmt.Fprintf(&b, "%d configuration faults:", len(e.Problems))
	}
	for _, p := range e.Problems {
		b.WriteString("\n  " + p.String())
	}
	return b.String()
}

// nearest returns the candidate with the smallest edit distance, or empty if none is close.
func nearest(word string, candidates []string) string {
	best, at := "", (len(word)+2)/3
	for _, c := range candidates {
		if d := distance(word, c); d <= at && (best == "" || d < at) {
			best, at = c, d
		}
	}
	return best
}

func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
