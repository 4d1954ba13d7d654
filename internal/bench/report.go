package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Report is the result of one run: a Markdown table with one row, remarks, and
// the same figures as a value for JSON.
type Report struct {
	columns []string
	cells   []string
	Notes   []string // what went wrong or must be known to judge the row
	Figures any
	Failed  bool // an invariant was broken: the run does not count
}

// add appends one cell.
func (r *Report) add(column, format string, args ...any) {
	r.columns = append(r.columns, column)
	r.cells = append(r.cells, fmt.Sprintf(format, args...))
}

// latency appends the cells of a latency.
func (r *Report) latency(name string, l Latency) {
	r.add(name+" p50 / p90 / p99 / p99.9 / max ms", "%.1f / %.1f / %.1f / %.1f / %.1f", l.P50, l.P90, l.P99, l.P999, l.Max)
}

func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// Write prints the table, the remarks and, if asked to, one line of JSON.
func (r *Report) Write(w io.Writer, withJSON bool) error {
	var b strings.Builder
	rule := make([]string, len(r.columns))
	head := make([]string, len(r.columns))
	row := make([]string, len(r.columns))
	for i := range r.columns {
		width := max(utf8.RuneCountInString(r.columns[i]), utf8.RuneCountInString(r.cells[i]))
		head[i], row[i] = pad(r.columns[i], width), pad(r.cells[i], width)
		rule[i] = strings.Repeat("-", width)
	}
	for _, line := range [][]string{head, rule, row} {
		b.WriteString("| " + strings.Join(line, " | ") + " |\n")
	}
	for _, n := range r.Notes {
		b.WriteString("\n* " + n + "\n")
	}
	if withJSON {
		line, err := json.Marshal(struct {
			Figures any      `json:"figures"`
			Notes   []string `json:"notes,omitempty"`
			Failed  bool     `json:"failed"`
		}{r.Figures, r.Notes, r.Failed})
		if err != nil {
			return err
		}
		b.WriteString("\n" + string(line) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", width-utf8.RuneCountInString(s))
}
