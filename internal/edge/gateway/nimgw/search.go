package nimgw

import (
	"context"
	"strconv"
	"strings"

	"hongyan/internal/edge/gateway"
	"hongyan/internal/edge/wire/nimwire"
	"hongyan/internal/im"
	"hongyan/internal/im/message"
)

// What a search gives when the client does not say (docs/protocol/nim-core.md section 5.14).
const (
	searchLimit        = 10
	searchSessions     = 10
	searchSessionLimit = 5
	orderAscending     = 1
)

// search is 7-27.
func (p *Product) search(ctx context.Context, s *gateway.Session, req *nimwire.NimFtsCloudMsgLogsRequest) (*nimwire.NimFtsCloudMsgLogsResponse, error) {
	q, err := searchQuery(s, &req.Tag, searchLimit)
	if err != nil {
		return nil, err
	}
	msgs, err := p.c.Messages.Search(ctx, q)
	if err != nil {
		return nil, err
	}
	return &nimwire.NimFtsCloudMsgLogsResponse{Datas: messagesTo(msgs)}, nil
}

// searchBySession is 7-26.
func (p *Product) searchBySession(ctx context.Context, s *gateway.Session, req *nimwire.NimFtsCloudMsgLogsAggWithSessionRequest) (*nimwire.NimFtsCloudMsgLogsAggWithSessionResponse, error) {
	q, err := searchQuery(s, &req.Tag, searchSessionLimit)
	if err != nil {
		return nil, err
	}
	msgs, err := p.c.Messages.SearchSessions(ctx, q, int(req.Tag.SessionLimit.IntOr(searchSessions)))
	if err != nil {
		return nil, err
	}
	return &nimwire.NimFtsCloudMsgLogsAggWithSessionResponse{Datas: messagesTo(msgs)}, nil
}

func searchQuery(s *gateway.Session, w *nimwire.FtsParams, limit int64) (message.SearchQuery, error) {
	q := message.SearchQuery{
		App: s.App(), Accid: s.Accid(), Keyword: w.Keyword.String(), FromMs: w.FromTime.Int(), ToMs: w.ToTime.Int(), Ascending: w.OrderRule.Int() == orderAscending,
		Peers: commaList(w.P2pSessionList.String()), Teams: commaList(w.TeamSessionList.String()), Senders: commaList(w.SenderList.String()),
		Limit: int(w.MsglogsLimit.IntOr(limit)),
	}
	for _, l := range []struct {
		text string
		into *[]int64
	}{{w.MsgTypeList.String(), &q.Types}, {w.MsgSubTypeList.String(), &q.SubTypes}} {
		for _, t := range commaList(l.text) {
			n, err := strconv.ParseInt(t, 10, 64)
			if err != nil {
				return q, im.Errorf(im.CodeBadParam, "list of numbers")
			}
			*l.into = append(*l.into, n)
		}
	}
	return q, nil
}

// commaList splits the text of a list.
func commaList(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}
