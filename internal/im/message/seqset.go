package message

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// SeqSet is a set of positive sequence numbers as sorted, disjoint,
// non-adjacent ranges. A delivery state is one: usually a single range from 1,
// plus a few exceptions, because 4-5 acknowledges ids in any order
// (docs/protocol/nim-core.md section 4.5).
type SeqSet []SeqRange

// SeqRange holds First to Last, both included.
type SeqRange struct{ First, Last int64 }

// Contains says whether n is in s.
func (s SeqSet) Contains(n int64) bool {
	i := sort.Search(len(s), func(i int) bool { return s[i].Last >= n })
	return i < len(s) && s[i].First <= n
}

// Prefix returns the largest n such that 1..n are all in s.
func (s SeqSet) Prefix() int64 {
	if len(s) > 0 && s[0].First <= 1 {
		return s[0].Last
	}
	return 0
}

// Missing returns the largest number up to n that is not in s.
func (s SeqSet) Missing(n int64) int64 {
	i := sort.Search(len(s), func(i int) bool { return s[i].Last >= n })
	if i < len(s) && s[i].First <= n {
		return s[i].First - 1
	}
	return n
}

// Includes says whether all of t is in s.
func (s SeqSet) Includes(t SeqSet) bool {
	for _, r := range t {
		if s.Missing(r.Last) >= r.First {
			return false
		}
	}
	return true
}

// Add returns s with first..last added. s may be changed.
func (s SeqSet) Add(first, last int64) SeqSet {
	if last < first {
		return s
	}
	// The usual case: the next number of the last range.
	if n := len(s); n == 0 || first > s[n-1].Last+1 {
		return append(s, SeqRange{first, last})
	} else if first >= s[n-1].First {
		s[n-1].Last = max(s[n-1].Last, last)
		return s
	}
	i := sort.Search(len(s), func(i int) bool { return s[i].Last >= first-1 })
	j := i
	for j < len(s) && s[j].First <= last+1 {
		first, last = min(first, s[j].First), max(last, s[j].Last)
		j++
	}
	if i == j {
		s = append(s, SeqRange{})
		copy(s[i+1:], s[i:])
		s[i] = SeqRange{first, last}
		return s
	}
	s[i] = SeqRange{first, last}
	return append(s[:i+1], s[j:]...)
}

// Union returns s with all of t added.
func (s SeqSet) Union(t SeqSet) SeqSet {
	for _, r := range t {
		s = s.Add(r.First, r.Last)
	}
	return s
}

// String writes s as "1-40,42,45-46", the storage format.
func (s SeqSet) String() string {
	var b strings.Builder
	for i, r := range s {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(r.First, 10))
		if r.Last != r.First {
			b.WriteByte('-')
			b.WriteString(strconv.FormatInt(r.Last, 10))
		}
	}
	return b.String()
}

// ParseSeqSet reads the storage format.
func ParseSeqSet(text string) (SeqSet, error) {
	if text == "" {
		return nil, nil
	}
	var s SeqSet
	for part := range strings.SplitSeq(text, ",") {
		a, b, isRange := strings.Cut(part, "-")
		first, err := strconv.ParseInt(a, 10, 64)
		last := first
		if err == nil && isRange {
			last, err = strconv.ParseInt(b, 10, 64)
		}
		if err != nil || first < 1 || last < first {
			return nil, fmt.Errorf("sequence set %q", text)
		}
		s = s.Add(first, last)
	}
	return s, nil
}
