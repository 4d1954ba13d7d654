package move

import (
	"bytes"
	"strings"
	"testing"
)

func TestProgressOnATerminalAndElsewhere(t *testing.T) {
	show := func(terminal bool) string {
		var b bytes.Buffer
		p := &progress{out: &b, terminal: terminal, facts: func() string { return "3 calls" }}
		p.begin("history", "conversations", 4)
		p.step(1)
		p.say("run 2 goes on")
		p.shown = p.shown.Add(-lineEvery)
		p.step(1)
		p.step(2)
		p.end()
		return b.String()
	}
	plain := show(false)
	if want := "run 2 goes on\nhistory: 2/4 conversations, 3 calls, 0s\nhistory: 4/4 conversations, 3 calls, 0s\n"; plain != want {
		t.Errorf("%q, want %q", plain, want)
	}
	bar := show(true)
	if !strings.HasPrefix(bar, "history          [........................] 0/4 conversations, 3 calls, 0s\r") ||
		!strings.Contains(bar, "\rrun 2 goes on\n") || !strings.Contains(bar, "[############............] 2/4") ||
		!strings.HasSuffix(bar, "[########################] 4/4 conversations, 3 calls, 0s\n") {
		t.Errorf("%q", bar)
	}
}
