package friend_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hongyan/internal/hytest"
	"hongyan/internal/im/friend"
	"hongyan/internal/infra/sqlstore"
)

// monthMs is how long ends are told of, and how long requests can be answered.
const monthMs = 30 * 24 * 3600 * 1000

// device is a client that synchronises now and then and keeps what it was told.
type device struct {
	owner     string
	tag       int64
	friends   map[string]friend.Friend
	relations map[string]friend.Relation
}

// sync is what a client does with 12-5 and 3-8.
func (d *device) sync(ctx context.Context, t *rapid.T, w *world) {
	now := w.clock.NowMs() // read before the lists, as a sync does
	list, err := w.s.Since(ctx, w.app.Key, d.owner, d.tag)
	if err != nil {
		t.Fatal(err)
	}
	if d.tag < now-monthMs {
		clear(d.friends) // so old a tag gets the whole list
	}
	for _, f := range list {
		if f.Valid {
			d.friends[f.Accid] = *f
		} else {
			delete(d.friends, f.Accid)
		}
	}
	rels, changed, err := w.s.Relations(ctx, w.app.Key, d.owner, d.tag)
	if err != nil {
		t.Fatal(err)
	}
	if changed {
		clear(d.relations)
		for _, r := range rels {
			d.relations[r.Accid] = *r
		}
	}
	d.tag = now
}

// A device that synchronises at any moments, also after more than a month, has in the end what a new one gets,
// and both have what a simple model of the rules says.
func TestIncrementalSyncEqualsFull(t *testing.T) {
	for name, config := range map[string]func(testing.TB) sqlstore.Config{"SQLite": hytest.SQLite, "PostgreSQL": hytest.PostgreSQL} {
		t.Run(name, func(t *testing.T) {
			w := newWorldOn(t, config(t))
			round := 0
			rapid.Check(t, func(r *rapid.T) {
				round++
				w.befriend(r, round)
			})
		})
	}
}

// befriend does things to the lists of people whom no run before had.
func (w *world) befriend(t *rapid.T, round int) {
	names := []string{"alice", "bob", "carol", "dave"}
	ctx := context.Background()
	people := make([]string, len(names))
	for i, n := range names {
		people[i] = fmt.Sprintf("%s%d", n, round) // nobody met before
	}
	w.register(people...)
	pair := func(a, b string) [2]string { return [2]string{min(a, b), max(a, b)} }
	asked := map[[2]string]int64{} // ms
	friends, black, muted := map[[2]string]bool{}, map[[2]string]bool{}, map[[2]string]bool{}
	var devices []*device
	for _, p := range people {
		devices = append(devices, &device{owner: p, friends: map[string]friend.Friend{}, relations: map[string]friend.Relation{}})
	}
	for range rapid.IntRange(10, 50).Draw(t, "steps") {
		a, b := rapid.SampledFrom(people).Draw(t, "a"), rapid.SampledFrom(people).Draw(t, "b")
		if a == b {
			continue
		}
		var err error
		switch what := rapid.IntRange(0, 10).Draw(t, "what"); what {
		case 1, 2, 3, 4:
			kind := friend.Kind(what)
			err = w.try(a, kind, b)
			blocked := black[[2]string{b, a}]
			mine, theirs := [2]string{a, b}, [2]string{b, a}
			answerable := asked[theirs] > w.clock.NowMs()-monthMs
			switch {
			case kind == friend.Add && !blocked && !friends[pair(a, b)], kind == friend.Accept && answerable && !friends[pair(a, b)]:
				friends[pair(a, b)] = true
				delete(asked, mine)
				delete(asked, theirs)
			case kind == friend.Apply && !blocked && !friends[pair(a, b)]:
				asked[mine] = w.clock.NowMs()
			case kind == friend.Reject && answerable:
				delete(asked, theirs)
			case kind >= friend.Accept && !answerable && (kind == friend.Reject || !friends[pair(a, b)]):
				if err == nil {
					t.Fatalf("%s answered (%d) %s, who never asked", a, kind, b)
				}
				err = nil
			}
		case 5:
			err = w.s.Delete(ctx, w.app, a, b, rapid.Bool().Draw(t, "drop"), friend.By{})
			delete(friends, pair(a, b))
		case 6:
			alias := strings.ReplaceAll(rapid.StringN(0, 3, -1).Draw(t, "alias"), "\x00", "") // a NUL is refused
			if friends[pair(a, b)] {
				_, err = w.s.Update(ctx, w.app, a, b, friend.Update{Alias: &alias}, "")
			}
		case 7, 8:
			on := rapid.Bool().Draw(t, "on")
			set, list := w.s.SetBlack, black
			if what == 8 {
				set, list = w.s.SetMute, muted
			}
			err = set(ctx, w.app, a, b, on, "")
			list[[2]string{a, b}] = on
		case 9:
			w.clock.Advance(time.Duration(rapid.IntRange(1, 20_000).Draw(t, "ms")) * time.Millisecond)
		case 10:
			// Never a month to the millisecond: the device and the server read the clock
			// one after the other.
			w.clock.Advance(time.Duration(rapid.SampledFrom([]int{1, 18, 29, 31, 35}).Draw(t, "days"))*24*time.Hour + 7*time.Hour)
		default:
			rapid.SampledFrom(devices).Draw(t, "device").sync(ctx, t, w)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range devices {
		d.sync(ctx, t, w)
		fresh := &device{owner: d.owner, friends: map[string]friend.Friend{}, relations: map[string]friend.Relation{}}
		fresh.sync(ctx, t, w)
		if !maps.Equal(d.friends, fresh.friends) || !maps.Equal(d.relations, fresh.relations) {
			t.Fatalf("%s has %v and %v, a new device %v and %v", d.owner, d.friends, d.relations, fresh.friends, fresh.relations)
		}
		for _, p := range people {
			key := [2]string{d.owner, p}
			_, isFriend := fresh.friends[p]
			cached, err := w.s.AreFriends(ctx, w.app.Key, d.owner, p)
			if err != nil || p != d.owner && (isFriend != friends[pair(d.owner, p)] || cached != isFriend) {
				t.Fatalf("%s and %s are friends: %v, cached %v, want %v; %v", d.owner, p, isFriend, cached, friends[pair(d.owner, p)], err)
			}
			r := fresh.relations[p]
			blocks, err := w.s.Blocks(ctx, w.app.Key, d.owner, p)
			if err != nil || r.Black != black[key] || r.Muted != muted[key] || blocks != black[key] {
				t.Fatalf("%s about %s: %+v, cached %v, want %v and %v; %v", d.owner, p, r, blocks, black[key], muted[key], err)
			}
		}
	}
}
