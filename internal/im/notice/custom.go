package notice

import (
	"context"
	"strings"
	"unicode/utf8"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
)

// Relations answers whom a black list stops.
type Relations interface {
	// Blocks says whether owner has other on the black list.
	Blocks(ctx context.Context, app, owner, other string) (bool, error)
}

// Teams answers who gets a notification sent to a team.
type Teams interface {
	// NoticeRoom returns the conversation of a team, or a super team, of which the
	// sender has to be a member: im.CodeTeamNotFound and im.CodeTeamNotMember
	// otherwise. The app's server may name any account as sender. The members are
	// those of a team; of a super team there are none: they may be thousands.
	NoticeRoom(ctx context.Context, a *app.App, t Type, from, to string, rest bool) (conv im.ConvKey, members []string, err error)
}

// Sender sends custom notifications (docs/protocol/nim-core.md section 5.16).
type Sender struct {
	notices   *Service
	accounts  *account.Service
	relations Relations
	teams     Teams
}

// NewSender returns a Sender. Without teams every team is unknown.
func NewSender(notices *Service, accounts *account.Service, relations Relations, teams Teams) *Sender {
	return &Sender{notices: notices, accounts: accounts, relations: relations, teams: teams}
}

// Custom is a notification to send. The façade fills what a sender may choose
// of Notice: Type, From, To as the caller wrote it, Attach, Flags and the push
// fields; Origin is the connection that sends.
type Custom struct {
	App    *app.App
	Notice Notice
	Copy   CopyFacts // where it comes from
	REST   bool      // by the app's server: no block and no black list stops it
}

// Send checks a custom notification and delivers it. Those to teams reach who
// is online and are never stored.
func (s *Sender) Send(ctx context.Context, c Custom) error {
	if err := c.check(); err != nil {
		return err
	}
	sender, err := s.accounts.Get(ctx, c.App.Key, c.Notice.From)
	if err != nil {
		return err
	}
	if sender.Blocked && !c.REST {
		return im.Errorf(im.CodeBlocked, "account blocked")
	}
	to, err := s.receivers(ctx, &c)
	if err != nil {
		return err
	}
	c.Copy.Nick = sender.Card.Name
	return s.deliver(ctx, c, to)
}

// SendMany delivers a one-to-one notification to accounts that exist.
func (s *Sender) SendMany(ctx context.Context, c Custom, to []string) error {
	c.Notice.Type = CustomP2P
	if err := c.check(); err != nil {
		return err
	}
	sender, err := s.accounts.Get(ctx, c.App.Key, c.Notice.From)
	if err != nil {
		return err
	}
	c.Copy.Nick = sender.Card.Name
	return s.deliver(ctx, c, to)
}

func (s *Sender) deliver(ctx context.Context, c Custom, to []string) error {
	if c.Notice.Type != CustomP2P {
		// One event for everybody who is online, however many members there are.
		n := c.Notice
		n.App = c.App.Key
		n.WantCopy(c.App, c.Copy)
		return s.notices.Send(ctx, &n)
	}
	ns := make([]*Notice, len(to))
	for i, accid := range to {
		n := c.Notice
		n.App, n.Receiver, n.To = c.App.Key, accid, ""
		n.WantCopy(c.App, c.Copy)
		ns[i] = &n
	}
	return s.notices.Send(ctx, ns...)
}

// receivers finds out who gets c: an account, or everybody in a room but the
// sender.
func (s *Sender) receivers(ctx context.Context, c *Custom) ([]string, error) {
	n := &c.Notice
	if n.Type != CustomP2P {
		n.Flags |= NoOffline
		if s.teams == nil {
			return nil, im.Errorf(im.CodeTeamNotFound, "team does not exist")
		}
		conv, members, err := s.teams.NoticeRoom(ctx, c.App, n.Type, n.From, n.To, c.REST)
		if len(members) <= copiedMembers {
			c.Copy.Members = members
		}
		n.Room = conv
		return nil, err
	}
	to, ok := im.NormalizeAccid(n.To)
	if !ok {
		return nil, im.Errorf(im.CodeNotFound, "no such account")
	}
	if _, err := s.accounts.Get(ctx, c.App.Key, to); err != nil {
		return nil, err
	}
	if !c.REST && to != n.From {
		blocked, err := s.relations.Blocks(ctx, c.App.Key, to, n.From)
		if err != nil {
			return nil, err
		}
		if blocked {
			return nil, im.Errorf(im.CodeBlacklisted, "on the receiver's black list")
		}
	}
	return []string{to}, nil
}

// check holds what the sender chose against the app's limits.
func (c *Custom) check() error {
	n, set := &c.Notice, &c.App.Settings
	switch n.Type {
	case CustomP2P, CustomTeam, CustomSuperTeam:
	default:
		return im.Errorf(im.CodeBadParam, "only custom notifications can be sent")
	}
	for _, f := range []struct {
		name, text string
		limit      int64
	}{
		{"attach", n.Attach, set.NoticeLimit},
		{"pushContent", n.PushContent, set.PushTextLimit},
		{"forcePushContent", n.ForceContent, set.PushTextLimit},
		{"pushPayload", n.PushPayload, set.PayloadLimit},
		{"env", n.Env, 64},
	} {
		if int64(len(f.text)) > f.limit && int64(utf8.RuneCountInString(f.text)) > f.limit {
			return im.Errorf(im.CodeBadParam, "%s longer than %d characters", f.name, f.limit)
		}
		if strings.IndexByte(f.text, 0) >= 0 {
			return im.Errorf(im.CodeBadParam, "%s holds a NUL", f.name)
		}
	}
	return nil
}
