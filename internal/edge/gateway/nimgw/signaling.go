package nimgw

import (
	"context"
	"encoding/json"
	"strconv"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
	"hongyan/internal/im/session"
	"hongyan/internal/im/signaling"
)

// signalingRows are the commands of signaling.
func (p *Product) signalingRows() []gateway.Row {
	return []gateway.Row{
		gateway.Handle(nimwire.SignalingCreate, p.signalingCreate),
		gateway.Handle(nimwire.SignalingDelay, p.signalingDelay),
		gateway.Handle(nimwire.SignalingClose, p.signalingClose),
		gateway.Handle(nimwire.SignalingJoin, p.signalingJoin),
		gateway.Handle(nimwire.SignalingLeave, p.signalingLeave),
		gateway.Handle(nimwire.SignalingInvite, p.signalingInvite),
		gateway.Handle(nimwire.SignalingCancelInvite, p.signalingCancelInvite),
		gateway.Handle(nimwire.SignalingReject, p.signalingReject),
		gateway.Handle(nimwire.SignalingAccept, p.signalingAccept),
		gateway.Handle(nimwire.SignalingSendCustomCommand, p.signalingCustom),
		gateway.Handle(nimwire.SignalingQueryInfo, p.signalingQuery),
		gateway.Handle(nimwire.SignalingCallEx, p.signalingCall),
		gateway.Handle(nimwire.SignalingJoinAndAccept, p.signalingJoinAndAccept),
	}
}

// signalingEvents are the events of signaling.
func (p *Product) signalingEvents() map[im.EventKind]eventFunc {
	return map[im.EventKind]eventFunc{signaling.Event: p.onSignaling}
}

func caller(s *gateway.Session) signaling.Caller {
	l := s.Login()
	return signaling.Caller{Accid: l.Device.Accid, Device: l.Device.DeviceID, Client: l.Client, Conn: s.ID}
}

// ask reads the tags of a request (docs/protocol/nim-social.md section 12.2).
func ask(w *nimwire.Signaling) (signaling.Ask, error) {
	q := signaling.Ask{
		Type: int(w.Type.Int()), Name: w.Name.String(), Ext: w.Ext.String(), RTCName: w.NertcChannelName.String(), Peer: w.ToAccid.String(),
		Request: w.RequestId.String(), AttachExt: w.AttachExt.String(), Offline: w.NeedOffline.Bool(),
	}
	if w.NeedPush.IsSet() || w.PushTitle.IsSet() || w.PushContent.IsSet() || w.PushPayload.IsSet() {
		q.Push = &signaling.Push{Need: w.NeedPush.Bool(), Title: w.PushTitle.String(), Content: w.PushContent.String(), Payload: w.PushPayload.String(),
			NoBadge: !w.NeedPushBadge.BoolOr(true)}
	}
	for _, f := range []struct {
		v   wire.Value
		dst *int64
	}{{w.ChannelId, &q.Channel}, {w.Uid, &q.UID}} {
		if f.v.IsSet() && f.v.String() != "" {
			n, ok := f.v.IntOK()
			if !ok || n < 0 {
				return q, im.Errorf(signaling.CodeBadParam, "malformed number")
			}
			*f.dst = n
		}
	}
	return q, nil
}

func (p *Product) signalingCreate(ctx context.Context, s *gateway.Session, req *nimwire.SignalingCreateRequest) (*nimwire.SignalingCreateResponse, error) {
	q, err := ask(&req.Tag)
	if err != nil {
		return nil, err
	}
	c, err := p.c.Signaling.Create(ctx, s.App(), caller(s), q)
	if err != nil {
		return nil, err
	}
	w := headTo(c.Head())
	return &nimwire.SignalingCreateResponse{Data: &w}, nil
}

func (p *Product) signalingDelay(ctx context.Context, s *gateway.Session, req *nimwire.SignalingDelayRequest) (*nimwire.SignalingDelayResponse, error) {
	q, err := ask(&req.Tag)
	if err != nil {
		return nil, err
	}
	c, err := p.c.Signaling.Delay(ctx, s.App(), caller(s), q)
	if err != nil {
		return nil, err
	}
	w := headTo(c.Head())
	return &nimwire.SignalingDelayResponse{Data: &w}, nil
}

func (p *Product) signalingClose(ctx context.Context, s *gateway.Session, req *nimwire.SignalingCloseRequest) (*nimwire.SignalingCloseResponse, error) {
	q, err := ask(&req.Tag)
	if err != nil {
		return nil, err
	}
	c, err := p.c.Signaling.Close(ctx, s.App(), caller(s), q)
	if err != nil {
		return nil, err
	}
	return &nimwire.SignalingCloseResponse{Data: &nimwire.Signaling{ChannelId: wire.Int(c.ID)}}, nil
}

func (p *Product) signalingJoin(ctx context.Context, s *gateway.Session, req *nimwire.SignalingJoinRequest) (*nimwire.SignalingJoinResponse, error) {
	q, err := ask(&req.Tag)
	if err != nil {
		return nil, err
	}
	c, err := p.c.Signaling.Join(ctx, s.App(), caller(s), q)
	if err != nil {
		return nil, err
	}
	w := channelTo(c)
	return &nimwire.SignalingJoinResponse{Data: &w}, nil
}

func (p *Product) signalingLeave(ctx context.Context, s *gateway.Session, req *nimwire.SignalingLeaveRequest) (*gateway.None, error) {
	q, err := ask(&req.Tag)
	if err != nil {
		return nil, err
	}
	return nil, p.c.Signaling.Leave(ctx, s.App(), caller(s), q)
}

func (p *Product) signalingInvite(ctx context.Context, s *gateway.Session, req *nimwire.SignalingInviteRequest) (*gateway.None, error) {
	q, err := ask(&req.Tag)
	if err != nil {
		return nil, err
	}
	return nil, p.c.Signaling.Invite(ctx, s.App(), caller(s), q)
}

func (p *Product) signalingCancelInvite(ctx context.Context, s *gateway.Session, req *nimwire.SignalingCancelInviteRequest) (*gateway.None, error) {
	q, err := ask(&req.Tag)
	if err != nil {
		return nil, err
	}
	return nil, p.c.Signaling.CancelInvite(ctx, s.App(), caller(s), q)
}

func (p *Product) signalingReject(ctx context.Context, s *gateway.Session, req *nimwire.SignalingRejectRequest) (*gateway.None, error) {
	q, err := ask(&req.Tag)
	if err != nil {
		return nil, err
	}
	return nil, p.c.Signaling.Answer(ctx, s.App(), caller(s), q, false)
}

func (p *Product) signalingAccept(ctx context.Context, s *gateway.Session, req *nimwire.SignalingAcceptRequest) (*gateway.None, error) {
	q, err := ask(&req.Tag)
	if err != nil {
		return nil, err
	}
	return nil, p.c.Signaling.Answer(ctx, s.App(), caller(s), q, true)
}

func (p *Product) signalingCustom(ctx context.Context, s *gateway.Session, req *nimwire.SignalingSendCustomCommandRequest) (*gateway.None, error) {
	q, err := ask(&req.Tag)
	if err != nil {
		return nil, err
	}
	return nil, p.c.Signaling.Custom(ctx, s.App(), caller(s), q)
}

func (p *Product) signalingQuery(ctx context.Context, s *gateway.Session, req *nimwire.SignalingQueryInfoRequest) (*nimwire.SignalingQueryInfoResponse, error) {
	c, err := p.c.Signaling.Get(ctx, s.App(), 0, req.Tag.Name.String())
	if err != nil {
		return nil, err
	}
	w := channelTo(c)
	return &nimwire.SignalingQueryInfoResponse{Data: &w}, nil
}

// signalingCall is 15-16; what became of the invitation is in tag 30, because
// the SDK looks at nothing when the code is not 200.
func (p *Product) signalingCall(ctx context.Context, s *gateway.Session, req *nimwire.SignalingCallExRequest) (*nimwire.SignalingCallExResponse, error) {
	q, err := ask(&req.Tag)
	if err != nil {
		return nil, err
	}
	c, status, err := p.c.Signaling.Call(ctx, s.App(), caller(s), q)
	if err != nil {
		return nil, err
	}
	w := channelTo(c)
	w.CallStatus, w.NertcChannelName = wire.Int(int64(status)), text(c.RTCName)
	return &nimwire.SignalingCallExResponse{Data: &w}, nil
}

func (p *Product) signalingJoinAndAccept(ctx context.Context, s *gateway.Session, req *nimwire.SignalingJoinAndAcceptRequest) (*nimwire.SignalingJoinAndAcceptResponse, error) {
	q, err := ask(&req.Tag)
	if err != nil {
		return nil, err
	}
	c, err := p.c.Signaling.JoinAndAccept(ctx, s.App(), caller(s), q)
	if err != nil {
		return nil, err
	}
	w := channelTo(c)
	if w.NertcChannelName = text(q.RTCName); q.RTCName == "" {
		w.NertcChannelName = text(c.RTCName)
	}
	return &nimwire.SignalingJoinAndAcceptResponse{Data: &w}, nil
}

// onSignaling sends a note: 15-11, wrapped in 4-1 with its id, or 15-12 to the
// devices beside the one that answered.
func (p *Product) onSignaling(ev im.Event, sessions []*gateway.Session) {
	n, err := signaling.DecodeNote(ev.Body)
	if err != nil {
		p.c.Log.Error("signaling event", "err", err)
		return
	}
	w := noteTo(n)
	var frame []byte
	if n.Echo {
		frame = pushFrame(nimwire.SignalingMultiSyncNotification.PushID(), &nimwire.SignalingMultiSyncNotificationResponse{Data: &w})
	} else {
		id := nimwire.SignalingRecvNotification.PushID()
		frame = gateway.Frame(wire.AppendWrapped(nil, 1, n.ID, id.SID, id.CID, &nimwire.SignalingRecvNotificationResponse{Data: &w}))
	}
	others(ev, sessions, func(s *gateway.Session) { s.Offer(gateway.Delivery{ID: n.ID, TimeMs: n.TimeMs, Frame: frame}) })
}

// ackSignaling is 4-5 for 15-11.
func (p *Product) ackSignaling(ctx context.Context, s *gateway.Session, ids []int64) error {
	return p.c.Signaling.Acknowledge(ctx, s.App(), s.Accid(), ids)
}

// signaling is 15-14 and 15-13 (docs/protocol/nim-social.md section 12.3).
func (r *syncRun) signaling(ctx context.Context) error {
	if !r.ask.Signaling.IsSet() || !r.s.App().Settings.Signaling || !r.has.Any(session.HasSignaling) {
		return nil
	}
	channels, err := r.p.c.Signaling.Resume(ctx, r.s.App(), caller(r.s))
	if err != nil {
		return err
	}
	var datas []nimwire.Signaling
	for _, c := range channels {
		datas = append(datas, channelTo(c))
	}
	notes, err := r.p.c.Signaling.Missed(ctx, r.s.App(), r.s.Accid())
	if err != nil {
		return err
	}
	if len(datas) > 0 {
		r.send(nimwire.SingalingSyncChannels, &nimwire.SingalingSyncChannelsResponse{Datas: datas})
	}
	if len(notes) == 0 {
		return nil
	}
	datas = nil
	for _, n := range notes {
		w := noteTo(n)
		w.MsgId = wire.Int(n.ID)
		datas = append(datas, w)
		r.s.Listed(n.ID)
	}
	r.send(nimwire.SignalingSyncNotification, &nimwire.SignalingSyncNotificationResponse{Datas: datas})
	return nil
}

func headTo(h signaling.Head) nimwire.Signaling {
	return nimwire.Signaling{Type: wire.Int(int64(h.Type)), Name: wire.Str(h.Name), ChannelId: wire.Int(h.ID), CreateTime: wire.Int(h.CreatedMs),
		ExpireTime: wire.Int(h.ExpiresMs), CreatorAccid: wire.Str(h.Creator), Ext: wire.Str(h.Ext), Invalid: wire.Bool(false)}
}

func channelTo(c *signaling.Channel) nimwire.Signaling {
	w := headTo(c.Head())
	members := make([]map[string]string, len(c.Members))
	for i := range c.Members {
		members[i] = memberTo(&c.Members[i])
	}
	w.Members = wire.Str(jsonText(members))
	return w
}

// memberTo is a member as it is inside tags 18 and 19: tags and texts.
func memberTo(m *signaling.Member) map[string]string {
	return map[string]string{"1": m.Accid, "2": strconv.FormatInt(m.UID, 10), "3": strconv.FormatInt(m.JoinedMs, 10), "4": strconv.FormatInt(m.ExpiresMs, 10), "5": m.Device}
}

// noteTo is a note as clients receive it (docs/protocol/nim-social.md section 12.3).
func noteTo(n *signaling.Note) nimwire.Signaling {
	w := headTo(n.Channel)
	attach := struct {
		Type   int               `json:"type"`
		Member map[string]string `json:"member,omitempty"`
	}{Type: int(n.Kind)}
	if n.Member != nil {
		attach.Member = memberTo(n.Member)
	}
	w.FromAccid, w.ToAccid, w.RequestId, w.Time = wire.Str(n.From), text(n.To), text(n.Request), wire.Int(n.TimeMs)
	w.Attach, w.AttachExt = wire.Str(jsonText(attach)), text(n.AttachExt)
	if x := n.Push; x != nil {
		w.NeedPush, w.PushTitle, w.PushContent, w.PushPayload = wire.Bool(x.Need), text(x.Title), text(x.Content), text(x.Payload)
		w.NeedPushBadge = wire.Bool(!x.NoBadge)
	}
	return w
}

func jsonText(v any) string {
	b, _ := json.Marshal(v) // texts and numbers only: cannot fail
	return string(b)
}
