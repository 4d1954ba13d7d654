package sqlstore

import "time"

const (
	// gather is how long messages are collected between two commits under load: a
	// transaction costs several times what one more row in it costs, so waiting
	// this long saves more processor time than it costs latency
	// (docs/adr/0002-group-commit.md has the figures).
	gather = 2 * time.Millisecond
	// gatherRate is the load, in messages a second, from which commits gather.
	// Below it most commits have one message anyway and waiting buys nothing.
	gatherRate = 1000
	paceWindow = 50 * time.Millisecond
)

// pacer decides when a committer starts its next transaction.
type pacer struct {
	ended  time.Time // end of the last commit
	window time.Time // start of the window that count belongs to
	count  int       // messages committed in it
	busy   bool      // the load of the last full window was over gatherRate
}

// wait returns at once, or under load when gather has passed since the last commit.
func (p *pacer) wait() {
	if !p.busy {
		return
	}
	if d := gather - time.Since(p.ended); d > 0 {
		time.Sleep(d)
	}
}

// done notes a commit of n messages.
func (p *pacer) done(n int) {
	now := time.Now()
	p.ended = now
	if since := now.Sub(p.window); since >= paceWindow {
		p.busy = float64(p.count)/since.Seconds() > gatherRate
		p.window, p.count = now, 0
	}
	p.count += n
}
