package message

import (
	"context"
	"maps"
	"slices"
	"sort"
	"unicode/utf8"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
)

const (
	// maxSearchList bounds each list of a query (docs/protocol/nim-core.md
	// section 5.14); the others bound what one search costs.
	maxSearchList       = 20
	maxSearchLimit      = 100
	maxKeyword          = 100 // characters
	searchChunk         = 200 // candidates read at a time, but for the first time
	maxSearchCandidates = 10_000
	maxTail             = 1000 // messages of one conversation that are read past the index
	tailPage            = 100
	// maxSessionsBytes bounds the answer of SearchSessions, which may name 10,000
	// messages. Clients go on inside a conversation, with Search.
	maxSessionsBytes = 8 << 20
	// searchSlackMs is how far a message's time and the time of its id may be apart.
	searchSlackMs = 60_000
	// tailSlackMs is the same for messages the index may not have yet: one that
	// took longer to commit is found when it is indexed.
	tailSlackMs = 5000
)

// SearchStore keeps the index. It follows the messages behind their commit.
type SearchStore interface {
	// SearchCursor returns the id up to which the app's messages are indexed.
	SearchCursor(ctx context.Context, app string) (int64, error)
	// SearchIDs returns ids of messages that the index says match, in order.
	SearchIDs(ctx context.Context, app string, q SearchProbe) ([]int64, error)
	// IndexMessages indexes up to limit messages after the cursor with ids up to
	// until, and says how many there were. Nodes may call it at the same time.
	IndexMessages(ctx context.Context, app string, until int64, limit int) (int, error)
}

// SearchProbe is a question to the index: messages that have all terms, are in
// one of the scopes and, where Senders is not empty, from one of them.
type SearchProbe struct {
	Terms     []SearchTerm
	Accid     string       // scope: the account's p2p conversations; empty = none
	Convs     []im.ConvKey // scope: these conversations
	Senders   []string
	MinID     int64 // inclusive
	MaxID     int64 // exclusive
	Ascending bool
	Limit     int
}

// SearchQuery is a full-text search over an account's conversations
// (docs/protocol/nim-core.md section 5.14).
type SearchQuery struct {
	App          *app.App
	Accid        string
	Keyword      string
	FromMs, ToMs int64 // inclusive; 0 = open
	Ascending    bool
	Peers        []string // p2p conversations; with Teams empty: all
	Teams        []string
	Senders      []string
	Types        []int64
	SubTypes     []int64
	Limit        int // messages
}

// Search returns what matches, in order of time. Codes: 403 search is off, 414
// malformed.
func (s *Service) Search(ctx context.Context, q SearchQuery) ([]*Message, error) {
	if q.Limit < 1 || q.Limit > maxSearchLimit {
		return nil, im.Errorf(im.CodeBadParam, "limit must be 1 to %d", maxSearchLimit)
	}
	out := []*Message{}
	err := s.search(ctx, q, func(m *Message) bool {
		out = append(out, m)
		return len(out) < q.Limit
	})
	return out, err
}

// SearchSessions returns what matches by conversation: at most sessions of
// them, in the order of their first hits, with at most q.Limit messages each, and
// the first of all where they are more than maxSessionsBytes.
func (s *Service) SearchSessions(ctx context.Context, q SearchQuery, sessions int) ([]*Message, error) {
	if q.Limit < 1 || q.Limit > maxSearchLimit || sessions < 1 || sessions > maxSearchLimit {
		return nil, im.Errorf(im.CodeBadParam, "limit must be 1 to %d", maxSearchLimit)
	}
	var order []im.ConvKey
	hits := map[im.ConvKey][]*Message{}
	full, bytes := 0, 0
	err := s.search(ctx, q, func(m *Message) bool {
		if hits[m.Conv] == nil {
			if len(order) == sessions {
				return true
			}
			order = append(order, m.Conv)
		}
		if len(hits[m.Conv]) < q.Limit {
			if bytes += m.Bytes(); bytes > maxSessionsBytes {
				return false
			}
			if hits[m.Conv] = append(hits[m.Conv], m); len(hits[m.Conv]) == q.Limit {
				full++
			}
		}
		return full < sessions
	})
	out := []*Message{}
	for _, c := range order {
		out = append(out, hits[c]...)
	}
	return out, err
}

// searchRun is one search under way.
type searchRun struct {
	s      *Service
	q      *SearchQuery
	probe  SearchProbe
	all    bool // every p2p conversation of the account
	member map[im.ConvKey]bool
	yield  func(*Message) bool
}

// search calls yield for every match in order until it says stop.
func (s *Service) search(ctx context.Context, q SearchQuery, yield func(*Message) bool) error {
	if !q.App.Settings.CloudSearch {
		return im.Errorf(im.CodeForbidden, "search is switched off")
	}
	terms := searchTerms(q.Keyword)
	switch {
	case q.Keyword == "" || utf8.RuneCountInString(q.Keyword) > maxKeyword:
		return im.Errorf(im.CodeBadParam, "keyword of 1 to %d characters", maxKeyword)
	case len(q.Peers) > maxSearchList || len(q.Teams) > maxSearchList || len(q.Senders) > maxSearchList || len(q.Types) > maxSearchList || len(q.SubTypes) > maxSearchList:
		return im.Errorf(im.CodeBadParam, "lists of at most %d", maxSearchList)
	case q.FromMs < 0 || q.ToMs < 0 || q.ToMs != 0 && q.FromMs > q.ToMs:
		return im.Errorf(im.CodeBadParam, "bad time")
	case len(terms) == 0:
		return nil // nothing but punctuation
	}
	senders := make([]string, 0, len(q.Senders))
	for _, sender := range q.Senders {
		if id, ok := im.NormalizeAccid(sender); ok {
			sender = id
		}
		senders = append(senders, sender)
	}
	q.Senders = senders
	r := &searchRun{s: s, q: &q, yield: yield, member: map[im.ConvKey]bool{}}
	cursor, err := s.store.SearchCursor(ctx, q.App.Key)
	if err != nil {
		return err
	}
	r.probe = SearchProbe{Terms: terms, Senders: q.Senders, Ascending: q.Ascending, Limit: min(q.Limit+10, searchChunk), MinID: 0, MaxID: cursor + 1}
	if q.FromMs > searchSlackMs {
		r.probe.MinID = max(0, im.FirstIDAt(q.FromMs-searchSlackMs))
	}
	if q.ToMs > 0 {
		r.probe.MaxID = max(0, min(r.probe.MaxID, im.FirstIDAt(q.ToMs+searchSlackMs)))
	}
	tail, err := r.scope(ctx, cursor)
	if err != nil {
		return err
	}
	steps := []func(context.Context) (bool, error){r.indexed, func(ctx context.Context) (bool, error) { return r.tail(ctx, tail, cursor) }}
	if !q.Ascending {
		slices.Reverse(steps)
	}
	for _, step := range steps {
		if more, err := step(ctx); err != nil || !more {
			return err
		}
	}
	return nil
}

// scope fills where is searched and returns the conversations in it that have
// messages the index may not have yet.
func (r *searchRun) scope(ctx context.Context, cursor int64) ([]im.ConvKey, error) {
	named := map[im.ConvKey]bool{}
	for _, p := range r.q.Peers {
		if to, ok := im.NormalizeAccid(p); ok {
			named[im.P2PKey(r.q.Accid, to)] = true
		}
	}
	for _, t := range r.q.Teams {
		if tid, ok := teamID(t); ok {
			named[im.TeamKey(tid)] = true
		}
	}
	r.all = len(r.q.Peers)+len(r.q.Teams) == 0
	old := maps.Clone(named)
	if r.all {
		r.probe.Accid = r.q.Accid
	}
	convs, err := r.s.store.Conversations(ctx, r.q.App.Key, r.q.Accid, maxSyncConversations)
	if err != nil {
		return nil, err
	}
	// What is named counts however old it is; nothing of it is newer than the index.
	for _, c := range convs {
		delete(old, c.Conv)
	}
	for conv := range old {
		convs = append(convs, ConvState{Conv: conv})
	}
	var tail []im.ConvKey
	newest := im.IDTimeMs(cursor) - tailSlackMs
	for _, c := range convs {
		scene := c.Conv.Scene()
		if scene == im.SceneSuperTeam || !r.all && !named[c.Conv] {
			continue
		}
		if scene == im.SceneTeam {
			ok, err := r.s.takesPart(ctx, r.q.App.Key, r.q.Accid, c.Conv)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
		}
		r.member[c.Conv] = true
		if scene == im.SceneTeam || !r.all {
			r.probe.Convs = append(r.probe.Convs, c.Conv)
		}
		if c.LastTime >= newest {
			tail = append(tail, c.Conv)
		}
	}
	return tail, nil
}

// indexed gives what the index has; the message itself has the last word, so a
// recall or a deletion counts at once.
func (r *searchRun) indexed(ctx context.Context) (more bool, err error) {
	if r.probe.Accid == "" && len(r.probe.Convs) == 0 {
		return true, nil
	}
	for read := 0; read < maxSearchCandidates; {
		ids, err := r.s.store.SearchIDs(ctx, r.q.App.Key, r.probe)
		if err != nil {
			return false, err
		}
		found, err := r.s.store.Visible(ctx, r.q.App.Key, r.q.Accid, ids)
		if err != nil {
			return false, err
		}
		if !r.give(found) {
			return false, nil
		}
		if read += len(ids); len(ids) < r.probe.Limit {
			return true, nil
		}
		if last := ids[len(ids)-1]; r.probe.Ascending {
			r.probe.MinID = last + 1
		} else {
			r.probe.MaxID = last
		}
		r.probe.Limit = searchChunk
	}
	return true, nil
}

// tail gives what is newer than the index.
func (r *searchRun) tail(ctx context.Context, convs []im.ConvKey, cursor int64) (more bool, err error) {
	found := map[int64]*Message{}
	for _, conv := range convs {
		q := PageQuery{FromTime: max(1, im.IDTimeMs(cursor)-tailSlackMs), MinID: cursor, Limit: tailPage, Ascending: r.q.Ascending, Without: NoHistory, Viewer: r.q.Accid}
		hits := 0
		for read := 0; read < maxTail && hits < r.q.Limit; read += tailPage {
			msgs, err := r.s.store.Page(ctx, r.q.App.Key, conv, q)
			if err != nil {
				return false, err
			}
			for _, m := range msgs {
				if hits < r.q.Limit && r.matches(m) {
					found[m.ID] = m
					hits++
				}
			}
			if len(msgs) < tailPage {
				break
			}
			if last := msgs[len(msgs)-1].Time; q.Ascending { // a time is unique in its conversation
				q.FromTime = last + 1
			} else {
				q.ToTime = last - 1
			}
		}
	}
	return r.give(found), nil
}

// give yields those of the messages that match, in order.
func (r *searchRun) give(found map[int64]*Message) bool {
	var hits []*Message
	for _, m := range found {
		if r.matches(m) {
			hits = append(hits, m)
		}
	}
	sort.Slice(hits, func(i, j int) bool {
		a, b := hits[i], hits[j]
		if !r.q.Ascending {
			a, b = b, a
		}
		return a.Time < b.Time || a.Time == b.Time && a.ID < b.ID
	})
	for _, m := range hits {
		if !r.yield(m) {
			return false
		}
	}
	return true
}

func (r *searchRun) matches(m *Message) bool {
	q := r.q
	switch {
	case m.Conv.Scene() == im.SceneP2P && (m.Conv.Peer(q.Accid) == "" || !r.all && !r.member[m.Conv]):
		return false
	case m.Conv.Scene() != im.SceneP2P && !r.member[m.Conv]:
		return false
	case m.Time < q.FromMs || q.ToMs != 0 && m.Time > q.ToMs:
		return false
	case len(q.Senders) > 0 && !slices.Contains(q.Senders, m.From):
		return false
	case len(q.Types) > 0 && !slices.Contains(q.Types, int64(m.Type)):
		return false
	case len(q.SubTypes) > 0 && !slices.Contains(q.SubTypes, m.Content.SubType):
		return false
	}
	text := m.SearchText()
	return text != "" && searchMatches(text, q.Keyword)
}
