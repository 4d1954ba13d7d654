package move

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/team"
	"hongyan/internal/im/transfer"
)

// teamKey names a team of the source: its kind and its id there.
func teamKey(kind team.Kind, old string) string {
	if kind == team.Super {
		return "s|" + old
	}
	return "t|" + old
}

func parseTeamKey(key string) (team.Kind, string) {
	if old, ok := strings.CutPrefix(key, "s|"); ok {
		return team.Super, old
	}
	return team.Normal, strings.TrimPrefix(key, "t|")
}

func mapKind(kind team.Kind) string {
	if kind == team.Super {
		return transfer.MapSuperTeam
	}
	return transfer.MapTeam
}

func skipOf(kind team.Kind) string {
	if kind == team.Super {
		return SkipSuperTeams
	}
	return SkipTeams
}

// teams finds the teams and super teams of all accounts and brings them over.
func (r *run) teams(ctx context.Context) error {
	for _, s := range []struct {
		name, mark string
		kind       team.Kind
	}{{"teams of", markTeamsOf, team.Normal}, {"super teams of", markSupersOf, team.Super}} {
		err := r.perAccount(ctx, s.name, s.mark, skipOf(s.kind), func(ctx context.Context, accid string) error {
			tids, err := r.src.teamsOf(ctx, accid, s.kind == team.Super)
			if err != nil {
				return err
			}
			marks := []transfer.Mark{r.mark(s.mark, accid)}
			for _, tid := range tids {
				if n, err := strconv.ParseInt(tid, 10, 64); err == nil && n > 0 {
					marks = append(marks, r.mark(markSeen, teamKey(s.kind, tid)))
				}
			}
			return r.dst.PutMarks(ctx, r.c.App, marks)
		})
		if err != nil {
			return err
		}
	}
	seen, err := r.done(ctx, markSeen)
	if err != nil {
		return err
	}
	done, err := r.done(ctx, markTeam)
	if err != nil {
		return err
	}
	if err := r.dismissed(ctx, seen, done); err != nil {
		return err
	}
	var left []string
	for key := range seen {
		if !done[key] {
			left = append(left, key)
		}
	}
	slices.Sort(left)
	r.show.begin("teams", "teams", len(seen))
	r.show.step(len(seen) - len(left))
	err = workers(ctx, r.c.Concurrency, left, func(ctx context.Context, key string) error {
		kind, _ := parseTeamKey(key)
		if r.skips(skipOf(kind)) {
			return nil
		}
		if err := r.bringTeam(ctx, key); err != nil {
			return r.explain(err, skipOf(kind))
		}
		r.show.step(1)
		return nil
	})
	r.show.end()
	return err
}

// dismissed ends teams of an earlier run that nobody is in any more.
func (r *run) dismissed(ctx context.Context, seen, done map[string]bool) error {
	return r.eachMark(ctx, markTeam, func(m transfer.Mark) error {
		kind, old := parseTeamKey(m.Key)
		if seen[m.Key] || done[m.Key] || r.skips(skipOf(kind)) {
			return nil
		}
		ids, err := r.dst.Map(ctx, r.c.App, mapKind(kind), []string{old})
		if err != nil || ids[old] == 0 {
			return err
		}
		return r.dst.DismissTeam(ctx, r.c.App, kind.Key(ids[old]), time.Now().UnixMilli(), []transfer.Mark{r.mark(markTeam, m.Key)})
	})
}

// readTeam reads a team as it will be here; TID is not set. Nil: it cannot be
// brought over, and why has been noted.
func (r *run) readTeam(ctx context.Context, key string) (*transfer.Team, error) {
	kind, old := parseTeamKey(key)
	read := r.src.team
	if kind == team.Super {
		read = r.src.superTeam
	}
	info, members, err := read(ctx, old)
	var gone *apiError
	if errors.As(err, &gone) && gone.code == 803 {
		r.leftOut.add("team %s is gone from the source", key)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	owner, ok := r.known(info.Creator)
	if !ok {
		r.leftOut.add("team %s: its owner %q is not in the list of accounts", key, info.Creator)
		return nil, nil
	}
	if n := int64(info.Size); n > 0 && n != int64(len(members)) {
		r.leftOut.add("team %s: the source says that it has %d members and names %d", key, n, len(members))
	}
	now := time.Now().UnixMilli()
	t := &team.Team{App: r.c.App, Kind: kind, Type: team.Advanced, Name: string(info.Name), Intro: string(info.Intro), Announcement: string(info.Announcement),
		Avatar: string(info.Icon), Ext: string(info.Ext), ServerExt: string(cmp.Or(info.Custom, info.ServerCustom)), Owner: owner,
		Level: int64(cmp.Or(info.MaxUsers, info.Level, 200)), Valid: true, JoinMode: int64(info.JoinMode), BeInviteMode: int64(info.BeInviteMode),
		InviteMode: int64(info.InviteMode), UpdateMode: int64(info.UpdateMode), ExtMode: int64(info.ExtMode), MuteType: int64(info.MuteType),
		CreatedMs: orNow(info.Created, now), UpdatedMs: orNow(info.Updated, now)}
	if t.MuteType == team.MuteNone && bool(info.Mute) {
		t.MuteType = team.MuteOrdinary
	}
	out := &transfer.Team{OldID: old, Team: t}
	have := map[string]bool{}
	for _, m := range members {
		id, ok := r.known(m.Accid)
		if !ok || have[id] {
			continue
		}
		have[id] = true
		role := team.Role(m.Type)
		switch {
		case id == owner:
			role = team.Owner
		case role != team.Manager:
			role = team.Ordinary
		}
		inviter, _ := im.NormalizeAccid(string(m.Inviter))
		joined := int64(cmp.Or(m.Joined, m.Created, info.Created))
		out.Members = append(out.Members, &team.Member{Accid: id, Role: role, Nick: string(m.Nick), Ext: string(m.Custom), Bits: int64(m.Bits), Muted: bool(m.Mute),
			Inviter: inviter, JoinMs: joined, UpdatedMs: cmp.Or(int64(m.Updated), joined), Valid: true})
	}
	if !have[owner] {
		return nil, fmt.Errorf("team %s: the source does not name its owner %s among the members", key, owner)
	}
	// Join times are unique inside a team: lists page by them.
	slices.SortFunc(out.Members, func(a, b *team.Member) int {
		return cmp.Or(cmp.Compare(a.JoinMs, b.JoinMs), cmp.Compare(rank(a), rank(b)), strings.Compare(a.Accid, b.Accid))
	})
	for i, m := range out.Members {
		if i > 0 {
			m.JoinMs = max(m.JoinMs, out.Members[i-1].JoinMs+1)
		}
		t.LastJoinMs, t.MemberMs = max(t.LastJoinMs, m.JoinMs), max(t.MemberMs, m.JoinMs, m.UpdatedMs)
	}
	t.MemberNum = int64(len(out.Members))
	return out, nil
}

// rank puts the owner first.
func rank(m *team.Member) int {
	if m.Role == team.Owner {
		return 0
	}
	return 1
}

// bringTeam brings one team over and notes its conversation.
func (r *run) bringTeam(ctx context.Context, key string) error {
	kind, old := parseTeamKey(key)
	in, err := r.readTeam(ctx, key)
	if err != nil {
		return err
	}
	if in == nil {
		return r.dst.PutMarks(ctx, r.c.App, []transfer.Mark{r.mark(markTeam, key)})
	}
	ids, err := r.dst.Map(ctx, r.c.App, mapKind(kind), []string{old})
	if err != nil {
		return err
	}
	if in.Team.TID = ids[old]; in.Team.TID == 0 {
		in.Team.TID = r.dst.NewID()
	}
	conv := kind.Key(in.Team.TID)
	// Its history is what its longest member and its owner see.
	views := []string{in.Members[0].Accid}
	if in.Team.Owner != views[0] {
		views = append(views, in.Team.Owner)
	}
	was, _, err := r.dst.MarkOf(ctx, r.c.App, markConv, string(conv))
	if err != nil {
		return err
	}
	p, err := transfer.DecodeProgress(was)
	if err != nil {
		return err
	}
	p.OldTID, p.Views = old, views
	return r.dst.ImportTeam(ctx, r.c.App, in, []transfer.Mark{r.mark(markTeam, key), {Kind: markConv, Key: string(conv), Value: p.Encode()}})
}

// loadTeams reads what the teams' ids have become.
func (r *run) loadTeams(ctx context.Context) error {
	r.teamIDs = map[im.Scene]map[string]int64{}
	for _, kind := range []team.Kind{team.Normal, team.Super} {
		ids := map[string]int64{}
		for after := ""; ; {
			page, err := r.dst.Mappings(ctx, r.c.App, mapKind(kind), after, marksPage)
			if err != nil {
				return err
			}
			if len(page) == 0 {
				break
			}
			for _, m := range page {
				ids[m.Old] = m.New
			}
			after = page[len(page)-1].Old
		}
		r.teamIDs[kind.Scene()] = ids
	}
	return nil
}
