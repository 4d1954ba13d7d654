package hook_test

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"hongyan/internal/im/app"
	"hongyan/internal/infra/hook"
)

func document(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("../../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestEveryCallbackEventHasARow: the numbers in the headings and tables of
// section 5 of the document are those of Events, each once.
func TestEveryCallbackEventHasARow(t *testing.T) {
	_, section, ok := strings.Cut(document(t, "api/callbacks.md"), "\n## 5. Events\n")
	if !ok {
		t.Fatal("no section 5")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	documented := map[int]bool{}
	lists := regexp.MustCompile(`(?m)^### 5\.\d [^:\n]*: ([0-9., ]+)$|^\| ([0-9., ]+) \|`)
	for _, m := range lists.FindAllStringSubmatch(section, -1) {
		for part := range strings.SplitSeq(m[1]+m[2], ",") {
			first, last, ranged := strings.Cut(strings.TrimSpace(part), "..")
			if !ranged {
				last = first
			}
			a, err1 := strconv.Atoi(first)
			b, err2 := strconv.Atoi(last)
			if err1 != nil || err2 != nil {
				t.Fatalf("%q is no list of events", m[0])
			}
			for ; a <= b; a++ {
				documented[a] = true
			}
		}
	}
	if len(documented) < 70 {
		t.Fatalf("only %d events found in the document", len(documented))
	}
	rows := map[int]bool{}
	for _, e := range hook.Events() {
		for n := e.First; n <= e.Last; n++ {
			if rows[n] {
				t.Errorf("event %d has two rows", n)
			}
			if rows[n] = true; !documented[n] {
				t.Errorf("event %d is not documented", n)
			}
		}
	}
	for n := range documented {
		if !rows[n] {
			t.Errorf("event %d has no row", n)
		}
	}
}

// TestServedCallbacks: what the settings allow is what Events says is asked.
func TestServedCallbacks(t *testing.T) {
	var asked []int
	for _, e := range hook.Events() {
		for n := e.First; n <= e.Last && e.Why == ""; n++ {
			asked = append(asked, n)
		}
	}
	if got := app.ServedCallbacks(); !slices.Equal(got, asked) {
		t.Errorf("allowed %v, asked %v", got, asked)
	}
}

// TestCallbackEventsAreDocumented: the table of docs/operations.md is Events.
func TestCallbackEventsAreDocumented(t *testing.T) {
	var b strings.Builder
	b.WriteString("| event | operation | asked |\n|---|---|---|\n")
	for _, e := range hook.Events() {
		state := "yes"
		if e.Why != "" {
			state = "no: " + e.Why
		}
		b.WriteString("| " + e.Numbers() + " | " + e.What + " | " + state + " |\n")
	}
	if !strings.Contains(document(t, "operations.md"), b.String()) {
		t.Errorf("docs/operations.md does not have this table:\n%s", b.String())
	}
}
