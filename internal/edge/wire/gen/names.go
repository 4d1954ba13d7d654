package main

import (
	"fmt"
	"strings"
)

// products are the tables and, with the suffix "wire", the packages.
var products = []string{"nim", "qchat", "chatroom"}

// preferredNames win over the other names of the same tag: they are the names
// of the newest SDK version (docs/protocol/nim-core.md section 7).
// avatar shares its tag with a field only old builds looked for
// (docs/protocol/qchat.md section 15, 24-92).
var preferredNames = []string{"pushContent", "hostEnv", "fileExpireSec", "avatar"}

// renamedFields unite field sets that differ in nothing but a name: the same
// name card calls tag 5 signature in 3-7 and sign in 12-6.
var renamedFields = map[string]string{
	"nim/syncFriendUsers/sign": "signature",
}

// optionalScalars are positional scalars that may be missing and for which
// missing differs from zero. They become a wire.Value.
// kicked: docs/protocol/nim-core.md section 3.6; chatroom: chatroom.md section
// 2.1 lists the request parameters the SDK leaves out.
var optionalScalars = map[string]bool{
	"nim/kicked/res/ext":                                true,
	"nim/kicked/res/customClientType":                   true,
	"chatroom/beKickedFromChatroom/res/ext":             true,
	"chatroom/chatroomSetMemberTempMute/req/needNotify": true,
	"chatroom/chatroomQueueOffer/req/account":           true,
	"chatroom/chatroomQueueChange/req/notifyExtension":  true,
	"chatroom/chatroomUpdateMyRoomRole/req/needSave":    true,
	"chatroom/markChatroomMember/req/level":             true,
	"chatroom/markChatroomMember/req/ext":               true,
	"chatroom/updateChatroom/req/ext":                   true,
	"nim/addTeamMembers/req/attach":                     true,
}

// clientOnly are commands without request parameters that a client sends all
// the same; the table does not tell them from pushes.
var clientOnly = map[string]bool{
	"heartbeat": true, "logout": true, "getServerTime": true, "getNosCdnHost": true,
	"qchatExit": true, "chatroomExit": true, "getChatroom": true,
	"chatroomQueueList": true, "chatroomQueuePeak": true, "chatroomQueueDrop": true,
}

// serverOnly are pushes whose table row lists request parameters.
var serverOnly = map[string]bool{"syncFriendRequest": true}

// bothWays are requests that also arrive unasked during the sync.
var bothWays = map[string]bool{"syncRelations": true}

func (c *command) fromClient() bool {
	return !serverOnly[c.name] && (len(c.Request) > 0 || clientOnly[c.name])
}

func (c *command) fromServer() bool { return !c.fromClient() || bothWays[c.name] }

// typeNames gives good names to Property types whose parameter name says
// nothing ("tag", "data") or collides. The key is the first use in the table.
var typeNames = map[string]string{
	"nim/login/req/login":                                                 "LoginParams",
	"nim/login/res/loginRes":                                              "LoginResult",
	"nim/login/res/loginPorts":                                            "LoginPort",
	"nim/getUsersNameCardFromServer/res/users":                            "User",
	"nim/syncRelations/res/list":                                          "Relation",
	"nim/syncOfflineMsgs/res/msgs":                                        "Msg",
	"nim/syncOfflineSysMsgs/res/sysMsgs":                                  "SysMsg",
	"nim/syncMsgReceipts/res/msgReceipts":                                 "MsgReceipt",
	"nim/syncBroadcastMsg/res/msgs":                                       "BroadcastMsg",
	"nim/syncDeleteSelfMsgs/res/deletedMsgs":                              "DeletedMsg",
	"nim/nimSyncStickTopSessions/res/datas":                               "StickTopSession",
	"nim/syncClearServerHistoryMsgs/res/datas":                            "ClearedHistory",
	"nim/syncSessionReliableInfo/res/context":                             "ReliableContext",
	"nim/syncSessionReliableInfo/res/datas":                               "SessionReliableInfo",
	"nim/sync/req/sync":                                                   "SyncParams",
	"nim/getGrayscaleConfig/req/config":                                   "GrayConfigParams",
	"nim/getMixStoreToken/req/mixStoreTokenReqTag":                        "MixStoreTokenParams",
	"nim/getMixStoreToken/res/mixStoreTokenResTag":                        "MixStoreToken",
	"nim/getFileAuthToken/req/mixStoreAuthTokenReqTag":                    "MixStoreAuthTokenParams",
	"nim/getFileAuthToken/res/mixStoreAuthTokenResTag":                    "MixStoreAuthToken",
	"nim/notifyDetect/res/data":                                           "Detect",
	"nim/recallMsg/req/recallMsgTag":                                      "RecallParams",
	"nim/clearHistoryMsgsFromServer/req/clearHistoryMsgsFromServerReqTag": "ClearHistoryParams",
	"nim/nimQueryCloudSessionList/req/tag":                                "CloudSessionPage",
	"nim/nimQueryCloudSessionList/res/sessions":                           "CloudSession",
	"nim/markMultSessionsAck/req/datas":                                   "SessionAck",
	"nim/nimFtsCloudMsgLogsAggWithSession/req/tag":                        "FtsParams",
	"nim/createTeam/req/team":                                             "Team",
	"nim/getTeamMembers/res/teamMembers":                                  "TeamMember",
	"nim/sendTeamMsgReceipt/req/teamMsgReceipts":                          "TeamMsgReceipt",
	"nim/updateFriend/req/updateFriendTag":                                "UpdateFriendParams",
	"nim/getFriends/res/friends":                                          "Friend",
	"nim/publishEvent/req/msgEvent":                                       "MsgEvent",
	"nim/subscribeEvent/req/msgEventSubscribe":                            "MsgEventSubscribe",
	"nim/signalingCreate/req/tag":                                         "Signaling",
	"nim/updateMySuperTeamMemberInfo/req/teamMember":                      "SuperTeamMember",
	"nim/nimSyncSessionsWithMoreRoaming/res/datas":                        "MoreRoamingSession",
	"nim/requestProxy/req/requestProxyTag":                                "ProxyExchange",
	"nim/getThreadMsgs/req/threadMsgReq":                                  "ThreadMsgParams",
	"nim/getQChatAddress/req/getQChatAddressTag":                          "QChatAddressParams",

	"qchat/getNosAccessToken/req/tag":                                                                      "NosAccessToken",
	"qchat/getGrayscaleConfig/req/config":                                                                  "EmptyParams",
	"qchat/getMixStoreToken/req/mixStoreTokenReqTag":                                                       "MixStoreTokenParams",
	"qchat/getMixStoreToken/res/mixStoreTokenResTag":                                                       "MixStoreToken",
	"qchat/getFileAuthToken/req/mixStoreAuthTokenReqTag":                                                   "MixStoreAuthTokenParams",
	"qchat/getFileAuthToken/res/mixStoreAuthTokenResTag":                                                   "MixStoreAuthToken",
	"qchat/qchatLogin/req/qchatLoginReqTag":                                                                "Login",
	"qchat/qchatBeKicked/res/beKickedTag":                                                                  "BeKicked",
	"qchat/qchatSendMsg/req/qchatMsg":                                                                      "Msg",
	"qchat/qchatSendCustomSysMsg/req/sysMsg":                                                               "SysMsg",
	"qchat/qchatSubscribe/req/qchatSubReqTag":                                                              "SubscribeParams",
	"qchat/qchatSubscribe/req/channels":                                                                    "ChannelRef",
	"qchat/qchatSubscribe/res/unreadInfos":                                                                 "UnreadInfo",
	"qchat/qchatGetHistoryMsg/req/getHistoryMsgTag":                                                        "HistoryParams",
	"qchat/qchatMarkMessageRead/req/markMsgReadTag":                                                        "MarkMsgReadParams",
	"qchat/qchatSync/req/qchatSyncTag":                                                                     "SyncParams",
	"qchat/qchatUpdateSystemNotification/req/qchatMsgUpdateTag":                                            "MsgUpdate",
	"qchat/qchatCreateServer/req/serverInfo":                                                               "ServerInfo",
	"qchat/qchatCreateServer/req/antispamTag":                                                              "Antispam",
	"qchat/qchatGetServersByPage/req/tag":                                                                  "ServersPageParams",
	"qchat/qchatGetServersByPage/res/listQueryTag":                                                         "ListPage",
	"qchat/qchatInviteServerMembers/req/params":                                                            "InviteParams",
	"qchat/qchatInviteServerMembers/res/record":                                                            "InviteRecord",
	"qchat/qchatAcceptServerInvite/req/recordInfo":                                                         "RequestRef",
	"qchat/qchatUpdateMyMemberInfo/req/memberInfo":                                                         "MemberInfo",
	"qchat/qchatUpdateServerMemberInfo/req/memberInfo":                                                     "UpdateMemberParams",
	"qchat/qchatGetServerMembersByPage/req/tag":                                                            "ServerPageParams",
	"qchat/qchatCreateChannel/req/channelInfo":                                                             "ChannelInfo",
	"qchat/qchatUpdateChannel/req/channelInfo":                                                             "UpdateChannelParams",
	"qchat/qchatGetMembersByPage/req/qchatGetMembersByPageTag":                                             "ChannelPageParams",
	"qchat/qchatUpdateWhiteBlackRole/req/qchatUpdateWhiteBlackRoleTag":                                     "UpdateWhiteBlackRoleParams",
	"qchat/qchatGetWhiteBlackRolesPage/req/qchatGetWhiteBlackRolesPageTag":                                 "WhiteBlackPageParams",
	"qchat/qchatGetWhiteBlackRolesPage/res/datas":                                                          "WhiteBlackRole",
	"qchat/qchatUpdateWhiteBlackMembers/req/qchatUpdateWhiteBlackMembersTag":                               "UpdateWhiteBlackMembersParams",
	"qchat/qchatGetExistingWhiteBlackRoles/req/qchatGetExistingWhiteBlackRolesTag":                         "ExistingWhiteBlackRolesParams",
	"qchat/qchatGetExistingWhiteBlackMembers/req/qchatGetExistingWhiteBlackMembersTag":                     "ExistingWhiteBlackMembersParams",
	"qchat/qchatCreateServerRole/req/serverRole":                                                           "ServerRole",
	"qchat/qchatUpdateServerRole/req/updateServerRoleTag":                                                  "UpdateServerRoleParams",
	"qchat/qchatGetServerRoles/req/getServerRolesTag":                                                      "ServerRolesParams",
	"qchat/qchatUpdateChannelRole/req/updateChannelRoleTag":                                                "UpdateChannelRoleParams",
	"qchat/qchatAddMemberRole/req/memberRole":                                                              "MemberRole",
	"qchat/qchatUpdateMemberRole/req/updateMemberRoleTag":                                                  "UpdateMemberRoleParams",
	"qchat/qchatAddMembersToServerRole/res/accids":                                                         "RoleMembersResult",
	"qchat/qchatGetMembersFromServerRole/req/getMembersFromServerRoleTag":                                  "ServerRoleMembersParams",
	"qchat/qchatGetMembersFromServerRole/res/members":                                                      "ServerRoleMember",
	"qchat/qchatGetServerRolesByAccid/req/getServerRolesByAccidTag":                                        "ServerRolesByAccidParams",
	"qchat/qchatUpdateServerRolePriorities/req/serverRoles":                                                "ServerRolePriority",
	"qchat/qchatCheckPermission/req/checkPermissionTag":                                                    "CheckPermissionParams",
	"qchat/qchatAddChannelCategoryRole/req/qchatAddChannelCategoryRoleTag":                                 "ChannelCategoryRole",
	"qchat/qchatGetChannelCategoryRole/req/qchatGetChannelCategoryRoleTag":                                 "CategoryPageParams",
	"qchat/qchatAddChannelCategoryMemberRole/req/qchatAddChannelCategoryMemberRoleTag":                     "ChannelCategoryMemberRole",
	"qchat/qchatServerSearchByPage/req/tag":                                                                "ServerSearchParams",
	"qchat/qchatServerSearchByPage/res/listQueryTag":                                                       "CursorPage",
	"qchat/qchatServerMemberSearchByPage/req/tag":                                                          "ServerMemberSearchParams",
	"qchat/qchatServerMemberSearchByPage/res/members":                                                      "ServerMemberFound",
	"qchat/qchatGetChannelSearchByPage/req/qchatGetChannelSearchByPageTag":                                 "ChannelSearchParams",
	"qchat/qchatMessageSearchByPage/req/qchatMessageSearchByPageTag":                                       "MessageSearchParams",
	"qchat/qchatChannelMemberSearch/req/qchatChannelMemberSearchTag":                                       "ChannelMemberSearchParams",
	"qchat/qchatChannelMemberSearch/res/datas":                                                             "ChannelMemberFound",
	"qchat/qchatGetMessageHistoryByIds/req/messageReferList":                                               "MessageRefer",
	"qchat/qchatGetThreadMessages/req/getThreadHistoryMsgTag":                                              "ThreadHistoryParams",
	"qchat/qchatUpdateQuickComment/req/tag":                                                                "QuickCommentParams",
	"qchat/qchatGetQuickComments/req/tag":                                                                  "QuickCommentsParams",
	"qchat/qchatGetQuickComments/res/quickCommentResponse":                                                 "QuickComments",
	"qchat/qchatUpdateServerMemberBan/req/tag":                                                             "MemberBanParams",
	"qchat/qchatGetBannedMembersByPage/res/datas":                                                          "BannedMember",
	"qchat/qchatGetThreadRootMessagesMeta/req/qchatMsgs":                                                   "ThreadRootRef",
	"qchat/qchatGetThreadRootMessagesMeta/res/metas":                                                       "ThreadRootMeta",
	"qchat/qchatCreateChannelCategory/req/qchatCreateChannelCategoryTag":                                   "ChannelCategory",
	"qchat/qchatUpdateChannelCategoryWhiteBlackRole/req/qchatUpdateChannelCategoryWhiteBlackRoleTag":       "UpdateCategoryWhiteBlackRoleParams",
	"qchat/qchatGetChannelCategoryWhiteBlackRolesPage/req/qchatGetChannelCategoryWhiteBlackRolesPageTag":   "CategoryWhiteBlackPageParams",
	"qchat/qchatUpdateChannelCategoryWhiteBlackMembers/req/qchatUpdateChannelCategoryWhiteBlackMembersTag": "UpdateCategoryWhiteBlackMembersParams",
	"qchat/qchatGetChannelCategoryWhiteBlackRoles/req/qchatGetChannelCategoryWhiteBlackRolesTag":           "CategoryWhiteBlackRolesParams",
	"qchat/qchatGetChannelCategoryWhiteBlackMembers/req/qchatGetChannelCategoryWhiteBlackMembersTag":       "CategoryWhiteBlackMembersParams",
	"qchat/qchatGetLastMessageOfChannels/req/tag":                                                          "LastMessagesParams",
	"qchat/qchatGenerateInviteCode/req/tag":                                                                "InviteCodeParams",
	"qchat/qchatGenerateInviteCode/res/data":                                                               "InviteCode",
	"qchat/qchatJoinByInviteCode/req/tag":                                                                  "JoinByInviteCodeParams",
	"qchat/qchatGetInviteApplyRecordOfServer/req/tag":                                                      "ServerInviteApplyParams",
	"qchat/qchatGetInviteApplyRecordOfServer/res/data":                                                     "InviteApplyRecord",
	"qchat/qchatGetInviteApplyRecordOfSelf/req/tag":                                                        "SelfInviteApplyParams",
	"qchat/qchatCheckPermissions/req/checkPermissionsTag":                                                  "CheckPermissionsParams",
	"qchat/qchatCheckPermissions/res/checkPermissionsResult":                                               "PermissionResult",
	"qchat/qchatGetMentionedMeMessages/req/tag":                                                            "MentionedMeParams",
	"qchat/qchatGetNeroomToken/req/qchatGetNeroomTokenTag":                                                 "NeroomTokenParams",
	"qchat/qchatUpdateRTCChannelConfig/req/RTCChannelConfig":                                               "UpdateRTCChannelConfigParams",
	"qchat/qchatClearServersUnread/res/clearServersUnreadTag":                                              "ClearedServersUnread",
	"qchat/qchatGetRoleIdsByServerId/req/qchatGetRoleIdsByServerIdTag":                                     "RoleIdsParams",
	"qchat/qchatGetRoleIdsByServerId/res/serverRoles":                                                      "ServerRoleIds",
	"qchat/qchatEnterAsVisitor/req/tag":                                                                    "VisitorParams",
	"qchat/qchatAutoSubscribe/res/qchatAutoSubInfo":                                                        "AutoSubInfo",

	"chatroom/getNosAccessToken/req/tag":                                "NosAccessToken",
	"chatroom/getGrayscaleConfig/req/config":                            "GrayConfigParams",
	"chatroom/getMixStoreToken/req/mixStoreTokenReqTag":                 "MixStoreTokenParams",
	"chatroom/getMixStoreToken/res/mixStoreTokenResTag":                 "MixStoreToken",
	"chatroom/getFileAuthToken/req/mixStoreAuthTokenReqTag":             "MixStoreAuthTokenParams",
	"chatroom/getFileAuthToken/res/mixStoreAuthTokenResTag":             "MixStoreAuthToken",
	"chatroom/chatroomLogin/req/chatroomLogin":                          "RoomLogin",
	"chatroom/chatroomLogin/req/chatroomIMLogin":                        "IMLogin",
	"chatroom/chatroomLogin/res/chatroom":                               "Room",
	"chatroom/chatroomLogin/res/chatroomMember":                         "Member",
	"chatroom/chatroomLogin/res/chatroomCdnInfo":                        "CdnInfo",
	"chatroom/sendChatroomMsg/req/chatroomMsg":                          "Msg",
	"chatroom/chatroomSetMembersTempMuteByTag/req/chatroomTagMuteReq":   "TagMuteParams",
	"chatroom/chatroomQueryMembersByTag/req/chatroomTagMemberReq":       "TagMembersParams",
	"chatroom/getHistoryMsgsByTags/req/chatRoomTagHistoryMsgRequestTag": "TagHistoryParams",
	"chatroom/updateChatroomTag/res/updateTags":                         "UpdateTags",
}

// propType is one generated Property type.
type propType struct {
	name    string
	fields  []field
	service string   // service of the first use: decides the file
	uses    []string // "login request", for the comment
}

// assignTypes gives every Property parameter its type, one per field set.
func assignTypes(t *table) ([]*propType, error) {
	taken := map[string]string{}
	for _, c := range t.commands {
		taken[exported(c.name)] = "command " + c.name
	}
	bySig := map[string]*propType{}
	var list []*propType
	for _, c := range t.commands {
		for _, side := range []struct {
			key, word string
			params    []*param
		}{{"req", "request", c.Request}, {"res", "response", c.Response}} {
			for _, p := range side.params {
				if !p.isProperty() {
					continue
				}
				sig := p.signature()
				pt := bySig[sig]
				if pt == nil {
					name := typeNames[t.product+"/"+c.name+"/"+side.key+"/"+p.Name]
					if name == "" {
						name = strings.TrimSuffix(exported(p.Name), "Tag")
					}
					if used, ok := taken[name]; ok {
						return nil, fmt.Errorf("%s: type %s of %s.%s is already the %s", t.product, name, c.name, p.Name, used)
					}
					taken[name] = "type of " + c.name
					pt = &propType{name: name, fields: p.fields, service: c.Service}
					bySig[sig] = pt
					list = append(list, pt)
				}
				pt.uses = append(pt.uses, c.name+" "+side.word)
				p.typ = pt
			}
		}
	}
	return list, nil
}
