package app

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ServedCallbacks are the numbers that callback_events may have: the events that
// this server asks about. What each is, is told by internal/infra/hook, whose
// test holds both lists together.
func ServedCallbacks() []int { return slices.Concat(span(1, 5), span(7, 19), span(22, 36)) }

// ServedCopies are the numbers that copy_events may have: the events that this
// server copies. What each is, is told by internal/im/eventcopy, whose test holds
// both lists together.
func ServedCopies() []int { return []int{1, 2, 3, 7, 8, 25, 30, 31, 83, 84} }

func span(first, last int) (out []int) {
	for n := first; n <= last; n++ {
		out = append(out, n)
	}
	return out
}

// checkWritten refuses settings that say nothing although they can be read: an
// event that is not served would never come. What an older version has stored is
// not asked.
func checkWritten(values map[string]string) (faults []string) {
	for name, served := range map[string][]int{"callback_events": ServedCallbacks(), "copy_events": ServedCopies()} {
		var unknown []string
		for _, item := range splitList(values[name]) {
			n, err := strconv.Atoi(item)
			if err != nil {
				unknown = nil // it is no number: reading it says so
				break
			}
			if !slices.Contains(served, n) || strconv.Itoa(n) != item {
				unknown = append(unknown, item)
			}
		}
		if len(unknown) > 0 {
			faults = append(faults, fmt.Sprintf("%s: %s not served; served are %s", name, strings.Join(unknown, ", "), ranges(served)))
		}
	}
	return faults
}

// ranges writes ascending numbers as 1-5, 7.
func ranges(list []int) string {
	var out []string
	for i := 0; i < len(list); {
		j := i
		for j+1 < len(list) && list[j+1] == list[j]+1 {
			j++
		}
		switch {
		case j == i:
			out = append(out, strconv.Itoa(list[i]))
		default:
			out = append(out, strconv.Itoa(list[i])+"-"+strconv.Itoa(list[j]))
		}
		i = j + 1
	}
	return strings.Join(out, ", ")
}
