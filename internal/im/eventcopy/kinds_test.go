package eventcopy_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hongyan/internal/im/app"
	"hongyan/internal/im/eventcopy"
)

func document(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("../../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestEveryCopyEventHasARow: the numbers of section 2 of the document are those
// of Kinds.
func TestEveryCopyEventHasARow(t *testing.T) {
	_, section, ok := strings.Cut(document(t, "api/copy.md"), "\n## 2. Event list\n")
	if !ok {
		t.Fatal("no section 2")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	split := func(s string) []string { return strings.Split(s, ", ") }
	var documented, rows []string
	for _, m := range regexp.MustCompile(`(?m)^\| ([0-9, ]+) \|`).FindAllStringSubmatch(section, -1) {
		documented = append(documented, split(m[1])...)
	}
	qchat := false
	for _, k := range eventcopy.Kinds() {
		if len(k.Events) == 0 {
			qchat = k.What == "QChat"
			continue
		}
		rows = append(rows, split(k.Numbers())...)
	}
	slices.Sort(documented)
	slices.Sort(rows)
	if len(documented) < 20 || !slices.Equal(documented, rows) || !qchat {
		t.Errorf("documented %v, rows %v", documented, rows)
	}
}

// TestServedCopies: what the settings allow is what Kinds says is copied.
func TestServedCopies(t *testing.T) {
	var copied []int
	for _, k := range eventcopy.Kinds() {
		for _, e := range k.Events {
			if k.Why == "" {
				copied = append(copied, int(e))
			}
		}
	}
	if got := app.ServedCopies(); !slices.Equal(got, copied) {
		t.Errorf("allowed %v, copied %v", got, copied)
	}
}

// TestCopyEventsAreDocumented: the table of docs/operations.md is Kinds.
func TestCopyEventsAreDocumented(t *testing.T) {
	var b strings.Builder
	b.WriteString("| event | content | copied |\n|---|---|---|\n")
	for _, k := range eventcopy.Kinds() {
		state := "yes"
		if k.Why != "" {
			state = "no: " + k.Why
		}
		b.WriteString("| " + k.Numbers() + " | " + k.What + " | " + state + " |\n")
	}
	if !strings.Contains(document(t, "operations.md"), b.String()) {
		t.Errorf("docs/operations.md does not have this table:\n%s", b.String())
	}
}
