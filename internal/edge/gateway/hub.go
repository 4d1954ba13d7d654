package gateway

import (
	"sync"

	"hongyan/internal/im/presence"
)

const hubShards = 64

// hub finds the sessions of an account. Sessions enter after login.
type hub struct {
	shards [hubShards]hubShard
}

type hubShard struct {
	mu       sync.RWMutex // guards accounts
	accounts map[presence.Key][]*Session
}

func newHub() *hub {
	h := &hub{}
	for i := range h.shards {
		h.shards[i].accounts = map[presence.Key][]*Session{}
	}
	return h
}

func (h *hub) shard(k presence.Key) *hubShard {
	x := uint32(2166136261)
	for i := 0; i < len(k.Accid); i++ {
		x = (x ^ uint32(k.Accid[i])) * 16777619
	}
	return &h.shards[x%hubShards]
}

func (h *hub) add(k presence.Key, s *Session) {
	sh := h.shard(k)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	old := sh.accounts[k]
	// Copied on write: readers use the slice without the lock.
	next := make([]*Session, 0, len(old)+1)
	sh.accounts[k] = append(append(next, old...), s)
}

func (h *hub) remove(k presence.Key, s *Session) {
	sh := h.shard(k)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	old := sh.accounts[k]
	next := make([]*Session, 0, len(old))
	for _, o := range old {
		if o != s {
			next = append(next, o)
		}
	}
	if len(next) == 0 {
		delete(sh.accounts, k)
		return
	}
	sh.accounts[k] = next
}

// of returns the account's sessions; the slice must not be changed.
func (h *hub) of(app, accid string) []*Session {
	k := presence.Key{App: app, Accid: accid}
	sh := h.shard(k)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.accounts[k]
}
