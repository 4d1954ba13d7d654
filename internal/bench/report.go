package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Report is the result of one run: a Markdown table, mostly of one row, remarks,
// and the same figures as a value for JSON.
type Report struct {
	columns []string
	rows    [][]string
	Notes   []string // what went wrong or must be known to judge the row
	Figures any
	Failed  bool // an invariant was broken: the run does not count
}

// add appends one cell to the last row. The columns are those of the first.
func (r *Report) add(column, format string, args ...any) {
	if len(r.rows) == 0 {
		r.next()
	}
	if len(r.rows) == 1 {
		r.columns = append(r.columns, column)
	}
	last := len(r.rows) - 1
	r.rows[last] = append(r.rows[last], fmt.Sprintf(format, args...))
}

// next begins a row.
func (r *Report) next() { r.rows = append(r.rows, nil) }

func latencyColumn(name string) string { return name + " p50 / p90 / p99 / p99.9 / max ms" }

// latency appends the cells of a latency.
func (r *Report) latency(name string, l Latency) {
	r.add(latencyColumn(name), "%.1f / %.1f / %.1f / %.1f / %.1f", l.P50, l.P90, l.P99, l.P999, l.Max)
}

func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// Write prints the table, the remarks and, if asked to, one line of JSON.
func (r *Report) Write(w io.Writer, withJSON bool) error {
	var b strings.Builder
	lines := append([][]string{r.columns, nil}, r.rows...)
	for i, column := range r.columns {
		width := utf8.RuneCountInString(column)
		for _, row := range r.rows {
			width = max(width, utf8.RuneCountInString(row[i]))
		}
		lines[1] = append(lines[1], strings.Repeat("-", width))
	}
	for _, line := range lines {
		cells := make([]string, len(line))
		for i, text := range line {
			cells[i] = pad(text, len(lines[1][i]))
		}
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
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
