package team

import (
	"context"
	"sync"

	"hongyan/internal/im"
	"hongyan/internal/im/eventcopy"
)

// maxGates bounds the teams whose senders are remembered, maxGateMembers the
// senders of one; beyond them everything is forgotten and read anew.
const (
	maxGates       = 20_000
	maxGateMembers = 5_000
)

// gateKeepMs bounds how long an entry is believed: events that drop entries of
// other nodes may be lost.
const gateKeepMs = 30_000

// gate remembers, per team, what sending needs to know, so that a message reads
// nothing from the database.
type gate struct {
	store Store
	clock im.Clock

	mu    sync.Mutex // guards teams, drops
	teams map[gateKey]*gateTeam
	drops uint64 // grows with every drop: what was read before is not kept
}

type gateKey struct {
	app  string
	conv im.ConvKey
}

type gateTeam struct {
	t       *Team
	atMs    int64
	members map[string]*Member

	listed bool
	roster string // as copies name the members; once listed
}

func newGate(store Store, clock im.Clock) *gate {
	return &gate{store: store, clock: clock, teams: map[gateKey]*gateTeam{}}
}

func (g *gate) drop(app string, conv im.ConvKey) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.drops++
	delete(g.teams, gateKey{app, conv})
}

// look returns the team, nil if it never was, and accid's membership, nil if it
// never was one. Both are shared and must not be changed.
func (g *gate) look(ctx context.Context, app string, conv im.ConvKey, accid string) (*Team, *Member, error) {
	k, now := gateKey{app, conv}, g.clock.NowMs()
	g.mu.Lock()
	drops := g.drops
	if e := g.entry(k, now); e != nil {
		if m := e.members[accid]; m != nil {
			g.mu.Unlock()
			return e.t, m, nil
		}
	}
	g.mu.Unlock()
	found, err := g.store.Teams(ctx, app, []im.ConvKey{conv})
	if err != nil || found[conv] == nil {
		return nil, nil, err
	}
	members, err := g.store.Members(ctx, app, conv, MemberQuery{Accids: []string{accid}})
	if err != nil || len(members) == 0 {
		return found[conv], nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.drops != drops {
		return found[conv], members[0], nil
	}
	e := g.teams[k]
	if e == nil || now-e.atMs >= gateKeepMs || len(e.members) >= maxGateMembers {
		if len(g.teams) >= maxGates {
			clear(g.teams)
		}
		e = &gateTeam{t: found[conv], atMs: now, members: map[string]*Member{}}
		g.teams[k] = e
	}
	e.members[accid] = members[0]
	return e.t, members[0], nil
}

// entry returns what is remembered of a team and still believed, or nil. The
// caller holds mu.
func (g *gate) entry(k gateKey, nowMs int64) *gateTeam {
	if e := g.teams[k]; e != nil && nowMs-e.atMs < gateKeepMs {
		return e
	}
	return nil
}

// Roster implements message.Gate: empty for a team with more than CopiedMembers.
func (s *Service) Roster(ctx context.Context, app string, conv im.ConvKey) (string, error) {
	g, k, now := s.gate, gateKey{app, conv}, s.c.Clock.NowMs()
	g.mu.Lock()
	drops := g.drops
	if e := g.entry(k, now); e != nil && e.listed {
		g.mu.Unlock()
		return e.roster, nil
	}
	g.mu.Unlock()
	members, err := g.store.Members(ctx, app, conv, MemberQuery{Limit: CopiedMembers + 1})
	if err != nil {
		return "", err
	}
	roster := ""
	if len(members) <= CopiedMembers {
		roster = eventcopy.Names(accids(members))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if e := g.entry(k, now); e != nil && g.drops == drops {
		e.listed, e.roster = true, roster
	}
	return roster, nil
}

// MaySend implements message.Gate (docs/protocol/nim-core.md section 5.3).
func (s *Service) MaySend(ctx context.Context, app string, conv im.ConvKey, accid string, mutes bool) (int64, error) {
	t, m, err := s.gate.look(ctx, app, conv, accid)
	if err != nil {
		return 0, err
	}
	switch err := t.allows(m, OpRead); {
	case err != nil:
		return 0, err
	case !mutes:
	case m.Muted:
		return 0, im.Errorf(im.CodeMuted, "muted in the team")
	case t.MuteType == MuteAll, t.MuteType == MuteOrdinary && m.Role == Ordinary:
		return 0, im.Errorf(im.CodeTeamMuted, "team is muted")
	}
	return t.MemberNum, nil
}
