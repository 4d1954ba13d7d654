package move

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

const (
	barEvery  = 200 * time.Millisecond
	lineEvery = 10 * time.Second
	barWidth  = 24
)

// progress shows how far a stage is: a bar that moves on a terminal, a line now
// and then elsewhere.
type progress struct {
	out      io.Writer
	terminal bool
	facts    func() string // what is told besides

	mu    sync.Mutex // guards the rest and out
	stage string
	unit  string
	done  int
	total int // 0 = not known
	begun time.Time
	shown time.Time
	width int // of the bar on the screen
}

func (p *progress) begin(stage, unit string, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stage, p.unit, p.done, p.total, p.begun, p.shown = stage, unit, 0, total, time.Now(), time.Now()
	p.show(false)
}

func (p *progress) step(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	every := lineEvery
	if p.terminal {
		every = barEvery
	}
	if time.Since(p.shown) >= every {
		p.show(false)
	}
}

// end closes the stage with a line that stays.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.show(true)
}

// say writes a line between the others.
func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wipe()
	fmt.Fprintf(p.out, format+"\n", args...)
}

func (p *progress) wipe() {
	if p.width > 0 {
		fmt.Fprint(p.out, "\r"+strings.Repeat(" ", p.width)+"\r")
		p.width = 0
	}
}

func (p *progress) show(last bool) {
	p.shown = time.Now()
	took := time.Since(p.begun).Round(time.Second)
	amount := fmt.Sprintf("%d %s", p.done, p.unit)
	if p.total > 0 {
		amount = fmt.Sprintf("%d/%d %s", p.done, p.total, p.unit)
	}
	if !p.terminal {
		if p.done > 0 || last {
			fmt.Fprintf(p.out, "%s: %s, %s, %s\n", p.stage, amount, p.facts(), took)
		}
		return
	}
	p.wipe()
	bar := ""
	if p.total > 0 {
		n := min(barWidth, barWidth*p.done/p.total)
		bar = "[" + strings.Repeat("#", n) + strings.Repeat(".", barWidth-n) + "] "
	}
	line := fmt.Sprintf("%-16s %s%s, %s, %s", p.stage, bar, amount, p.facts(), took)
	if last {
		fmt.Fprintln(p.out, line)
		return
	}
	fmt.Fprint(p.out, line)
	p.width = len(line)
}
