package team

import (
	"context"
	"strconv"

	"hongyan/internal/im"
	"hongyan/internal/im/app"
	"hongyan/internal/im/notice"
)

// forNotices is what package notice asks about teams.
type forNotices struct{ s *Service }

// ForNotices returns what package notice asks about teams.
func (s *Service) ForNotices() notice.Teams { return forNotices{s} }

// NoticeRoom implements notice.Teams: the sender is a member
// unless the app's server sends (docs/protocol/nim-social.md section 8).
func (f forNotices) NoticeRoom(ctx context.Context, a *app.App, t notice.Type, from, to string, rest bool) (im.ConvKey, []string, error) {
	k := Normal
	if t == notice.CustomSuperTeam {
		k = Super
	}
	tid, err := strconv.ParseInt(to, 10, 64)
	if err != nil {
		return "", nil, errNotFound()
	}
	if rest {
		_, err = f.s.Get(ctx, a.Key, k, tid)
	} else {
		err = f.s.Check(ctx, a.Key, from, k, tid)
	}
	if err != nil || k == Super {
		return k.Key(tid), nil, err
	}
	members, err := f.s.c.Store.Members(ctx, a.Key, k.Key(tid), MemberQuery{})
	return k.Key(tid), accids(members), err
}
