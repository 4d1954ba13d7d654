package team

import (
	"context"
	"encoding/json"
	"slices"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
	"hongyan/internal/im/message"
)

// MaxReceipts is how many messages one request may name
// (docs/protocol/nim-core.md section 5.10).
const MaxReceipts = 50

// Reads says who has read a message. Both lists together are the members when it
// was sent, without its sender: they follow from the memberships, nothing is
// stored when a message is sent.
type Reads struct {
	TID          int64
	ID           int64
	IDClient     string
	From         string
	Read, Unread []string
}

// Receipt is one reader's receipt as the author hears of it.
type Receipt struct {
	TID, ID      int64
	IDClient     string
	Read, Unread int64
	Reader       string
}

// DecodeReceipts reads the body of EventReceipts.
func DecodeReceipts(b []byte) (r []Receipt, err error) { return r, json.Unmarshal(b, &r) }

// receipts returns im.CodeNoReceipts for an app that has none.
func receipts(a *app.App) error {
	if !a.Settings.TeamReceipts {
		return im.Errorf(im.CodeNoReceipts, "%s", message.ReceiptsOff)
	}
	return nil
}

// MarkRead notes that reader has read messages of a team and tells their
// authors. Messages that ask for no receipt, the reader's own and those it was
// not sent are ignored and returned.
func (s *Service) MarkRead(ctx context.Context, a *app.App, reader string, tid int64, ids []int64) (ignored []int64, err error) {
	app := a.Key
	if err := s.Check(ctx, app, reader, Normal, tid); err != nil {
		return nil, err
	}
	if err := receipts(a); err != nil {
		return nil, err
	}
	conv := Normal.Key(tid)
	reads, err := s.reads(ctx, app, conv, ids)
	if err != nil {
		return nil, err
	}
	var mine []int64
	known := map[int64]bool{}
	for _, r := range reads {
		unread := slices.Contains(r.Unread, reader)
		if unread {
			mine = append(mine, r.ID)
		}
		known[r.ID] = unread || slices.Contains(r.Read, reader)
	}
	for _, id := range ids {
		if !known[id] {
			ignored = append(ignored, id)
		}
	}
	if len(mine) == 0 {
		return ignored, nil
	}
	fresh, err := s.c.Store.PutReceipts(ctx, app, conv, reader, mine, s.c.Clock.NowMs())
	if err != nil || len(fresh) == 0 {
		return ignored, err
	}
	if reads, err = s.reads(ctx, app, conv, fresh); err != nil {
		return nil, err
	}
	byAuthor := map[string][]Receipt{}
	for _, r := range reads {
		byAuthor[r.From] = append(byAuthor[r.From], Receipt{TID: r.TID, ID: r.ID, IDClient: r.IDClient,
			Read: int64(len(r.Read)), Unread: int64(len(r.Unread)), Reader: reader})
	}
	for author, list := range byAuthor {
		s.c.Bus.Publish(im.Event{Kind: EventReceipts, App: app, To: author, Body: mustJSON(list)})
	}
	return ignored, nil
}

// ReadsOf says to the app's server who has read a message of author: 803, 814, 404.
func (s *Service) ReadsOf(ctx context.Context, a *app.App, tid, id int64, author string) (*Reads, error) {
	if _, err := s.Get(ctx, a.Key, Normal, tid); err != nil {
		return nil, err
	}
	if err := receipts(a); err != nil {
		return nil, err
	}
	reads, err := s.reads(ctx, a.Key, Normal.Key(tid), []int64{id})
	if err != nil {
		return nil, err
	}
	if len(reads) == 0 || reads[0].From != author {
		return nil, im.Errorf(im.CodeNotFound, "no such message, or it asks for no receipts")
	}
	return &reads[0], nil
}

// Reads says who has read messages of a team; any member may ask. Messages that
// ask for no receipt are left out.
func (s *Service) Reads(ctx context.Context, a *app.App, asker string, tid int64, ids []int64) ([]Reads, error) {
	if err := s.Check(ctx, a.Key, asker, Normal, tid); err != nil {
		return nil, err
	}
	if err := receipts(a); err != nil {
		return nil, err
	}
	return s.reads(ctx, a.Key, Normal.Key(tid), ids)
}

func (s *Service) reads(ctx context.Context, app string, conv im.ConvKey, ids []int64) ([]Reads, error) {
	msgs, err := s.c.Store.TeamMessages(ctx, app, conv, ids)
	if err != nil {
		return nil, err
	}
	msgs = slices.DeleteFunc(msgs, func(m *message.Message) bool { return !m.Flags.Has(message.NeedReceipt) })
	if len(msgs) == 0 {
		return nil, nil
	}
	seqs, found := make([]int64, len(msgs)), make([]int64, len(msgs))
	for i, m := range msgs {
		seqs[i], found[i] = m.Seq, m.ID
	}
	members, err := s.c.Store.MembersAt(ctx, app, conv, seqs)
	if err != nil {
		return nil, err
	}
	readers, err := s.c.Store.Readers(ctx, app, conv, found)
	if err != nil {
		return nil, err
	}
	out := make([]Reads, len(msgs))
	for i, m := range msgs {
		r := Reads{TID: conv.TID(), ID: m.ID, IDClient: m.IDClient, From: m.From, Read: readers[m.ID]}
		// A set: a team may have thousands of members, who all read.
		done := make(map[string]bool, len(r.Read)+1)
		done[m.From] = true
		for _, accid := range r.Read {
			done[accid] = true
		}
		for _, accid := range members[m.Seq] {
			if !done[accid] {
				r.Unread = append(r.Unread, accid)
			}
		}
		out[i] = r
	}
	return out, nil
}
