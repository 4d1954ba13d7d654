package message

import (
	"context"
	"strconv"
	"strings"

	"hongyan/internal/im"
)

// forceEverybody is the force-push list that means all members
// (docs/protocol/nim-core.md section 5.1, tag 18).
const forceEverybody = "#%@all@%#"

// maxForceList is how many accounts a force-push list may name: 811.
const maxForceList = 100

// ReceiptsOff is what an app without read receipts of team messages answers
// with im.CodeNoReceipts.
const ReceiptsOff = "read receipts are switched off for this app"

// SetGate connects teams; without it nobody may send into one. Called once,
// before the first request.
func (s *Service) SetGate(g Gate) { s.gate = g }

// SendTeam checks a message to a team or super team and queues it for the next
// commit, as SendP2P does. Msg.To is the team id; scene says of which kind
// (docs/protocol/nim-core.md section 5.3).
func (s *Service) SendTeam(ctx context.Context, r Send, scene im.Scene, done func(m *Message, err error)) error {
	m := r.Msg
	if err := s.checkContent(r.App, m); err != nil {
		return err
	}
	tid, err := strconv.ParseInt(m.To, 10, 64)
	if err != nil || tid <= 0 || s.gate == nil {
		return im.Errorf(im.CodeTeamNotFound, "team does not exist")
	}
	if list := m.Content.ForceList; list != forceEverybody && strings.Count(list, ",") >= maxForceList {
		return im.Errorf(im.CodeForceTooLong, "at most %d accounts", maxForceList)
	}
	sender, err := s.accounts.Get(ctx, r.App.Key, m.From)
	if err != nil {
		return err
	}
	mutes := !r.REST || r.CheckMute
	switch {
	case sender.Blocked && !r.REST:
		return im.Errorf(im.CodeBlocked, "account blocked")
	case mutes && (sender.Mute.All || sender.Mute.Team):
		return im.Errorf(im.CodeMuted, "account muted")
	case !r.REST && !s.rate.allow(r.App.Key, m.From, r.App.Settings.SendRate):
		return im.Errorf(im.CodeTooFrequent, "too many messages")
	}
	m.App, m.Scene, m.To, m.Conv = r.App.Key, scene, strconv.FormatInt(tid, 10), im.TeamKey(tid)
	if scene == im.SceneSuperTeam {
		m.Conv = im.SuperTeamKey(tid)
		m.Flags &^= NeedReceipt // super teams have none
	}
	members, err := s.gate.MaySend(ctx, r.App.Key, m.Conv, m.From, mutes)
	if err != nil {
		return err
	}
	if m.Flags.Has(NeedReceipt) {
		if !r.App.Settings.TeamReceipts {
			return im.Errorf(im.CodeNoReceipts, "%s", ReceiptsOff)
		}
		if most := r.App.Settings.TeamReceiptMax; most > 0 && members > most {
			return im.Errorf(im.CodeNoReceipts, "the team is too large for read receipts")
		}
		m.Content.AckSnapshot = members - 1
	}
	m.Content.FromNick, m.Content.CardTime = sender.Card.Name, sender.Card.UpdatedMs
	m.origin = r.Origin
	if stop, err := s.look(ctx, r); err != nil || stop {
		if err == nil {
			done(m, nil)
		}
		return err
	}
	return s.store.Append(&Pending{Msg: m, Idempotent: !r.REST, Done: func(_ bool, err error) { done(m, err) }})
}
