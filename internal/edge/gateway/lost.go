package gateway

import (
	"sync"

	"hongyan/internal/im/presence"
)

const (
	lostKeepMs = 10 * 60 * 1000
	maxLost    = 50_000
)

// lostClients remembers for a while how far clients had received messages when
// their connection broke. SDKs up to 0.15.0 do not move their roaming time tag
// for messages that arrived live and would count them as unread a second time
// after a reconnect (docs/protocol/nim-core.md section 4.4). It is a help, not a
// promise: what it forgets is delivered again.
type lostClients struct {
	mu   sync.Mutex // guards seen
	seen map[lostKey]lostClient
}

type lostKey struct {
	account presence.Key
	client  string
}

type lostClient struct{ receivedMs, trustMs, atMs int64 }

func newLostClients() *lostClients { return &lostClients{seen: map[lostKey]lostClient{}} }

// put remembers a client. Two that cannot be told apart keep the lower time:
// a message may then come twice, never not at all.
func (l *lostClients) put(k lostKey, receivedMs, trustMs, nowMs int64) {
	if receivedMs <= 0 && trustMs == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if old, ok := l.seen[k]; ok && nowMs-old.atMs < lostKeepMs {
		receivedMs = min(receivedMs, old.receivedMs)
		if old.trustMs != 0 && (trustMs == 0 || old.trustMs < trustMs) {
			trustMs = old.trustMs
		}
	}
	if len(l.seen) >= maxLost {
		for k, c := range l.seen {
			if nowMs-c.atMs >= lostKeepMs {
				delete(l.seen, k)
			}
		}
		if len(l.seen) >= maxLost {
			return
		}
	}
	l.seen[k] = lostClient{receivedMs, trustMs, nowMs}
}

// take returns the time up to which a client that is back has everything, and the
// time from which it may have missed something, 0 if unknown.
func (l *lostClients) take(k lostKey, nowMs int64) (receivedMs, trustMs int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.seen[k]
	delete(l.seen, k)
	if !ok || nowMs-c.atMs >= lostKeepMs {
		return 0, 0
	}
	return c.receivedMs, c.trustMs
}
