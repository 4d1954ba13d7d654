package team

import (
	"context"
	"slices"

	"hongyan/internal/im"
	"hongyan/internal/im/message"
)

// tombstoneMs is how long ended memberships are told of; a client that was away
// longer gets the whole list (docs/protocol/nim-social.md section 4.2).
const tombstoneMs = 30 * dayMs

// Get returns a live team, or 803. Anybody may read it.
func (s *Service) Get(ctx context.Context, app string, k Kind, tid int64) (*Team, error) {
	found, err := s.c.Store.Teams(ctx, app, []im.ConvKey{k.Key(tid)})
	if err != nil {
		return nil, err
	}
	t := found[k.Key(tid)]
	if t == nil || !t.Valid {
		return nil, errNotFound()
	}
	return t, nil
}

// GetMany returns the live ones of teams and the ids of the others.
func (s *Service) GetMany(ctx context.Context, app string, k Kind, tids []int64) (teams []*Team, missing []int64, err error) {
	if len(tids) > maxAccounts {
		return nil, nil, im.Errorf(im.CodeBadParam, "at most %d teams", maxAccounts)
	}
	convs := make([]im.ConvKey, len(tids))
	for i, tid := range tids {
		convs[i] = k.Key(tid)
	}
	found, err := s.c.Store.Teams(ctx, app, convs)
	if err != nil {
		return nil, nil, err
	}
	for i, c := range convs {
		if t := found[c]; t != nil && t.Valid {
			teams = append(teams, t)
		} else {
			missing = append(missing, tids[i])
		}
	}
	return teams, missing, nil
}

// Of returns an account's teams. With a time tag only what changed since, ended
// memberships and dismissed teams included; whole says that the list is complete.
func (s *Service) Of(ctx context.Context, app, accid string, k Kind, sinceMs int64) (list []Entry, whole bool, err error) {
	if sinceMs > 0 && s.c.Clock.NowMs()-sinceMs > tombstoneMs-dayMs {
		sinceMs = 0
	}
	if sinceMs > 0 {
		sinceMs = max(1, sinceMs-im.OverlapMs)
	}
	list, err = s.c.Store.TeamsOf(ctx, app, accid, k, sinceMs)
	return list, sinceMs == 0, err
}

// Convs returns the conversations of all the teams an account is in.
func (s *Service) Convs(ctx context.Context, app, accid string) ([]im.ConvKey, error) {
	var out []im.ConvKey
	for _, k := range []Kind{Normal, Super} {
		list, err := s.c.Store.TeamsOf(ctx, app, accid, k, 0)
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			out = append(out, e.Team.Conv())
		}
	}
	return out, nil
}

// Members returns members of a team to one of them: 803, 804.
func (s *Service) Members(ctx context.Context, app, reader string, k Kind, tid int64, q MemberQuery) ([]*Member, error) {
	if err := s.Check(ctx, app, reader, k, tid); err != nil {
		return nil, err
	}
	return s.c.Store.Members(ctx, app, k.Key(tid), q)
}

// Check refuses with 803 or 804 unless accid is a member of a live team.
func (s *Service) Check(ctx context.Context, app, accid string, k Kind, tid int64) error {
	t, m, err := s.gate.look(ctx, app, k.Key(tid), accid)
	if err != nil {
		return err
	}
	return t.allows(m, OpRead)
}

// CheckRole is Check for what only some members may: 802 unless accid has one of
// the roles.
func (s *Service) CheckRole(ctx context.Context, app, accid string, k Kind, tid int64, roles ...Role) error {
	t, m, err := s.gate.look(ctx, app, k.Key(tid), accid)
	if err != nil {
		return err
	}
	if err := t.allows(m, OpRead); err != nil {
		return err
	}
	if !slices.Contains(roles, m.Role) {
		return errNoRight()
	}
	return nil
}

// AllMembers returns members of a team to the app's server, which need be none: 803.
func (s *Service) AllMembers(ctx context.Context, app string, k Kind, tid int64, q MemberQuery) ([]*Member, error) {
	if _, err := s.Get(ctx, app, k, tid); err != nil {
		return nil, err
	}
	return s.c.Store.Members(ctx, app, k.Key(tid), q)
}

// MessagesByID returns messages of a team to the app's server; what is unknown,
// gone or not kept as history is left out.
func (s *Service) MessagesByID(ctx context.Context, app string, k Kind, tid int64, ids []int64) ([]*message.Message, error) {
	msgs, err := s.c.Store.TeamMessages(ctx, app, k.Key(tid), ids)
	return slices.DeleteFunc(msgs, func(m *message.Message) bool { return m.Flags.Has(message.NoHistory) }), err
}

// ReadUntil says up to which sequence, exclusive, accid may read a team's
// history: 0 = all of it. With former it is asked for the app's server, and who
// left may read what was sent until then, also in a team that is dismissed, for
// as long as its membership is remembered (docs/adr/0009-teams.md).
func (s *Service) ReadUntil(ctx context.Context, app, accid string, k Kind, tid int64, former bool) (int64, error) {
	if !former {
		return 0, s.Check(ctx, app, accid, k, tid)
	}
	found, err := s.c.Store.Teams(ctx, app, []im.ConvKey{k.Key(tid)})
	if err != nil {
		return 0, err
	}
	if found[k.Key(tid)] == nil {
		return 0, errNotFound()
	}
	members, err := s.c.Store.Members(ctx, app, k.Key(tid), MemberQuery{Accids: []string{accid}, Past: true})
	switch {
	case err != nil:
		return 0, err
	case len(members) == 0:
		return 0, errNotMember()
	case members[0].Valid:
		return 0, nil
	}
	return members[0].Span.Left + 1, nil
}
