package friend

import (
	"context"
	"encoding/json"
	"fmt"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
	"hongyan/internal/im/notice"
)

const (
	dayMs = 24 * 3600 * 1000
	// requestDays is how long a request can be answered.
	requestDays = 30
	// tombstoneDays is how far back an incremental sync can tell of ended
	// friendships (docs/protocol/nim-social.md section 4.2).
	tombstoneDays = 30
)

// Service changes and answers what accounts are to each other.
type Service struct {
	store    Store
	accounts *account.Service
	notices  *notice.Service
	bus      im.Publisher
	clock    im.Clock
	black    *names
	friends  *names
}

// New returns a Service.
func New(store Store, accounts *account.Service, notices *notice.Service, bus im.Publisher, clock im.Clock) *Service {
	return &Service{store: store, accounts: accounts, notices: notices, bus: bus, clock: clock,
		black: newNames(store.BlackNames), friends: newNames(store.FriendNames)}
}

// By tells how a change came about.
type By struct {
	Origin string // connection that asks
	Copy   notice.CopyFacts
	// Ask asks somebody else whether it may be, when the parameters have been
	// checked; nil: nobody is asked.
	Ask func(ctx context.Context) error
}

func (b *By) ask(ctx context.Context) error {
	if b.Ask == nil {
		return nil
	}
	return b.Ask(ctx)
}

// Request is a friend request, or the answer to one.
type Request struct {
	App       *app.App
	From, To  string // To as the caller wrote it
	Kind      Kind
	Greeting  string
	ServerExt string // REST only
	By
	REST bool // by the app's server: it needs no request to answer, and no black list stops it
}

// Ask adds, asks, accepts or rejects (docs/protocol/nim-social.md section 10).
func (s *Service) Ask(ctx context.Context, r Request) error {
	to, err := s.other(r.From, r.To)
	if err != nil {
		return err
	}
	if r.Kind < Add || r.Kind > Reject {
		return im.Errorf(im.CodeBadParam, "type must be 1 to 4")
	}
	if err := checkText("greeting", r.Greeting, MaxGreeting); err != nil {
		return err
	}
	if err := checkText("serverex", r.ServerExt, MaxServerExt); err != nil {
		return err
	}
	if _, err := s.accounts.Get(ctx, r.App.Key, to); err != nil {
		return err
	}
	if err := r.By.ask(ctx); err != nil {
		return err
	}
	if !r.REST && (r.Kind == Add || r.Kind == Apply) {
		// Whoever is on the black list must not learn of it.
		if blocked, err := s.Blocks(ctx, r.App.Key, to, r.From); err != nil || blocked {
			return err
		}
	}
	n := &notice.Notice{App: r.App.Key, Receiver: to, Type: notice.FriendRequest, From: r.From, Content: r.Greeting, Attach: requestAttach(r)}
	var done bool
	err = s.update(ctx, r.App, r.From, to, func(p *Pair) (ns []*notice.Notice, err error) {
		if done, err = s.ask(p, r, to); err != nil || !done {
			return nil, err
		}
		s.notices.Prepare(n)
		n.WantCopy(r.App, r.Copy)
		return []*notice.Notice{n}, nil
	})
	if err != nil || !done {
		return err
	}
	s.notices.Publish(n)
	s.tell(EventRequest, r.App.Key, r.From, r.Origin, Event{Accid: to, Kind: r.Kind, Greeting: r.Greeting})
	return nil
}

// ask applies a request to a pair and says whether anything came of it.
func (s *Service) ask(p *Pair, r Request, to string) (bool, error) {
	now := s.clock.NowMs()
	open := p.AskedMe > now-requestDays*dayMs
	if r.Kind != Reject && p.Friends() {
		return false, nil // already friends
	}
	switch r.Kind {
	case Apply:
		p.Asking = now
		return true, nil
	case Accept, Reject:
		if !open && !r.REST {
			return false, im.Errorf(im.CodeInvalid, "no friend request to answer")
		}
	}
	p.AskedMe = 0
	if r.Kind == Reject {
		return true, nil
	}
	p.Asking = 0
	mine, theirs := Direct, Direct
	if r.Kind == Accept {
		mine, theirs = Agreed, Asked
	}
	p.Mine = begin(p.Mine, r.From, to, mine, now)
	p.Theirs = begin(p.Theirs, to, r.From, theirs, now)
	if r.ServerExt != "" {
		p.Mine.ServerExt = r.ServerExt
	}
	return true, nil
}

// begin returns a friendship that starts now; the alias of an earlier one is kept.
func begin(old *Friend, owner, accid string, how Origin, now int64) *Friend {
	f := &Friend{Owner: owner, Accid: accid, Valid: true, Origin: how, CreatedMs: now, UpdatedMs: now}
	if old != nil {
		f.Alias = old.Alias
	}
	return f
}

// requestAttach is the attach of notification 5: vt says which request it is.
func requestAttach(r Request) string {
	b, err := json.Marshal(struct {
		VT        Kind   `json:"vt"`
		ServerExt string `json:"serverex,omitempty"`
	}{r.Kind, r.ServerExt})
	if err != nil {
		panic(fmt.Sprintf("attach: %v", err)) // cannot fail
	}
	return string(b)
}

// Delete ends a friendship for both. The owner's alias waits for a new
// beginning unless dropAlias; who is no friend is none afterwards either.
func (s *Service) Delete(ctx context.Context, a *app.App, owner, accid string, dropAlias bool, by By) error {
	accid, err := s.other(owner, accid)
	if err != nil {
		return err
	}
	if _, err := s.accounts.Get(ctx, a.Key, accid); err != nil {
		return err
	}
	if err := by.ask(ctx); err != nil {
		return err
	}
	n := &notice.Notice{App: a.Key, Receiver: accid, Type: notice.DeleteFriend, From: owner}
	var were bool
	err = s.update(ctx, a, owner, accid, func(p *Pair) ([]*notice.Notice, error) {
		if were = p.Friends(); !were {
			return nil, nil
		}
		now := s.clock.NowMs()
		for _, f := range []*Friend{p.Mine, p.Theirs} {
			if f != nil {
				f.Valid, f.Ext, f.ServerExt, f.UpdatedMs = false, "", "", now
			}
		}
		if dropAlias {
			p.Mine.Alias = ""
		}
		s.notices.Prepare(n)
		n.WantCopy(a, by.Copy)
		return []*notice.Notice{n}, nil
	})
	if err != nil || !were {
		return err
	}
	s.notices.Publish(n)
	s.tell(EventDeleted, a.Key, owner, by.Origin, Event{Accid: accid})
	return nil
}

// Update is a change of the owner's side; nil leaves a field as it is.
type Update struct{ Alias, Ext, ServerExt *string }

// Update changes alias and extensions; who is no friend is 404.
func (s *Service) Update(ctx context.Context, a *app.App, owner, accid string, u Update, origin string) (*Friend, error) {
	accid, err := s.other(owner, accid)
	if err != nil {
		return nil, err
	}
	fields := []struct {
		name  string
		value *string
		limit int
		field func(*Friend) *string
	}{
		{"alias", u.Alias, MaxAlias, func(f *Friend) *string { return &f.Alias }},
		{"ext", u.Ext, MaxExt, func(f *Friend) *string { return &f.Ext }},
		{"serverex", u.ServerExt, MaxServerExt, func(f *Friend) *string { return &f.ServerExt }},
	}
	for _, f := range fields {
		if f.value != nil {
			if err := checkText(f.name, *f.value, f.limit); err != nil {
				return nil, err
			}
		}
	}
	var out *Friend
	err = s.update(ctx, a, owner, accid, func(p *Pair) ([]*notice.Notice, error) {
		if !p.Friends() {
			return nil, im.Errorf(im.CodeNotFound, "not a friend")
		}
		for _, f := range fields {
			if f.value != nil {
				*f.field(p.Mine) = *f.value
			}
		}
		p.Mine.UpdatedMs = s.clock.NowMs()
		copied := *p.Mine
		out = &copied
		return nil, nil
	})
	if err != nil {
		return nil, err
	}
	s.tell(EventUpdated, a.Key, owner, origin, Event{Accid: accid, Friend: out})
	return out, nil
}

// update runs a change and forgets what was cached of both accounts, whatever
// came of it: a write whose caller gave up may still happen.
func (s *Service) update(ctx context.Context, a *app.App, mine, theirs string, change Change) error {
	defer s.Forget(a.Key, mine)
	defer s.Forget(a.Key, theirs)
	return s.store.UpdatePair(ctx, a.Key, mine, theirs, a.Settings.FriendMax, change)
}

// other checks the second account of an operation.
func (s *Service) other(owner, accid string) (string, error) {
	id, ok := im.NormalizeAccid(accid)
	switch {
	case !ok:
		return "", im.Errorf(im.CodeNotFound, "no such account")
	case id == owner:
		return "", im.Errorf(im.CodeBadParam, "the account itself")
	}
	return id, nil
}
