package nimapi

// answerField is a root field of a successful answer, next to `code`.
type answerField struct {
	name string
	of   any  // a value of the Go type it is made of, or alternatives
	some bool // only in some answers
}

// alternatives are types one of which a field has.
type alternatives []any

// answers describes the successful answers of all endpoints that are served, by
// their path below basePath without ending, for OpenAPI. A test compares the
// answers of all calls of the tests with it.
func answers() map[string][]answerField {
	const text, number = "", int64(0)
	one := func(name string, of any) []answerField { return []answerField{{name, of, false}} }
	var (
		nothing    []answerField
		leftOut    = []answerField{{"faccid", failedAccids{}, true}}
		unregister = answerField{"unregister", alternatives{text, []string{}}, false} // an array for the Go SDK
		page       = []answerField{{"size", 0, false}, {"msgs", []historyMsg{}, false}}
		channel    = one("data", room{})
		rooms      = alternatives{[]chatRoom{}, text} // texts are for the Go SDK
		roomIDs    = alternatives{[]int64{}, text}
		accids     = one("failedAccid", []string{})
	)
	return map[string][]answerField{
		"user/create":               one("info", createInfo{}),
		"user/update":               nothing,
		"user/refreshToken":         one("info", tokenInfo{}),
		"user/block":                nothing,
		"user/unblock":              nothing,
		"user/mute":                 nothing,
		"user/muteModule":           one("data", moduleMutes{}),
		"user/muteAv":               nothing,
		"user/setDonnop":            nothing,
		"user/userOnlineStatus":     one("data", onlineStatus{}),
		"user/getUinfos":            one("uinfos", []uinfo{}),
		"user/updateUinfo":          nothing,
		"user/setSpecialRelation":   nothing,
		"user/listBlackAndMuteList": {{"mutelist", []string{}, false}, {"blacklist", []string{}, false}},

		"friend/add":        nothing,
		"friend/update":     nothing,
		"friend/delete":     nothing,
		"friend/get":        {{"size", 0, false}, {"friends", []listedFriend{}, false}},
		"friend/getByAccid": {{"friend", oneFriend{}, true}},

		"msg/sendMsg":            one("data", sendData{}),
		"msg/sendBatchMsg":       {unregister, {"timetag", number, false}, {"msgids", map[string]int64{}, true}},
		"msg/markReadMsg":        one("data", markReadData{}),
		"msg/markReadTeamMsg":    one("data", markReadTeamData{}),
		"msg/recall":             nothing,
		"msg/delMsg":             nothing,
		"msg/delMsgOneWay":       nothing,
		"msg/delRoamSession":     nothing,
		"msg/broadcastMsg":       one("msg", broadcastMsg{}),
		"msg/sendAttachMsg":      nothing,
		"msg/sendBatchAttachMsg": {unregister},
		"msg/upload":             one("url", text),
		"msg/fileUpload":         one("url", text),
		"job/nos/del":            one("data", map[string]string{}),

		"history/delBroadcastMsgById":   nothing,
		"history/querySessionMsg":       page,
		"history/queryTeamMsg":          page,
		"history/querySessionList":      one("data", sessionListData{}),
		"history/queryBroadcastMsgById": one("msg", broadcastMsg{}),
		"history/queryBroadcastMsg":     one("msgs", []broadcastMsg{}),
		"history/queryUserEvents":       {{"size", 0, false}, {"events", []userEvent{}, false}},

		"team/create":              append(one("tid", text), leftOut...),
		"team/add":                 leftOut,
		"team/kick":                leftOut,
		"team/remove":              nothing,
		"team/update":              nothing,
		"team/query":               {{"tinfos", []queriedTeam{}, false}, {"invalidTids", []int64{}, true}},
		"team/queryDetail":         one("tinfo", detailedTeam{}),
		"team/getMarkReadInfo":     one("data", teamReadData{}),
		"team/changeOwner":         nothing,
		"team/addManager":          nothing,
		"team/removeManager":       nothing,
		"team/joinTeams":           {{"count", 0, false}, {"infos", []joinedTeam{}, false}},
		"team/updateTeamNick":      nothing,
		"team/muteTeam":            nothing,
		"team/muteTlist":           nothing,
		"team/muteTlistAll":        nothing,
		"team/leave":               nothing,
		"team/listTeamMute":        one("mutes", []mutedMember{}),
		"team/listMemberInfo":      one("data", []ownMembership{}),
		"team/listOnlineUsers":     one("data", onlineMembers{}),
		"team/listOnlineUserCount": one("data", []onlineCount{}),

		"superteam/create":               append(one("tid", number), leftOut...),
		"superteam/dismiss":              nothing,
		"superteam/invite":               leftOut,
		"superteam/kick":                 nothing,
		"superteam/leave":                nothing,
		"superteam/updateTinfo":          nothing,
		"superteam/updateTlist":          nothing,
		"superteam/updateTeamNick":       nothing,
		"superteam/getTinfos":            one("tinfos", []superTeamInfo{}),
		"superteam/joinTeams":            one("tinfos", []superTeamInfo{}),
		"superteam/getTlists":            one("tlists", []superTeamMember{}),
		"superteam/getMuteTlists":        one("muteTlists", []mutedSuperTeamMember{}),
		"superteam/changeOwner":          nothing,
		"superteam/addManager":           nothing,
		"superteam/removeManager":        nothing,
		"superteam/mute":                 nothing,
		"superteam/muteTlist":            nothing,
		"superteam/changeLevel":          nothing,
		"superteam/sendMsg":              one("data", sendData{}),
		"superteam/sendAttachMsg":        nothing,
		"superteam/recallMsg":            nothing,
		"superteam/queryHistoryMsg":      {{"size", 0, false}, {"msgs", []superTeamMsg{}, false}},
		"superteam/queryHistoryMsgByIds": one("msgs", []superTeamMsg{}),

		"history/queryChatroomMsg":      {{"size", 0, false}, {"msgs", []roomMsg{}, false}},
		"chatroom/deleteHistoryMessage": nothing,
		"chatroom/create":               one("chatroom", chatRoom{}),
		"chatroom/get":                  one("chatroom", chatRoom{}),
		"chatroom/getBatch":             {{"noExistRooms", roomIDs, false}, {"succRooms", rooms, false}, {"failRooms", roomIDs, false}},
		"chatroom/update":               one("chatroom", chatRoom{}),
		"chatroom/toggleCloseStat":      one("desc", chatRoom{}),
		"chatroom/requestAddr":          one("addr", []string{}),
		"chatroom/sendMsg":              one("desc", alternatives{roomSent{}, text}),
		"chatroom/recall":               nothing,

		"event/subscribe/add":      accids,
		"event/subscribe/delete":   accids,
		"event/subscribe/batchdel": nothing,
		"event/subscribe/query":    one("subscribes", []subscribed{}),

		"signal/createRoom":   channel,
		"signal/delayRoom":    channel,
		"signal/getRoomInfo":  channel,
		"signal/closeRoom":    one("data", struct{}{}),
		"signal/invite":       one("data", struct{}{}),
		"signal/cancelInvite": one("data", struct{}{}),
		"signal/kick":         one("data", struct{}{}),
		"signal/ctrlRoom":     one("data", struct{}{}),
		"translator/textMsg":  one("data", translated{}),

		"health/liveness":       nothing,
		ownPath + "proxyNotify": accids,
	}
}
