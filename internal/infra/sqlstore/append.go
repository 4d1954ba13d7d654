package sqlstore

import (
	"cmp"
	"context"
	"sort"
	"strconv"
	"strings"

	"hongyan/internal/im"
	"hongyan/internal/im/eventcopy"
	"hongyan/internal/im/message"
)

func itoa(n int) string { return strconv.Itoa(n) }

// maxRows is how many rows one statement inserts at most. Every count up to it
// has a prepared statement of its own: a batch under load has a few rows, and a
// statement costs about as much as the rows in it.
const maxRows = 16

// batch is one transaction's message appends.
type batch struct {
	s         *Store
	all       []*message.Pending
	nowMs     int64
	duplicate []bool             // by index in all
	fresh     []*message.Message // newly stored, in sequence order per conversation
	copies    []*eventcopy.Copy  // what the apps' servers are told of them
}

// clientKey is what an idempotent message is known by. The conversation is part
// of it: SDKs forward a resent message under its old client id.
type clientKey struct{ app, conv, sender, id string }

type convKeyed struct {
	app  int64
	conv string
}

// write stores the batch. It may run again after a rollback.
func (b *batch) write(ctx context.Context, t tx) error {
	b.duplicate = make([]bool, len(b.all))
	b.fresh = b.fresh[:0]
	seen := map[clientKey]*message.Message{}
	twin := map[int]*message.Message{} // index -> same client id earlier in this batch
	var claim []int
	for i, p := range b.all {
		p.Msg.ID = b.s.ids.Next()
		if !p.Idempotent {
			continue
		}
		k := clientKey{p.Msg.App, string(p.Msg.Conv), p.Msg.From, p.Msg.IDClient}
		if first := seen[k]; first != nil {
			twin[i], b.duplicate[i] = first, true
			continue
		}
		seen[k] = p.Msg
		claim = append(claim, i)
	}
	if err := b.claimClientIDs(ctx, t, claim); err != nil {
		return err
	}
	groups := map[convKeyed][]*message.Message{}
	for i, p := range b.all {
		if b.duplicate[i] {
			continue
		}
		no, err := b.s.appNo(ctx, p.Msg.App)
		if err != nil {
			return err
		}
		k := convKeyed{no, string(p.Msg.Conv)}
		groups[k] = append(groups[k], p.Msg)
		b.fresh = append(b.fresh, p.Msg)
	}
	if err := b.sequence(ctx, t, groups); err != nil {
		return err
	}
	if err := b.insert(ctx, t); err != nil {
		return err
	}
	for i, first := range twin {
		m := b.all[i].Msg
		m.ID, m.Time, m.Seq = first.ID, first.Time, first.Seq
	}
	return nil
}

// claimClientIDs stores the client ids of the batch; where one is taken, the
// message is a duplicate and gets the first one's answer.
func (b *batch) claimClientIDs(ctx context.Context, t tx, claim []int) error {
	// Key order: two transactions that claim the same ids must not deadlock.
	sort.Slice(claim, func(i, j int) bool {
		x, y := b.all[claim[i]].Msg, b.all[claim[j]].Msg
		return cmp.Or(strings.Compare(x.App, y.App), cmp.Compare(x.Conv, y.Conv), strings.Compare(x.From, y.From), strings.Compare(x.IDClient, y.IDClient)) < 0
	})
	return inChunks(claim, func(part []int) error {
		args := make([]any, 0, 5*len(part))
		for _, i := range part {
			m := b.all[i].Msg
			no, err := b.s.appNo(ctx, m.App)
			if err != nil {
				return err
			}
			args = append(args, no, string(m.Conv), m.From, m.IDClient, m.ID)
		}
		n, err := t.exec(ctx, `INSERT INTO message_client (app, conv, sender, id_client, id) VALUES `+b.s.values(len(part), 5)+` ON CONFLICT DO NOTHING`, args...)
		if err != nil || n == int64(len(part)) {
			return err
		}
		for _, i := range part {
			if err := b.recall(ctx, t, i); err != nil {
				return err
			}
		}
		return nil
	})
}

// recall finds who holds the client id of message i.
func (b *batch) recall(ctx context.Context, t tx, i int) error {
	m := b.all[i].Msg
	no, err := b.s.appNo(ctx, m.App)
	if err != nil {
		return err
	}
	rows, err := t.query(ctx, `SELECT c.id, COALESCE(m.time, 0), COALESCE(m.seq, 0) FROM message_client c LEFT JOIN message m ON m.app = c.app AND m.id = c.id
		WHERE c.app = $1 AND c.conv = $2 AND c.sender = $3 AND c.id_client = $4`, no, string(m.Conv), m.From, m.IDClient)
	if err != nil {
		return err
	}
	defer rows.Close()
	var id, time, seq int64
	if rows.Next() {
		if err := rows.Scan(&id, &time, &seq); err != nil {
			return err
		}
	}
	if id != 0 && id != m.ID {
		if time == 0 { // the first one has been deleted since: its id still tells when it was sent
			time = im.IDTimeMs(id)
		}
		m.ID, m.Time, m.Seq, b.duplicate[i] = id, time, seq, true
	}
	return rows.Err()
}

// sequence takes the next numbers and times of every conversation of the batch.
func (b *batch) sequence(ctx context.Context, t tx, groups map[convKeyed][]*message.Message) error {
	keys := make([]convKeyed, 0, len(groups))
	for k := range groups {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool {
		return keys[i].app < keys[j].app || keys[i].app == keys[j].app && keys[i].conv < keys[j].conv
	})
	return inChunks(keys, func(part []convKeyed) error {
		args := make([]any, 0, 4*len(part))
		for _, k := range part {
			n := int64(len(groups[k]))
			args = append(args, k.app, k.conv, n, b.nowMs+n-1)
		}
		rows, err := t.query(ctx, `INSERT INTO conversation (app, conv, seq, time) VALUES `+b.s.values(len(part), 4)+`
			ON CONFLICT (app, conv) DO UPDATE SET seq = conversation.seq + excluded.seq,
				time = CASE WHEN conversation.time + excluded.seq > excluded.time THEN conversation.time + excluded.seq ELSE excluded.time END
			RETURNING app, conv, seq, time`, args...)
		if err != nil {
			return err
		}
		var fresh []convKeyed
		for rows.Next() {
			var k convKeyed
			var seq, time int64
			if err := rows.Scan(&k.app, &k.conv, &seq, &time); err != nil {
				rows.Close()
				return err
			}
			msgs := groups[k]
			for i, m := range msgs {
				back := int64(len(msgs) - 1 - i)
				m.Seq, m.Time = seq-back, time-back
			}
			if seq == int64(len(msgs)) {
				fresh = append(fresh, k)
			}
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return err
		}
		return b.addMembers(ctx, t, fresh, groups)
	})
}

// addMembers links the two accounts of new p2p conversations to them; teams
// link their members themselves.
func (b *batch) addMembers(ctx context.Context, t tx, fresh []convKeyed, groups map[convKeyed][]*message.Message) error {
	type member struct {
		app         int64
		accid, conv string
	}
	var members []member
	for _, k := range fresh {
		m := groups[k][0]
		if m.Scene != im.SceneP2P {
			continue
		}
		members = append(members, member{k.app, m.From, k.conv})
		if m.To != m.From {
			members = append(members, member{k.app, m.To, k.conv})
		}
	}
	return inChunks(members, func(part []member) error {
		args := make([]any, 0, 3*len(part))
		for _, p := range part {
			args = append(args, p.app, p.accid, p.conv)
		}
		_, err := t.exec(ctx, `INSERT INTO conversation_member (app, accid, conv) VALUES `+b.s.values(len(part), 3)+` ON CONFLICT DO NOTHING`, args...)
		return err
	})
}

func (b *batch) insert(ctx context.Context, t tx) error {
	if err := b.s.indexThreads(ctx, t, b.fresh); err != nil {
		return err
	}
	b.copies = b.copies[:0]
	for _, m := range b.fresh {
		if c := m.Copy(); c != nil {
			b.copies = append(b.copies, c)
		}
	}
	if err := b.s.putCopies(ctx, t, b.copies); err != nil {
		return err
	}
	return inChunks(b.fresh, func(part []*message.Message) error {
		args := make([]any, 0, 11*len(part))
		for _, m := range part {
			no, err := b.s.appNo(ctx, m.App)
			if err != nil {
				return err
			}
			args = append(args, no, string(m.Conv), m.Time, m.Seq, m.ID, m.From, m.IDClient, int64(m.Type), int64(m.Flags), int64(m.ClientType), string(m.ContentJSON()))
		}
		_, err := t.exec(ctx, `INSERT INTO message (app, conv, time, seq, id, sender, id_client, type, flags, client_type, content) VALUES `+b.s.values(len(part), 11), args...)
		return err
	})
}

// inChunks calls fn with parts of at most maxRows items.
func inChunks[T any](items []T, fn func([]T) error) error {
	for len(items) > 0 {
		n := min(len(items), maxRows)
		if err := fn(items[:n]); err != nil {
			return err
		}
		items = items[n:]
	}
	return nil
}
