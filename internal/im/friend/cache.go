package friend

import (
	"context"
	"sync"
)

// maxCachedNames bounds a cache in names; an account without any counts as one.
// 500,000 of them are some 40 MB.
const maxCachedNames = 500_000

type owner struct{ app, accid string }

// names caches one list of names per account, an empty one too: most are.
type names struct {
	load func(ctx context.Context, app, owner string) ([]string, error)

	mu     sync.RWMutex // guards the rest
	lists  map[owner]map[string]struct{}
	weight int
	epoch  uint64 // rises with every drop: what was read before is not kept
}

func newNames(load func(ctx context.Context, app, owner string) ([]string, error)) *names {
	return &names{load: load, lists: map[owner]map[string]struct{}{}}
}

func (c *names) has(ctx context.Context, app, accid, name string) (bool, error) {
	k := owner{app, accid}
	c.mu.RLock()
	list, ok := c.lists[k]
	epoch := c.epoch
	c.mu.RUnlock()
	if !ok {
		found, err := c.load(ctx, app, accid)
		if err != nil {
			return false, err
		}
		if len(found) > 0 {
			list = make(map[string]struct{}, len(found))
		}
		for _, n := range found {
			list[n] = struct{}{}
		}
		c.keep(k, list, epoch)
	}
	_, in := list[name]
	return in, nil
}

func (c *names) keep(k owner, list map[string]struct{}, epoch uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.epoch != epoch {
		return
	}
	if old, ok := c.lists[k]; ok {
		c.weight -= 1 + len(old)
	}
	c.lists[k] = list
	c.weight += 1 + len(list)
	for other, l := range c.lists { // in no order: any will do
		if c.weight <= maxCachedNames {
			break
		}
		delete(c.lists, other)
		c.weight -= 1 + len(l)
	}
}

func (c *names) drop(app, accid string) {
	k := owner{app, accid}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	if old, ok := c.lists[k]; ok {
		c.weight -= 1 + len(old)
		delete(c.lists, k)
	}
}
