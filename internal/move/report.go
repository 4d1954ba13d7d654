package move

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Section is one kind of things that were compared.
type Section struct {
	Name           string
	Source, Target int64  // how many there are
	Digest         string // of the source, as it would be here
	TargetDigest   string
	Different      int64 // items that are not equal
}

// Equal says whether nothing differs.
func (s *Section) Equal() bool {
	return s.Different == 0 && s.Source == s.Target && s.Digest == s.TargetDigest
}

// Report tells what an import did and whether both sides are equal now.
type Report struct {
	Sections    []Section
	Compared    bool
	Differences []string // the first of them
	More        int64    // differences beyond these
	LeftOut     []string // what was not imported, and why; the first of them
	LeftMore    int64
	Unlisted    []string // accounts that were met and are not in the list; the first of them
	UnlistedAll int64
	Stored      int64 // messages that are new here
	Calls       int64
	Blocks      int64 // times the source said that it is asked too much
	Retries     int64
	Took        time.Duration
}

// Equal says whether the comparison found no difference.
func (r *Report) Equal() bool {
	for i := range r.Sections {
		if !r.Sections[i].Equal() {
			return false
		}
	}
	return r.More == 0 && len(r.Differences) == 0
}

// Print writes the report.
func (r *Report) Print(w io.Writer) {
	fmt.Fprintf(w, "\nimported in %s: %d new messages; %d calls, %d repeated, %d times the source asked to wait\n",
		r.Took.Round(time.Second), r.Stored, r.Calls, r.Retries, r.Blocks)
	some := func(title string, list []string, more int64) {
		if len(list) == 0 {
			return
		}
		fmt.Fprintf(w, "\n%s (%d):\n", title, int64(len(list))+more)
		for _, line := range list {
			fmt.Fprintf(w, "  %s\n", line)
		}
		if more > 0 {
			fmt.Fprintf(w, "  and %d more\n", more)
		}
	}
	some("left out", r.LeftOut, r.LeftMore)
	some("accounts that are not in the list", r.Unlisted, r.UnlistedAll-int64(len(r.Unlisted)))
	if !r.Compared {
		fmt.Fprintln(w, "\nnot compared")
		return
	}
	fmt.Fprintf(w, "\n%-16s %12s %12s %10s  %s\n", "compared", "source", "here", "different", "digest")
	for i := range r.Sections {
		s := &r.Sections[i]
		verdict := s.Digest
		if !s.Equal() {
			verdict = s.Digest + " is not " + s.TargetDigest
		}
		fmt.Fprintf(w, "%-16s %12d %12d %10d  %s\n", s.Name, s.Source, s.Target, s.Different, verdict)
	}
	some("differences", r.Differences, r.More)
	if r.Equal() {
		fmt.Fprintln(w, "\nequal")
	} else {
		fmt.Fprintln(w, "\nNOT EQUAL")
	}
}

// notes collects lines, of which the first are kept.
type notes struct {
	limit int

	mu    sync.Mutex // guards the rest
	lines []string
	more  int64
	known map[string]bool
}

func (n *notes) add(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known[line] {
		return
	}
	if len(n.lines) >= n.limit {
		n.more++
		return
	}
	if n.known == nil {
		n.known = map[string]bool{}
	}
	n.known[line] = true
	n.lines = append(n.lines, line)
}

func (n *notes) list() ([]string, int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Sorted(slices.Values(n.lines)), n.more
}

// names collects accids.
type names struct {
	mu  sync.Mutex // guards all
	all map[string]bool
}

// maxNames bounds how many accounts outside the list are remembered.
const maxNames = 1_000_000

func (n *names) add(accid string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.all == nil {
		n.all = map[string]bool{}
	}
	if len(n.all) < maxNames {
		n.all[accid] = true
	}
}

func (n *names) list(limit int) ([]string, int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]string, 0, len(n.all))
	for id := range n.all {
		all = append(all, id)
	}
	slices.SortFunc(all, cmp.Compare)
	return all[:min(limit, len(all))], int64(len(all))
}

// tally counts and sums up one kind of things on both sides; items may come in
// any order.
type tally struct {
	source, target, different atomic.Int64

	mu   sync.Mutex // guards sums
	sums [2]uint64
}

// add counts what one item has on each side: the digests of nothing are 0.
func (t *tally) add(source, target int64, a, b uint64) {
	t.source.Add(source)
	t.target.Add(target)
	t.mu.Lock()
	t.sums[0] += a
	t.sums[1] += b
	t.mu.Unlock()
}

func (t *tally) section(name string) Section {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Section{Name: name, Source: t.source.Load(), Target: t.target.Load(), Different: t.different.Load(),
		Digest: fmt.Sprintf("%016x", t.sums[0]), TargetDigest: fmt.Sprintf("%016x", t.sums[1])}
}
