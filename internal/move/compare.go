package move

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"
	"sync"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/friend"
	"hongyan/internal/im/team"
	"hongyan/internal/im/transfer"
)

// comparison reads the source once more and holds it against what is here.
// Items are compared as lines: what one would be here, and what it is.
type comparison struct {
	*run
	accounts, relations, teams, supers, members, conversations, messages tally
}

// compare fills the report's sections. Its reads see the source up to the time
// of this run.
func (r *run) compare(ctx context.Context, rep *Report) error {
	if err := r.loadTeams(ctx); err != nil {
		return err
	}
	c := &comparison{run: r}
	stages := []func(context.Context) error{c.compareAccounts}
	if !r.skips(SkipRelations) {
		stages = append(stages, c.compareRelations)
	}
	if !r.skips(SkipTeams) || !r.skips(SkipSuperTeams) {
		stages = append(stages, c.compareTeams)
	}
	if !r.skips(SkipHistory) {
		stages = append(stages, c.compareHistory)
	}
	for _, stage := range stages {
		if err := stage(ctx); err != nil {
			return err
		}
	}
	rep.Compared = true
	for _, s := range []struct {
		name string
		t    *tally
		skip string
	}{
		{"accounts", &c.accounts, ""}, {"relation lists", &c.relations, SkipRelations}, {"teams", &c.teams, SkipTeams}, {"super teams", &c.supers, SkipSuperTeams},
		{"member lists", &c.members, SkipTeams}, {"conversations", &c.conversations, SkipHistory}, {"messages", &c.messages, SkipHistory},
	} {
		if s.skip == "" || !r.skips(s.skip) {
			rep.Sections = append(rep.Sections, s.t.section(s.name))
		}
	}
	return nil
}

// digest is the digest of a line; that of nothing is 0.
func digest(line string) uint64 {
	if line == "" {
		return 0
	}
	sum := sha256.Sum256([]byte(line))
	return binary.BigEndian.Uint64(sum[:])
}

// hold compares one item and counts it; an empty line is none.
func (c *comparison) hold(t *tally, name, source, target string) {
	count := func(line string) int64 {
		if line == "" {
			return 0
		}
		return 1
	}
	t.add(count(source), count(target), digest(source), digest(target))
	if source == target {
		return
	}
	t.different.Add(1)
	switch {
	case target == "":
		c.differ.add("%s is missing here", name)
	case source == "":
		c.differ.add("%s is not in the source", name)
	default:
		a, b := difference(source, target)
		c.differ.add("%s: source %s, here %s", name, a, b)
	}
}

// difference cuts from two lines what they have in common, but for a little.
func difference(a, b string) (string, string) {
	const around, most = 12, 100
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	cut := func(s string) string {
		from := max(0, n-around)
		s = s[from:min(len(s), from+most)]
		if from > 0 {
			s = "…" + s
		}
		return strings.ToValidUTF8(s, "")
	}
	return cut(a), cut(b)
}

func (c *comparison) compareAccounts(ctx context.Context) error {
	c.show.begin("compare accounts", "accounts", len(c.listed))
	defer c.show.end()
	all := make([]string, 0, len(c.c.Accounts))
	for _, a := range c.c.Accounts {
		all = append(all, a.Accid)
	}
	var mu sync.Mutex // guards gone
	var gone []string
	err := workers(ctx, c.c.Concurrency, slices.Collect(slices.Chunk(all, accountsPage)), func(ctx context.Context, part []string) error {
		cards, unknown, err := c.src.cards(ctx, part)
		if err != nil {
			return err
		}
		mu.Lock()
		gone = append(gone, unknown...)
		mu.Unlock()
		found, err := c.dst.Accounts(ctx, c.c.App, part)
		if err != nil {
			return err
		}
		here := map[string]*account.Account{}
		for _, a := range found {
			here[a.Accid] = a
		}
		for _, accid := range part {
			var source, target string
			if card, ok := cards[accid]; ok {
				source = accountLine(toAccount(c.c.App, accid, &card, 0))
			}
			if a := here[accid]; a != nil {
				target = accountLine(a)
			}
			if source != "" || target != "" {
				c.hold(&c.accounts, "account "+accid, source, target)
			}
		}
		c.show.step(len(part))
		return nil
	})
	for _, accid := range gone {
		c.leftOut.add("account %s is not in the source", accid)
		delete(c.listed, accid)
	}
	return err
}

// relationLine is everything an account's lists are compared by.
func relationLine(friends []*friend.Friend, lists []*friend.Relation, details bool) string {
	var b strings.Builder
	for _, f := range friends {
		if f.Valid {
			fmt.Fprintf(&b, "friend %s alias=%q", f.Accid, f.Alias)
			if details {
				fmt.Fprintf(&b, " ext=%q serverex=%q", f.Ext, f.ServerExt)
			}
			b.WriteString("; ")
		}
	}
	for _, r := range lists {
		if r.Black || r.Muted {
			fmt.Fprintf(&b, "list %s black=%v mute=%v; ", r.Accid, r.Black, r.Muted)
		}
	}
	return b.String()
}

func (c *comparison) compareRelations(ctx context.Context) error {
	c.show.begin("compare relations", "accounts", len(c.listed))
	defer c.show.end()
	details := !c.skips(SkipFriendDetails)
	all := make([]string, 0, len(c.listed))
	for accid := range c.listed {
		all = append(all, accid)
	}
	slices.Sort(all)
	return workers(ctx, c.c.Concurrency, all, func(ctx context.Context, accid string) error {
		c.show.step(1)
		friends, lists, err := c.relationsOf(ctx, accid, 0)
		if err != nil {
			var gone *apiError
			if errors.As(err, &gone) {
				return nil // not registered: told of with the accounts
			}
			return c.explain(err, SkipRelations)
		}
		here, err := c.dst.Friends(ctx, c.c.App, accid, -1, false)
		if err != nil {
			return err
		}
		entries, err := c.dst.Relations(ctx, c.c.App, accid)
		if err != nil {
			return err
		}
		c.hold(&c.relations, "lists of "+accid, relationLine(friends, lists, details), relationLine(here, entries, details))
		return nil
	})
}

// teamLine and memberLine are everything teams are compared by.
func teamLine(t *team.Team) string {
	return fmt.Sprintf("valid=%v name=%q owner=%s intro=%q announcement=%q avatar=%q ext=%q serverExt=%q level=%d members=%d modes=%d/%d/%d/%d/%d mute=%d created=%d",
		t.Valid, t.Name, t.Owner, t.Intro, t.Announcement, t.Avatar, t.Ext, t.ServerExt, t.Level, t.MemberNum, t.JoinMode, t.BeInviteMode, t.InviteMode,
		t.UpdateMode, t.ExtMode, t.MuteType, t.CreatedMs)
}

func memberLine(members []*team.Member) string {
	var b strings.Builder
	for _, m := range members {
		if m.Valid {
			fmt.Fprintf(&b, "%s role=%d nick=%q ext=%q bits=%d muted=%v inviter=%s joined=%d; ", m.Accid, m.Role, m.Nick, m.Ext, m.Bits, m.Muted, m.Inviter, m.JoinMs)
		}
	}
	return b.String()
}

func (c *comparison) compareTeams(ctx context.Context) error {
	seen, err := c.done(ctx, markSeen)
	if err != nil {
		return err
	}
	keys := make([]string, 0, len(seen))
	for key := range seen {
		if kind, _ := parseTeamKey(key); !c.skips(skipOf(kind)) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	c.show.begin("compare teams", "teams", len(keys))
	defer c.show.end()
	return workers(ctx, c.c.Concurrency, keys, func(ctx context.Context, key string) error {
		c.show.step(1)
		kind, old := parseTeamKey(key)
		t := &c.teams
		if kind == team.Super {
			t = &c.supers
		}
		var lines, memberLines [2]string
		source, err := c.readTeam(ctx, key)
		if err != nil {
			return c.explain(err, skipOf(kind))
		}
		if source != nil {
			lines[0], memberLines[0] = teamLine(source.Team), memberLine(source.Members)
		}
		if tid := c.teamIDs[kind.Scene()][old]; tid != 0 {
			conv := kind.Key(tid)
			teams, err := c.dst.Teams(ctx, c.c.App, []im.ConvKey{conv})
			if err != nil {
				return err
			}
			members, err := c.dst.Members(ctx, c.c.App, conv, team.MemberQuery{})
			if err != nil {
				return err
			}
			if teams[conv] != nil {
				lines[1], memberLines[1] = teamLine(teams[conv]), memberLine(members)
			}
		}
		c.hold(t, "team "+key, lines[0], lines[1])
		c.hold(&c.members, "members of team "+key, memberLines[0], memberLines[1])
		return nil
	})
}

func (c *comparison) compareHistory(ctx context.Context) error {
	all, err := c.run.conversations(ctx)
	if err != nil {
		return err
	}
	ours := map[im.ConvKey]bool{}
	for _, one := range all {
		ours[one.conv] = true
	}
	c.show.begin("compare history", "conversations", len(all))
	defer c.show.end()
	err = workers(ctx, c.c.Concurrency, all, func(ctx context.Context, one *conversation) error {
		c.show.step(1)
		if err := c.compareConversation(ctx, one); err != nil {
			return c.explain(err, one.skip())
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.compareRest(ctx, ours)
}

// compareRest finds conversations that nobody imported.
func (c *comparison) compareRest(ctx context.Context, ours map[im.ConvKey]bool) error {
	for after := im.ConvKey(""); ; {
		page, err := c.dst.ConversationsAfter(ctx, c.c.App, after, marksPage)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, e := range page {
			after = e.Conv
			if _, marked, err := c.dst.MarkOf(ctx, c.c.App, markConv, string(e.Conv)); err != nil {
				return err
			} else if !ours[e.Conv] && !marked {
				c.hold(&c.conversations, "conversation "+string(e.Conv), "", fmt.Sprint(e.LastSeq))
			}
		}
	}
}

// compareConversation compares a conversation message by message.
func (c *comparison) compareConversation(ctx context.Context, one *conversation) error {
	source := &sourceMessages{run: c.run, one: one,
		s: newStream(c.src, one.conv, one.views(), transfer.Progress{OldTID: one.p.OldTID}, c.state.UntilMs)}
	target := &targetMessages{dst: c.dst, app: c.c.App, conv: one.conv}
	var n [2]int64
	sums := [2]hash.Hash{sha256.New(), sha256.New()}
	first := ""
	for {
		a, name, err := source.next(ctx)
		var bad *apiError
		if errors.As(err, &bad) {
			c.hold(&c.conversations, "conversation "+string(one.conv), "unreadable: "+err.Error(), fmt.Sprint(one.p.LastSeq))
			return nil
		}
		if err != nil {
			return err
		}
		m, err := target.next(ctx)
		if err != nil {
			return err
		}
		if a == "" && m == nil {
			break
		}
		var b string
		if m != nil {
			b = messageLine(m.ID, m)
		}
		for i, line := range []string{a, b} {
			if line != "" {
				n[i]++
				sums[i].Write([]byte(line))
			}
		}
		c.messages.add(min(1, int64(len(a))), min(1, int64(len(b))), digest(a), digest(b))
		if a != b {
			c.messages.different.Add(1)
			if first == "" {
				x, y := difference(a, b)
				first = fmt.Sprintf("first at %d: source %s %s, here %s", max(n[0], n[1]), name, x, y)
			}
		}
	}
	var lines [2]string
	for i := range lines {
		if n[i] > 0 {
			lines[i] = fmt.Sprintf("%d messages, digest %x", n[i], sums[i].Sum(nil)[:8])
		}
	}
	c.conversations.add(min(1, n[0]), min(1, n[1]), digest(lines[0]), digest(lines[1]))
	if lines[0] != lines[1] {
		c.conversations.different.Add(1)
		c.differ.add("conversation %s: %d messages in the source, %d here; %s", one.conv, n[0], n[1], first)
	}
	return nil
}

// sourceMessages reads a conversation of the source as it should be here.
type sourceMessages struct {
	*run
	one   *conversation
	s     *stream
	queue []transfer.Message
	ids   map[string]int64
	last  int64 // time of the last message here
	ended bool
}

// next returns the line of the next message and what it is called; "" at the end.
func (s *sourceMessages) next(ctx context.Context) (line, name string, err error) {
	for len(s.queue) == 0 && !s.ended {
		var olds []string
		for len(s.queue) < writeMessages {
			m, ok, err := s.s.next(ctx)
			if err != nil {
				return "", "", err
			}
			if !ok {
				s.ended = true
				break
			}
			in, err := toMessage(s.one.conv, &m, s.one.views(), s.teamIDs[s.one.conv.Scene()])
			if err != nil {
				s.leftOut.add("message %s of %s: %v", m.ID, s.one.conv, err)
				continue
			}
			s.queue = append(s.queue, transfer.Message{OldID: string(m.ID), Msg: in})
			olds = append(olds, string(m.ID))
		}
		if s.ids, err = s.dst.Map(ctx, s.c.App, transfer.MapMessage, olds); err != nil {
			return "", "", err
		}
	}
	if len(s.queue) == 0 {
		return "", "", nil
	}
	m := s.queue[0]
	s.queue = s.queue[1:]
	out := *m.Msg
	// Two messages of one moment get two times here.
	s.last = max(s.last+1, out.Time)
	out.Time = s.last
	return messageLine(s.ids[m.OldID], &out), m.OldID, nil
}
