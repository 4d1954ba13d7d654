package move

import (
	"context"
	"fmt"
	"time"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/friend"
	"hongyan/internal/im/message"
	"hongyan/internal/im/team"
	"hongyan/internal/im/transfer"
)

// SeedConfig says how large a made-up app is.
type SeedConfig struct {
	Target    Target
	App       string
	TokenHash func(app, accid, token string) (string, error)
	Accounts  int // u0, u1, ...; the token of each is token-<accid>
	Teams     int // one in ten is a super team
	Messages  int // half between neighbours in the list of accounts, half in teams
}

const (
	seedMembers = 20 // of a team
	seedDays    = 20 // that messages are spread over
)

// Seed fills an empty app with accounts that have friends and lists, teams and
// history, to try an import of some size.
func Seed(ctx context.Context, c SeedConfig) error {
	if c.Accounts < seedMembers+1 {
		return fmt.Errorf("at least %d accounts are needed", seedMembers+1)
	}
	s := &seeder{c: c, nowMs: time.Now().UnixMilli()}
	for _, stage := range []func(context.Context) error{s.accounts, s.relations, s.pairs, s.teams} {
		if err := stage(ctx); err != nil {
			return err
		}
	}
	return nil
}

type seeder struct {
	c     SeedConfig
	nowMs int64
	n     int // messages so far
}

func (s *seeder) accid(i int) string { return fmt.Sprintf("u%d", i%s.c.Accounts) }

// SeedToken is the token of a made-up account.
func SeedToken(accid string) string { return "token-" + accid }

func (s *seeder) accounts(ctx context.Context) error {
	var page []*account.Account
	for i := range s.c.Accounts {
		id := s.accid(i)
		hash, err := s.c.TokenHash(s.c.App, id, SeedToken(id))
		if err != nil {
			return err
		}
		page = append(page, &account.Account{App: s.c.App, Accid: id, TokenHash: hash, CreatedMs: s.nowMs,
			Card:    account.Card{Name: fmt.Sprintf("用户 %d 🦢", i), Sign: `"quoted" <sign> & \ more`, Icon: "https://example.com/" + id + ".png", Gender: i % 3, UpdatedMs: s.nowMs},
			Blocked: i%97 == 0, Mute: account.Mutes{Team: i%101 == 0}})
		if len(page) == 1000 || i == s.c.Accounts-1 {
			if err := s.c.Target.ImportAccounts(ctx, s.c.App, page, nil); err != nil {
				return err
			}
			page = nil
		}
	}
	return nil
}

func (s *seeder) relations(ctx context.Context) error {
	for i := range s.c.Accounts {
		var friends []*friend.Friend
		for _, j := range []int{i + 1, i + s.c.Accounts - 1} {
			friends = append(friends, &friend.Friend{Accid: s.accid(j), Valid: true, Origin: friend.Direct, Alias: fmt.Sprintf("备注 %d", j), CreatedMs: s.nowMs, UpdatedMs: s.nowMs})
		}
		lists := []*friend.Relation{{Accid: s.accid(i + 7), Muted: true, CreatedMs: s.nowMs, UpdatedMs: s.nowMs}}
		if err := s.c.Target.ImportRelations(ctx, s.c.App, s.accid(i), friends, lists, nil); err != nil {
			return err
		}
	}
	return nil
}

// talk writes n messages of the speakers into a conversation.
func (s *seeder) talk(ctx context.Context, conv im.ConvKey, n int, speakers []string) error {
	if n == 0 {
		return nil
	}
	step := int64(seedDays*24*3600*1000) / int64(n+1)
	at := s.nowMs - seedDays*24*3600*1000 + int64(s.n%997)
	last := int64(0)
	for done := 0; done < n; {
		var page []transfer.Message
		for len(page) < writeMessages && done < n {
			at += step
			s.n++
			page = append(page, transfer.Message{OldID: fmt.Sprint("seed-", s.n), Msg: &message.Message{From: speakers[done%len(speakers)], Time: at,
				IDClient: fmt.Sprintf("%032x", s.n), ClientType: 16, Content: message.Content{Body: fmt.Sprintf("第 %d 条消息, message number %d of this conversation 🦢", done, done)}}})
			done++
		}
		var err error
		if last, _, err = s.c.Target.ImportMessages(ctx, s.c.App, &transfer.Page{Conv: conv, LastSeq: last, Messages: page}); err != nil {
			return err
		}
	}
	return s.c.Target.SettleConversation(ctx, s.c.App, conv, nil)
}

// share is the part of n that the i-th of k gets.
func share(n, i, k int) int { return n*(i+1)/k - n*i/k }

func (s *seeder) pairs(ctx context.Context) error {
	n := s.c.Messages / 2
	if s.c.Teams == 0 {
		n = s.c.Messages
	}
	for i := range s.c.Accounts {
		a, b := s.accid(i), s.accid(i+1)
		if err := s.talk(ctx, im.P2PKey(a, b), share(n, i, s.c.Accounts), []string{a, b}); err != nil {
			return err
		}
	}
	return nil
}

func (s *seeder) teams(ctx context.Context) error {
	n := s.c.Messages - s.c.Messages/2
	begun := s.nowMs - (seedDays+1)*24*3600*1000
	for i := range s.c.Teams {
		t := &team.Team{App: s.c.App, TID: s.c.Target.NewID(), Type: team.Advanced, Name: fmt.Sprintf("群 %d", i), Owner: s.accid(i * 7), Level: 200, Valid: true,
			MemberNum: seedMembers, CreatedMs: begun, UpdatedMs: begun, MemberMs: begun, LastJoinMs: begun + seedMembers}
		if i%10 == 9 {
			t.Kind = team.Super
		}
		in := &transfer.Team{OldID: fmt.Sprint("seed-", i), Team: t}
		var speakers []string
		for j := range seedMembers {
			m := &team.Member{Accid: s.accid(i*7 + j), Nick: fmt.Sprintf("群名片 %d", j), JoinMs: begun + int64(j), UpdatedMs: begun, Valid: true}
			switch j {
			case 0:
				m.Role = team.Owner
			case 1:
				m.Role = team.Manager
			}
			in.Members, speakers = append(in.Members, m), append(speakers, m.Accid)
		}
		if err := s.c.Target.ImportTeam(ctx, s.c.App, in, nil); err != nil {
			return err
		}
		if err := s.talk(ctx, t.Conv(), share(n, i, s.c.Teams), speakers); err != nil {
			return err
		}
	}
	return nil
}
