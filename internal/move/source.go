package move

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"hongyan/internal/im"
)

// sourceCard is an entry of user/getUinfos.
type sourceCard struct {
	Accid     text   `json:"accid"`
	Name      text   `json:"name"`
	Icon      text   `json:"icon"`
	Sign      text   `json:"sign"`
	Email     text   `json:"email"`
	Birth     text   `json:"birth"`
	Mobile    text   `json:"mobile"`
	Ex        text   `json:"ex"`
	Gender    number `json:"gender"`
	Valid     *truth `json:"valid"` // false while blocked
	Mute      truth  `json:"mute"`
	MuteP2P   truth  `json:"muteP2P"`
	MuteTeam  truth  `json:"muteTeam"`
	MuteRoom  truth  `json:"muteRoom"`
	MuteQChat truth  `json:"muteQChat"`
}

// sourceFriend is an entry of friend/get with what friend/getByAccid adds.
type sourceFriend struct {
	Accid     text   `json:"faccid"`
	Alias     text   `json:"alias"`
	Ext       text   `json:"ex"`
	ServerExt text   `json:"serverex"`
	Created   number `json:"createtime"`
	Updated   number `json:"updatetime"`
}

// sourceMember is a member of a team in team/queryDetail or superteam/getTlists.
type sourceMember struct {
	Accid   text    `json:"accid"`
	Nick    text    `json:"nick"`
	Custom  text    `json:"custom"`
	Mute    truth   `json:"mute"`
	Created number  `json:"createtime"`
	Updated number  `json:"updatetime"`
	Joined  number  `json:"jointime"`
	Type    number  `json:"type"`
	Bits    number  `json:"bits"`
	Inviter text    `json:"invitor"`
	Valid   *number `json:"validflag"`
}

// sourceTeam is a team of team/queryDetail or superteam/getTinfos; both name
// the same things differently.
type sourceTeam struct {
	TID          number `json:"tid"`
	Name         text   `json:"tname"`
	Icon         text   `json:"icon"`
	Announcement text   `json:"announcement"`
	Intro        text   `json:"intro"`
	Ext          text   `json:"clientCustom"`
	Custom       text   `json:"custom"`       // teams: the server's ext
	ServerCustom text   `json:"serverCustom"` // super teams: the same
	MaxUsers     number `json:"maxusers"`
	Level        number `json:"tlevel"`
	Size         number `json:"size"`
	JoinMode     number `json:"joinmode"`
	BeInviteMode number `json:"beinvitemode"`
	InviteMode   number `json:"invitemode"`
	UpdateMode   number `json:"uptinfomode"`
	ExtMode      number `json:"upcustommode"`
	MuteType     number `json:"muteType"`
	Mute         truth  `json:"mute"`
	Created      number `json:"createtime"`
	Updated      number `json:"updatetime"`
	Creator      text   `json:"creator"` // super teams: the owner
}

// sourceMsg is a message of a history call.
type sourceMsg struct {
	From       text            `json:"from"`
	ID         text            `json:"msgid"`
	IDClient   text            `json:"msgidclient"`
	Time       number          `json:"sendtime"`
	Type       number          `json:"type"`
	ClientType number          `json:"fromclienttype"`
	Body       json.RawMessage `json:"body"`
	Ext        text            `json:"ext"`
}

// sourceSession is an entry of history/querySessionList.
type sourceSession struct {
	Type    number `json:"sessionType"`
	Accid   text   `json:"accid"`
	TID     text   `json:"tid"`
	Updated number `json:"updateTime"`
}

// pageSize is how much the paged calls are asked for at a time: their maximum.
const pageSize = 100

// maxCards is how many accounts one user/getUinfos takes.
const maxCards = 200

// cards reads profiles and mutes; unknown are the accounts that the source does
// not have. Some servers refuse the whole call for one of them.
func (c *client) cards(ctx context.Context, accids []string) (found map[string]sourceCard, unknown []string, err error) {
	found = map[string]sourceCard{}
	for len(accids) > 0 {
		names, _ := json.Marshal(accids) // texts: cannot fail
		var out struct {
			Cards list[sourceCard] `json:"uinfos"`
		}
		err := c.call(ctx, "user/getUinfos", url.Values{"accids": {string(names)}, "muteStatus": {"true"}}, &out, func() bool { return out.Cards != nil })
		var bad *apiError
		if errors.As(err, &bad) && bad.code == 414 {
			name, _, _ := strings.Cut(bad.desc, " ")
			if i := slices.Index(accids, strings.ToLower(name)); i >= 0 && strings.Contains(bad.desc, "not registered") {
				unknown = append(unknown, accids[i])
				accids = slices.Delete(slices.Clone(accids), i, i+1)
				continue
			}
			if len(accids) == 1 {
				return found, append(unknown, accids...), nil
			}
			// It does not say which: halves find out.
			half := len(accids) / 2
			for _, part := range [][]string{accids[:half], accids[half:]} {
				some, not, err := c.cards(ctx, part)
				if err != nil {
					return nil, nil, err
				}
				for id, card := range some {
					found[id] = card
				}
				unknown = append(unknown, not...)
			}
			return found, unknown, nil
		}
		if err != nil {
			return nil, nil, err
		}
		for _, card := range out.Cards {
			if id, ok := im.NormalizeAccid(string(card.Accid)); ok {
				found[id] = card
			}
		}
		for _, id := range accids {
			if _, ok := found[id]; !ok {
				unknown = append(unknown, id)
			}
		}
		return found, unknown, nil
	}
	return found, unknown, nil
}

// friends reads an account's friends, with what only the details have if wanted.
func (c *client) friends(ctx context.Context, accid string, details bool) ([]sourceFriend, error) {
	var out struct {
		Size    *number            `json:"size"`
		Friends list[sourceFriend] `json:"friends"`
	}
	there := func() bool { return out.Friends != nil || out.Size != nil && *out.Size == 0 }
	if err := c.call(ctx, "friend/get", url.Values{"accid": {accid}, "updatetime": {"0"}}, &out, there); err != nil {
		return nil, err
	}
	for i := range out.Friends {
		f := &out.Friends[i]
		if details {
			var one struct {
				Friend sourceFriend `json:"friend"`
			}
			if err := c.call(ctx, "friend/getByAccid", url.Values{"accid": {accid}, "faccid": {string(f.Accid)}}, &one, func() bool { return one.Friend.Accid != "" }); err != nil {
				return nil, err
			}
			f.Ext, f.ServerExt, f.Updated = one.Friend.Ext, one.Friend.ServerExt, one.Friend.Updated
			f.Alias = cmp.Or(f.Alias, one.Friend.Alias)
		}
		f.Created, f.Updated = milliseconds(f.Created), milliseconds(f.Updated)
	}
	return out.Friends, nil
}

// milliseconds takes a time in microseconds or milliseconds: friend times come
// as either (docs/api/server-v1.json, friend/get).
func milliseconds(t number) number {
	if t > 100_000_000_000_000 {
		return t / 1000
	}
	return t
}

// lists reads the black and the mute list.
func (c *client) lists(ctx context.Context, accid string) (black, mute []text, err error) {
	var out struct {
		Mute  list[text] `json:"mutelist"`
		Black list[text] `json:"blacklist"`
	}
	err = c.call(ctx, "user/listBlackAndMuteList", url.Values{"accid": {accid}}, &out, func() bool { return out.Black != nil || out.Mute != nil })
	return out.Black, out.Mute, err
}

// sessions reads the whole session list of an account.
func (c *client) sessions(ctx context.Context, accid string) ([]sourceSession, error) {
	var all []sourceSession
	seen := map[sourceSession]bool{}
	for before := number(0); ; {
		form := url.Values{"accid": {accid}, "limit": {strconv.Itoa(pageSize)}, "needLastMsg": {"0"}}
		if before > 0 {
			form.Set("maxTimestamp", strconv.FormatInt(int64(before), 10))
		}
		var out struct {
			Data *struct {
				More     truth               `json:"hasMore"`
				Sessions list[sourceSession] `json:"sessions"`
			} `json:"data"`
		}
		if err := c.call(ctx, "history/querySessionList", form, &out, func() bool { return out.Data != nil && out.Data.Sessions != nil }); err != nil {
			return nil, err
		}
		fresh := 0
		for _, s := range out.Data.Sessions {
			before = s.Updated
			if s.Updated = 0; !seen[s] {
				seen[s] = true
				fresh++
				all = append(all, s)
			}
		}
		if !out.Data.More || fresh == 0 {
			return all, nil
		}
	}
}

// teamsOf lists the teams or super teams an account is in.
func (c *client) teamsOf(ctx context.Context, accid string, super bool) ([]string, error) {
	path := "team/joinTeams"
	if super {
		path = "superteam/joinTeams"
	}
	type entry struct {
		TID text `json:"tid"`
	}
	var out struct {
		Count  *number     `json:"count"`
		Infos  list[entry] `json:"infos"`
		TInfos list[entry] `json:"tinfos"`
	}
	there := func() bool { return out.Infos != nil || out.TInfos != nil || out.Count != nil && *out.Count == 0 }
	if err := c.call(ctx, path, url.Values{"accid": {accid}}, &out, there); err != nil {
		return nil, err
	}
	var tids []string
	for _, e := range append(out.Infos, out.TInfos...) {
		tids = append(tids, string(e.TID))
	}
	return tids, nil
}

// team reads a team with its members, the owner first.
func (c *client) team(ctx context.Context, tid string) (*sourceTeam, []sourceMember, error) {
	var out struct {
		Info struct {
			sourceTeam
			Owner   sourceMember       `json:"owner"`
			Admins  list[sourceMember] `json:"admins"`
			Members list[sourceMember] `json:"members"`
		} `json:"tinfo"`
	}
	if err := c.call(ctx, "team/queryDetail", url.Values{"tid": {tid}}, &out, func() bool { return out.Info.Owner.Accid != "" }); err != nil {
		return nil, nil, err
	}
	in := &out.Info
	in.Owner.Type = 1
	members := []sourceMember{in.Owner}
	for _, m := range in.Admins {
		m.Type = 2
		members = append(members, m)
	}
	for _, m := range in.Members {
		m.Type = 0
		members = append(members, m)
	}
	in.Creator = in.Owner.Accid
	return &in.sourceTeam, members, nil
}

// superTeam reads a super team with its members.
func (c *client) superTeam(ctx context.Context, tid string) (*sourceTeam, []sourceMember, error) {
	var info struct {
		Infos list[sourceTeam] `json:"tinfos"`
	}
	if err := c.call(ctx, "superteam/getTinfos", url.Values{"tids": {"[" + tid + "]"}}, &info, func() bool { return info.Infos != nil }); err != nil {
		return nil, nil, err
	}
	if len(info.Infos) == 0 {
		return nil, nil, &apiError{"superteam/getTinfos", 803, "no such team"}
	}
	var members []sourceMember
	seen := map[text]bool{}
	for since := number(0); ; {
		var page struct {
			Members list[sourceMember] `json:"tlists"`
		}
		form := url.Values{"tid": {tid}, "timetag": {strconv.FormatInt(int64(since), 10)}, "limit": {strconv.Itoa(pageSize)}, "reverse": {"1"}}
		if err := c.call(ctx, "superteam/getTlists", form, &page, func() bool { return page.Members != nil }); err != nil {
			return nil, nil, err
		}
		fresh := 0
		for _, m := range page.Members {
			if since = max(since, m.Joined); !seen[m.Accid] {
				seen[m.Accid] = true
				fresh++
				if m.Valid == nil || *m.Valid != 0 {
					members = append(members, m)
				}
			}
		}
		if fresh == 0 || len(page.Members) < pageSize-1 {
			return &info.Infos[0], members, nil
		}
	}
}

// historyPage asks for the next messages of a conversation as one account sees
// it, oldest first.
type historyPage struct {
	conv    im.ConvKey
	tid     string // of the source, for teams
	view    string
	fromMs  int64
	untilMs int64
	exclude string // message of fromMs that is known
}

func (c *client) history(ctx context.Context, p historyPage) ([]sourceMsg, error) {
	form := url.Values{"begintime": {strconv.FormatInt(p.fromMs, 10)}, "endtime": {strconv.FormatInt(p.untilMs, 10)},
		"limit": {strconv.Itoa(pageSize)}, "reverse": {"1"}}
	if p.exclude != "" {
		form.Set("excludeMsgid", p.exclude)
	}
	path := "history/querySessionMsg"
	switch p.conv.Scene() {
	case im.SceneP2P:
		form.Set("from", p.view)
		form.Set("to", p.conv.Peer(p.view))
	case im.SceneTeam:
		path = "history/queryTeamMsg"
	case im.SceneSuperTeam:
		path = "superteam/queryHistoryMsg"
	}
	if p.tid != "" {
		form.Set("tid", p.tid)
		form.Set("accid", p.view)
	}
	var out struct {
		Size *number         `json:"size"`
		Msgs list[sourceMsg] `json:"msgs"`
	}
	there := func() bool { return out.Msgs != nil || out.Size != nil && *out.Size == 0 }
	if err := c.call(ctx, path, form, &out, there); err != nil {
		return nil, err
	}
	return out.Msgs, nil
}
