package qchat

import (
	"context"
	"strings"
	"unicode/utf8"

	"hongyan/internal/im"
	"hongyan/internal/im/account"
	"hongyan/internal/im/app"
	"hongyan/internal/im/team"
)

// Limits of the product (docs/protocol/qchat.md section 16).
const (
	maxServers  = 100 // that an account is in
	maxChannels = 100 // of a server
	maxRefs     = 100 // servers or channels named in one request
	maxName     = 64  // characters
	maxText     = 1024
	maxClientID = 64
	maxMentions = 200
)

// Config is what a Service needs.
type Config struct {
	Store    Store
	Accounts *account.Service
	Bus      im.Publisher
	Clock    im.Clock
	NextID   func() int64
}

// Service holds the rules of QChat. It is safe for concurrent use.
type Service struct{ c Config }

// New returns a Service.
func New(c Config) *Service { return &Service{c} }

func check(what, text string, limit int) error {
	if strings.ContainsRune(text, 0) || !utf8.ValidString(text) || utf8.RuneCountInString(text) > limit {
		return im.Errorf(im.CodeBadParam, "%s longer than %d characters, or no text", what, limit)
	}
	return nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// CreateServer makes a server; its owner is its first member (section 7.1).
func (s *Service) CreateServer(ctx context.Context, v Server) (*Server, error) {
	if v.Name == "" || v.InviteMode != InviteAsk && v.InviteMode != InviteJoin || v.ApplyMode != ApplyJoin && v.ApplyMode != ApplyAsk || v.SearchType < 0 {
		return nil, im.Errorf(im.CodeBadParam, "a server needs a name, and modes that there are")
	}
	if err := first(check("name", v.Name, maxName), check("icon", v.Icon, maxText), check("ext", v.Ext, maxText)); err != nil {
		return nil, err
	}
	v.ID, v.CreatedMs, v.Members, v.Channels = s.c.NextID(), s.c.Clock.NowMs(), 1, 0
	v.UpdatedMs = v.CreatedMs
	if err := s.c.Store.CreateQChatServer(ctx, &v, maxServers); err != nil {
		return nil, err
	}
	s.joined(v.App, v.ID, v.Owner)
	return &v, nil
}

// joined puts the connections of an account where they get the server's messages.
func (s *Service) joined(appKey string, server int64, accid string) {
	s.c.Bus.Publish(im.Event{Kind: team.EventRoom, App: appKey, Conv: im.QChatKey(server), Body: team.Room{Joined: []string{accid}}.Encode()})
}

// Servers returns those of the servers that exist; nobody has to be in them.
func (s *Service) Servers(ctx context.Context, appKey string, ids []int64) ([]*Server, error) {
	if len(ids) > maxRefs {
		return nil, im.Errorf(im.CodeBadParam, "at most %d servers", maxRefs)
	}
	return s.c.Store.QChatServers(ctx, appKey, ids)
}

// Rooms names the conversations whose events an account's connections get.
func (s *Service) Rooms(ctx context.Context, appKey, accid string) ([]im.ConvKey, error) {
	ids, err := s.c.Store.QChatServersOf(ctx, appKey, accid)
	if err != nil {
		return nil, err
	}
	out := make([]im.ConvKey, len(ids))
	for i, id := range ids {
		out[i] = im.QChatKey(id)
	}
	return out, nil
}

// Join makes an account a member of a server that lets everybody in (section 7.2).
func (s *Service) Join(ctx context.Context, appKey string, server int64, accid string) error {
	found, err := s.c.Store.QChatServers(ctx, appKey, []int64{server})
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return im.Errorf(im.CodeNotFound, "no such server")
	}
	if found[0].ApplyMode != ApplyJoin {
		return im.Errorf(im.CodeUnavailable, "applications that somebody has to approve are not served yet")
	}
	isNew, err := s.c.Store.JoinQChatServer(ctx, appKey, Member{Server: server, Accid: accid, JoinedMs: s.c.Clock.NowMs()}, maxServers)
	if err != nil {
		return err
	}
	if !isNew {
		return im.Errorf(im.CodeRepeated, "already a member")
	}
	s.joined(appKey, server, accid)
	return nil
}

// CreateChannel makes a channel (section 8.1). So far only a server's owner may.
func (s *Service) CreateChannel(ctx context.Context, v Channel) (*Channel, error) {
	if v.Name == "" || v.Type != ChannelMessage && v.Type != ChannelMedia && v.Type != ChannelCustom || v.VisitorMode < 0 || v.VisitorMode > 2 {
		return nil, im.Errorf(im.CodeBadParam, "a channel needs a name, and a type that there is")
	}
	if err := first(check("name", v.Name, maxName), check("topic", v.Topic, maxText), check("ext", v.Ext, maxText)); err != nil {
		return nil, err
	}
	found, err := s.c.Store.QChatServers(ctx, v.App, []int64{v.Server})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, im.Errorf(im.CodeNotFound, "no such server")
	}
	if found[0].Owner != v.Owner {
		return nil, im.Errorf(im.CodeForbidden, "only the server's owner may make channels")
	}
	v.ID, v.CreatedMs = s.c.NextID(), s.c.Clock.NowMs()
	v.UpdatedMs = v.CreatedMs
	if err := s.c.Store.CreateQChatChannel(ctx, &v, maxChannels); err != nil {
		return nil, err
	}
	return &v, nil
}

// Channels returns those of the channels that exist.
func (s *Service) Channels(ctx context.Context, appKey string, ids []int64) ([]*Channel, error) {
	if len(ids) > maxRefs {
		return nil, im.Errorf(im.CodeBadParam, "at most %d channels", maxRefs)
	}
	return s.c.Store.QChatChannels(ctx, appKey, ids)
}

// member says that an account may see a channel of a server, and since when it
// is a member.
func (s *Service) member(ctx context.Context, appKey string, server, channel int64, accid string) (*Member, error) {
	found, err := s.c.Store.QChatChannels(ctx, appKey, []int64{channel})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 || found[0].Server != server {
		return nil, im.Errorf(im.CodeNotFound, "no such channel")
	}
	m, err := s.c.Store.QChatMember(ctx, appKey, server, accid)
	if err == nil && m == nil {
		err = im.Errorf(im.CodeForbidden, "not a member")
	}
	return m, err
}

// Send stores a message and tells the members of the server (sections 10.1 and
// 10.2). A repetition is answered with what was stored and told to nobody.
func (s *Service) Send(ctx context.Context, a *app.App, m Message, connection string) (*Message, error) {
	set := &a.Settings
	if m.ClientID == "" || len(m.ClientID) > maxClientID || len(m.Mentions) > maxMentions || m.Type < 0 {
		return nil, im.Errorf(im.CodeBadParam, "a message needs a client id of at most %d characters", maxClientID)
	}
	if err := first(check("client id", m.ClientID, maxClientID), check("body", m.Body, int(set.TextLimit)), check("attach", m.Attach, int(set.TextLimit)),
		check("ext", m.Ext, int(set.ExtLimit)), check("env", m.Env, maxName), check("callback ext", m.CallbackExt, maxText),
		check("push text", m.PushContent, int(set.PushTextLimit)), check("payload", m.PushPayload, int(set.PayloadLimit)),
		check("mentions", strings.Join(m.Mentions, ","), maxMentions*33)); err != nil {
		return nil, err
	}
	from, err := s.c.Accounts.Get(ctx, a.Key, m.From)
	if err != nil {
		return nil, err
	}
	if from.Mute.All || from.Mute.QChat {
		return nil, im.Errorf(im.CodeMuted, "account muted")
	}
	if _, err := s.member(ctx, a.Key, m.Server, m.Channel, m.From); err != nil {
		return nil, err
	}
	if m.MentionAll {
		found, err := s.c.Store.QChatServers(ctx, a.Key, []int64{m.Server})
		if err != nil {
			return nil, err
		}
		if len(found) == 0 || found[0].Owner != m.From { // nobody else has this permission yet
			return nil, im.Errorf(im.CodeForbidden, "only the server's owner may mention everybody")
		}
	}
	m.App, m.ID, m.TimeMs, m.FromNick = a.Key, s.c.NextID(), s.c.Clock.NowMs(), from.Card.Name
	stored, repeated, err := s.c.Store.AppendQChat(ctx, &m)
	if err != nil {
		return nil, err
	}
	if repeated {
		if stored.Channel != m.Channel {
			return nil, im.Errorf(im.CodeBadParam, "the client id was used in another channel")
		}
		return stored, nil
	}
	s.c.Bus.Publish(im.Event{Kind: EventMessage, App: a.Key, Conv: im.QChatKey(m.Server), ID: stored.ID, Origin: connection, Body: stored.Encode()})
	return stored, nil
}

// maxPage is the largest page of a history.
const maxPage = 100

// History returns messages of a channel (section 10.5).
func (s *Service) History(ctx context.Context, appKey, accid string, server, channel int64, q History) ([]*Message, error) {
	if q.Limit == 0 {
		q.Limit = maxPage
	}
	if q.Limit < 0 || q.Limit > maxPage || q.FromMs < 0 || q.ToMs < 0 || q.ToMs > 0 && q.FromMs > q.ToMs {
		return nil, im.Errorf(im.CodeBadParam, "at most %d messages, of a time range", maxPage)
	}
	if _, err := s.member(ctx, appKey, server, channel, accid); err != nil {
		return nil, err
	}
	return s.c.Store.QChatHistory(ctx, appKey, channel, q)
}

// Unread counts what an account has not read of a channel (section 11.3).
func (s *Service) Unread(ctx context.Context, appKey, accid string, server, channel int64) (*Unread, error) {
	m, err := s.member(ctx, appKey, server, channel, accid)
	if err != nil {
		return nil, err
	}
	u := &Unread{Server: server, Channel: channel}
	var list []*Message
	// What is sent in the very millisecond of the joining counts.
	if u.AckMs, u.LastMs, list, err = s.c.Store.QChatUnread(ctx, appKey, channel, accid, m.JoinedMs-1); err != nil {
		return nil, err
	}
	for _, x := range list {
		u.Count++
		mentioned := x.MentionAll
		for _, id := range x.Mentions {
			mentioned = mentioned || id == accid
		}
		if mentioned {
			u.Mentioned++
		}
	}
	return u, nil
}

// MarkRead moves the read mark of a channel forward and tells the account's
// other devices.
func (s *Service) MarkRead(ctx context.Context, appKey, accid string, server, channel, ms int64, connection string) (*Unread, error) {
	if _, err := s.member(ctx, appKey, server, channel, accid); err != nil {
		return nil, err
	}
	if ms <= 0 || ms > s.c.Clock.NowMs()+24*3600*1000 {
		return nil, im.Errorf(im.CodeBadParam, "the time is none of a message")
	}
	if err := s.c.Store.MarkQChatRead(ctx, appKey, channel, accid, ms); err != nil {
		return nil, err
	}
	u, err := s.Unread(ctx, appKey, accid, server, channel)
	if err == nil {
		s.c.Bus.Publish(im.Event{Kind: EventRead, App: appKey, To: accid, Origin: connection, Body: u.Encode()})
	}
	return u, err
}
