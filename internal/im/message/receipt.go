package message

import (
	"context"
	"encoding/json"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
	"hongyan/internal/im/eventcopy"
)

// Receipt says how far Reader has read what To wrote to it
// (docs/protocol/nim-core.md section 5.9).
type Receipt struct {
	To       string `json:"t"` // who wrote the messages
	Reader   string `json:"r"`
	TimeMs   int64  `json:"m"` // time of the newest message read
	IDClient string `json:"c"` // its client id

	Client int  `json:"-"` // type of the reader's client, for the copy
	copied bool // the app's server is told
}

// receiptCopyBody is the body of event 30 (docs/api/copy.md section 7); Objects
// is a text that holds a list.
type receiptCopyBody struct {
	EventType string `json:"eventType"`
	Objects   string `json:"objects"`
}

type receiptCopy struct {
	From     string `json:"fromAccount"` // the reader
	To       string `json:"toAccount"`
	Client   string `json:"clientType,omitempty"`
	IDClient string `json:"msgidClient,omitempty"`
	Time     string `json:"timestamp"` // ms
}

// WantCopy decides whether r is copied.
func (r *Receipt) WantCopy(a *app.App) { r.copied = eventcopy.Wanted(a, eventcopy.Receipt) }

// Copy returns what the app's server is told of r; nil if it is told nothing.
// The store keeps it in the transaction of r, if r is news.
func (r *Receipt) Copy(app string) *eventcopy.Copy {
	if !r.copied {
		return nil
	}
	list := eventcopy.Marshal([]receiptCopy{{r.Reader, r.To, im.ClientTypeName(r.Client), r.IDClient, eventcopy.Ms(r.TimeMs)}})
	return &eventcopy.Copy{App: app, Event: eventcopy.Receipt, Lane: string(im.P2PKey(r.To, r.Reader)),
		Body: eventcopy.Marshal(receiptCopyBody{eventcopy.Receipt.Text(), string(list)})}
}

// Encode packs r into the body of an EventReceipt.
func (r *Receipt) Encode() []byte {
	b, _ := json.Marshal(r) // strings and numbers only: cannot fail
	return b
}

// DecodeReceipt reads the body of an EventReceipt.
func DecodeReceipt(b []byte) (*Receipt, error) {
	r := &Receipt{}
	return r, json.Unmarshal(b, r)
}

// clockDrift is how far a message's time may be ahead of the clock, ms.
const clockDrift = 1000

// MarkReceipt records that r.Reader has read up to r.TimeMs and tells the
// writer's devices if that is news. r gets the position that is stored, which
// never goes back. Code 404: no such writer.
func (s *Service) MarkReceipt(ctx context.Context, a *app.App, r *Receipt) error {
	to, ok := im.NormalizeAccid(r.To)
	if !ok {
		return im.Errorf(im.CodeNotFound, "no such account")
	}
	if r.TimeMs <= 0 || len(r.IDClient) > 128 {
		return im.Errorf(im.CodeBadParam, "time or idClient of a receipt")
	}
	r.To = to
	if _, err := s.accounts.Get(ctx, a.Key, to); err != nil {
		return err
	}
	r.TimeMs = min(r.TimeMs, s.clock.NowMs()+clockDrift)
	r.WantCopy(a)
	rose, err := s.store.RaiseReceipt(ctx, a.Key, r)
	if err != nil {
		return err
	}
	if rose {
		s.bus.Publish(im.Event{Kind: EventReceipt, App: a.Key, To: r.To, Body: r.Encode()})
	}
	return nil
}

// MarkReceiptFor is MarkReceipt for the message that writer sent to reader
// under idClient. It returns the time of the receipt; an unknown message is no
// error (docs/api/server-v1.md section 12.5).
func (s *Service) MarkReceiptFor(ctx context.Context, a *app.App, reader, writer, idClient string) (int64, error) {
	m, err := s.store.FindClientID(ctx, a.Key, im.P2PKey(reader, writer), writer, idClient)
	if err != nil || m == nil || !m.VisibleTo(reader) {
		return s.clock.NowMs(), err
	}
	return s.clock.NowMs(), s.MarkReceipt(ctx, a, &Receipt{To: writer, Reader: reader, TimeMs: m.Time, IDClient: m.IDClient, Client: ClientTypeREST})
}

// Receipts returns how far others have read what the account wrote to them, as
// far as roaming reaches, for sync.
func (s *Service) Receipts(ctx context.Context, a *app.App, accid string) ([]Receipt, error) {
	return s.store.Receipts(ctx, a.Key, accid, s.clock.NowMs()-a.Settings.RoamingDays*dayMs)
}
