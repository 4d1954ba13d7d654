package team

import (
	"context"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
)

// forMessages is what package message asks about teams.
type forMessages struct{ s *Service }

// ForMessages returns what package message asks about teams.
func (s *Service) ForMessages() message.Teams { return forMessages{s} }

// MayRecall implements message.Teams: members recall what they wrote, owner and
// managers what anybody wrote; former members nothing (docs/protocol/nim-core.md
// section 5.7).
func (f forMessages) MayRecall(ctx context.Context, app string, conv im.ConvKey, operator, author string) error {
	t, m, err := f.s.gate.look(ctx, app, conv, operator)
	switch {
	case err != nil:
		return err
	case t == nil || !t.Valid:
		return errNotFound()
	case m == nil || operator != author && m.Role == Ordinary:
		return im.Errorf(im.CodeForbidden, "not allowed")
	}
	return nil
}

// Members implements message.Teams.
func (f forMessages) Members(ctx context.Context, app string, conv im.ConvKey) ([]string, error) {
	found, err := f.s.c.Store.Teams(ctx, app, []im.ConvKey{conv})
	if err != nil {
		return nil, err
	}
	if t := found[conv]; t == nil || !t.Valid {
		return nil, errNotFound()
	}
	members, err := f.s.c.Store.Members(ctx, app, conv, MemberQuery{})
	return accids(members), err
}

// IsMember implements message.Teams.
func (f forMessages) IsMember(ctx context.Context, app string, conv im.ConvKey, accid string) (bool, error) {
	t, m, err := f.s.gate.look(ctx, app, conv, accid)
	if err != nil {
		return false, err
	}
	return t.allows(m, OpRead) == nil, nil
}
