package account

import "sync"

const cacheShards = 16

// cache keeps accounts by app and accid in two generations: when the young one
// is full it becomes the old one and the old one is dropped, so at most max
// accounts stay and what is used stays longest.
type cache struct {
	shards [cacheShards]cacheShard
	perGen int
	drops  struct {
		sync.Mutex
		n uint64
	}
}

type cacheShard struct {
	mu         sync.Mutex // guards young, old
	young, old map[cacheKey]*Account
}

type cacheKey struct{ app, accid string }

func newCache(max int) *cache {
	c := &cache{perGen: max/(2*cacheShards) + 1}
	for i := range c.shards {
		c.shards[i].young = map[cacheKey]*Account{}
	}
	return c
}

func (c *cache) shard(k cacheKey) *cacheShard {
	h := uint32(2166136261)
	for i := 0; i < len(k.accid); i++ {
		h = (h ^ uint32(k.accid[i])) * 16777619
	}
	return &c.shards[h%cacheShards]
}

func (c *cache) get(app, accid string) *Account {
	k := cacheKey{app, accid}
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.young[k]; a != nil {
		return a
	}
	if a := s.old[k]; a != nil {
		c.insert(s, k, a)
		return a
	}
	return nil
}

// putIf stores what was read from the database unless something changed since
// epoch: an older reading must not overwrite a newer write or survive a drop.
func (c *cache) putIf(a *Account, epoch uint64) {
	k := cacheKey{a.App, a.Accid}
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.epoch() == epoch {
		c.insert(s, k, a)
	}
}

func (c *cache) drop(app, accid string) {
	k := cacheKey{app, accid}
	c.bump()
	s := c.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.young, k)
	delete(s.old, k)
}

func (c *cache) insert(s *cacheShard, k cacheKey, a *Account) {
	if len(s.young) >= c.perGen {
		s.old, s.young = s.young, make(map[cacheKey]*Account)
	}
	s.young[k] = a
}

func (c *cache) bump() {
	c.drops.Lock()
	c.drops.n++
	c.drops.Unlock()
}

func (c *cache) epoch() uint64 {
	c.drops.Lock()
	defer c.drops.Unlock()
	return c.drops.n
}
