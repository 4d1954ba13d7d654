package walkthrough

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// block is one thing a page lets its reader do, and what it says comes of it.
type block struct {
	line   int // of the page
	script string
	kind   string // of the answer: json, text, "" for none
	answer string
}

// blocks reads the shell blocks of a page. A block of json or text right after
// one is what it prints.
func blocks(page string) (out []block) {
	var kind string
	var body []string
	open, start, after := false, 0, -1
	for i, line := range strings.Split(page, "\n") {
		mark, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && !open:
			open, kind, body, start = true, mark, nil, i+1
		case fence:
			open = false
			text := strings.Join(body, "\n")
			switch {
			case kind == "sh":
				out = append(out, block{line: start, script: text})
				after = i
			case (kind == "json" || kind == "text") && after == start-2 && len(out) > 0:
				out[len(out)-1].kind, out[len(out)-1].answer = kind, text
			}
		case open:
			body = append(body, line)
		}
	}
	return out
}

// differs says in which way an answer is not what the page promises; "..." in
// the page stands for anything.
func (b block) differs(got string) error {
	switch b.kind {
	case "json":
		var want, have any
		if err := json.Unmarshal([]byte(b.answer), &want); err != nil {
			return fmt.Errorf("the page's own answer is not JSON: %w", err)
		}
		if err := json.Unmarshal([]byte(got), &have); err != nil {
			return fmt.Errorf("not JSON: %q", got)
		}
		return compare("", want, have)
	case "text":
		var parts []string
		for _, p := range strings.Split(strings.TrimSpace(b.answer), "...") {
			parts = append(parts, strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(p)), " ", `\s`))
		}
		if !regexp.MustCompile(`(?s)^\s*` + strings.Join(parts, ".*?") + `\s*$`).MatchString(got) {
			return fmt.Errorf("printed\n%s", got)
		}
	}
	return nil
}

func compare(at string, want, got any) error {
	switch w := want.(type) {
	case string:
		if w == "..." {
			if got == nil || got == "" {
				return fmt.Errorf("%s is empty", at)
			}
			return nil
		}
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(w) {
			return fmt.Errorf("%s: %v, want %v", at, got, want)
		}
		for k := range w {
			if err := compare(at+"."+k, w[k], g[k]); err != nil {
				return err
			}
		}
		return nil
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return fmt.Errorf("%s: %v, want %v", at, got, want)
		}
		for i := range w {
			if err := compare(fmt.Sprintf("%s[%d]", at, i), w[i], g[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if want != got {
		return fmt.Errorf("%s: %v, want %v", at, got, want)
	}
	return nil
}
