package friend

import (
	"context"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
)

// List returns an account's friends.
func (s *Service) List(ctx context.Context, app, owner string) ([]*Friend, error) {
	return s.store.Friends(ctx, app, owner, 0, false)
}

// Get returns the owner's view of one account, nil if they are no friends.
func (s *Service) Get(ctx context.Context, app, owner, accid string) (*Friend, error) {
	f, err := s.store.Friend(ctx, app, owner, accid)
	if err != nil || f == nil || !f.Valid {
		return nil, err
	}
	return f, nil
}

// Since returns the friends an incremental sync carries: those changed since
// the client's time tag, ended ones included; all that are live when the tag is
// 0 or older than ended ones are told of (docs/protocol/nim-social.md section 4.2).
func (s *Service) Since(ctx context.Context, app, owner string, tagMs int64) ([]*Friend, error) {
	if s.full(tagMs) {
		return s.List(ctx, app, owner)
	}
	return s.store.Friends(ctx, app, owner, tagMs-im.OverlapMs, true)
}

func (s *Service) full(tagMs int64) bool {
	return tagMs <= 0 || tagMs < s.clock.NowMs()-tombstoneDays*dayMs
}

// Cards returns the cards of friends that changed since a time tag, and those
// of new friends.
func (s *Service) Cards(ctx context.Context, app, owner string, tagMs int64) ([]*account.Account, error) {
	friends, err := s.List(ctx, app, owner)
	if err != nil || len(friends) == 0 {
		return nil, err
	}
	ids := make([]string, len(friends))
	for i, f := range friends {
		ids[i] = f.Accid
	}
	found, err := s.accounts.GetMany(ctx, app, ids)
	if err != nil {
		return nil, err
	}
	since := tagMs - im.OverlapMs
	var out []*account.Account
	for _, f := range friends {
		if a := found[f.Accid]; a != nil && (s.full(tagMs) || a.Card.UpdatedMs > since || f.UpdatedMs > since) {
			out = append(out, a)
		}
	}
	return out, nil
}

// Relations returns an account's black and mute lists, and whether they changed
// since a client's time tag: a client replaces what it has by the whole lists.
func (s *Service) Relations(ctx context.Context, app, owner string, tagMs int64) (list []*Relation, changed bool, err error) {
	all, err := s.store.Relations(ctx, app, owner)
	if err != nil {
		return nil, false, err
	}
	changed = s.full(tagMs)
	for _, r := range all {
		if r.Black || r.Muted {
			list = append(list, r)
		}
		changed = changed || r.UpdatedMs > tagMs-im.OverlapMs
	}
	return list, changed, nil
}

// SetBlack puts an account on the owner's black list or takes it off; it may be
// there, or not, already.
func (s *Service) SetBlack(ctx context.Context, a *app.App, owner, accid string, on bool, origin string) error {
	accid, err := s.setRelation(ctx, a, owner, accid, on, func(r *Relation) *bool { return &r.Black })
	if err != nil {
		return err
	}
	s.tell(EventBlack, a.Key, owner, origin, Event{Accid: accid, On: on})
	return nil
}

// SetMute is SetBlack for the mute list: messages of that account make no push.
func (s *Service) SetMute(ctx context.Context, a *app.App, owner, accid string, on bool, origin string) error {
	accid, err := s.setRelation(ctx, a, owner, accid, on, func(r *Relation) *bool { return &r.Muted })
	if err != nil {
		return err
	}
	s.tell(EventMute, a.Key, owner, origin, Event{Accid: accid, On: on})
	return nil
}

func (s *Service) setRelation(ctx context.Context, a *app.App, owner, accid string, on bool, flag func(*Relation) *bool) (string, error) {
	accid, err := s.other(owner, accid)
	if err != nil {
		return "", err
	}
	if _, err := s.accounts.Get(ctx, a.Key, accid); err != nil {
		return "", err
	}
	defer s.Forget(a.Key, owner)
	return accid, s.store.UpdateRelation(ctx, a.Key, owner, accid, a.Settings.RelationMax, func(r *Relation) bool {
		f := flag(r)
		if *f == on {
			return false
		}
		now := s.clock.NowMs()
		if !r.Black && !r.Muted {
			r.CreatedMs = now
		}
		*f, r.UpdatedMs = on, now
		return true
	})
}

// Blocks says whether owner has other on the black list. It is asked for every
// message and answered from memory.
func (s *Service) Blocks(ctx context.Context, app, owner, other string) (bool, error) {
	return s.black.has(ctx, app, owner, other)
}

// AreFriends says whether two accounts are friends; everybody is one's own.
func (s *Service) AreFriends(ctx context.Context, app, a, b string) (bool, error) {
	if a == b {
		return true, nil
	}
	return s.friends.has(ctx, app, a, b)
}

// Forget drops what is cached of an account: another node has changed it.
func (s *Service) Forget(app, accid string) {
	s.black.drop(app, accid)
	s.friends.drop(app, accid)
}
