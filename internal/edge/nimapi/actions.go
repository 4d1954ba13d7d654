package nimapi

// Why endpoints are not served. The texts reach callers as `desc` of code 514.
const (
	noMembers = "members of chat rooms are not managed on this server"
	noRobots  = "chat rooms have no robots on this server"
	noQueues  = "chat rooms have no queues on this server"
	noTags    = "tags of chat rooms are not available on this server"
	noTargets = "messages to some of a chat room, or to several, are not available on this server"
	noDelay   = "chat rooms do not close by themselves on this server"
	noRanking = "there are no statistics of chat rooms on this server"
)

// actions returns the rows of all signed endpoints, in the order of
// docs/api/server-v1.json.
func (a *API) actions() []action {
	return []action{
		{"user/create.action", form(a.userCreate)},
		{"user/update.action", form(a.userUpdate)},
		{"user/refreshToken.action", form(a.userRefreshToken)},
		{"user/block.action", form(a.userBlock)},
		{"user/unblock.action", form(a.userUnblock)},
		{"user/mute.action", form(a.userMute)},
		{"user/muteModule.action", form(a.userMuteModule)},
		{"user/muteAv.action", form(a.userMuteAv)},
		{"user/setDonnop.action", form(a.userSetDonnop)},
		{"user/userOnlineStatus.action", form(a.userOnlineStatus)},

		{"user/getUinfos.action", form(a.userGetUinfos)},
		{"user/updateUinfo.action", form(a.userUpdateUinfo)},

		{"friend/add.action", form(a.friendAdd)},
		{"friend/update.action", form(a.friendUpdate)},
		{"friend/delete.action", form(a.friendDelete)},
		{"friend/get.action", form(a.friendGet)},
		{"friend/getByAccid.action", form(a.friendGetByAccid)},

		{"user/setSpecialRelation.action", form(a.setSpecialRelation)},
		{"user/listBlackAndMuteList.action", form(a.listRelations)},

		{"msg/sendMsg.action", form(a.sendMsg)},
		{"msg/sendBatchMsg.action", form(a.sendBatchMsg)},
		{"msg/markReadMsg.action", form(a.markReadMsg)},
		{"msg/markReadTeamMsg.action", form(a.markReadTeam)},
		{"msg/recall.action", form(a.msgRecall)},
		{"msg/delMsg.action", form(a.msgDelMsg)},
		{"msg/delMsgOneWay.action", form(a.msgDelMsgOneWay)},
		{"msg/delRoamSession.action", form(a.delRoamSession)},
		{"msg/broadcastMsg.action", form(a.broadcast)},
		{"history/delBroadcastMsgById.action", form(a.delBroadcast)},

		{"msg/sendAttachMsg.action", form(a.sendAttachMsg)},
		{"msg/sendBatchAttachMsg.action", form(a.sendBatchAttachMsg)},

		{"history/querySessionMsg.action", form(a.querySessionMsg)},
		{"history/queryTeamMsg.action", form(a.queryTeamMsg)},
		{"history/queryChatroomMsg.action", form(a.roomHistory)},
		{"chatroom/deleteHistoryMessage.action", form(a.roomDelete)},
		{"history/querySessionList.action", form(a.querySessionList)},
		{"history/queryBroadcastMsgById.action", form(a.queryBroadcast)},
		{"history/queryBroadcastMsg.action", form(a.queryBroadcasts)},
		{"history/queryUserEvents.action", form(a.queryUserEvents)},

		{"msg/upload.action", a.upload("base64")},
		{"msg/fileUpload.action", a.upload("file")},

		{"job/nos/del.action", form(a.nosDel)},

		{"team/create.action", form(a.teamCreate)},
		{"team/add.action", form(a.teamAdd)},
		{"team/kick.action", form(a.teamKick)},
		{"team/remove.action", form(a.teamRemove)},
		{"team/update.action", form(a.teamUpdateInfo)},
		{"team/query.action", form(a.teamQuery)},
		{"team/queryDetail.action", form(a.teamQueryDetail)},
		{"team/getMarkReadInfo.action", form(a.teamReadInfo)},
		{"team/changeOwner.action", form(a.teamChangeOwner)},
		{"team/addManager.action", form(a.teamAddManager)},
		{"team/removeManager.action", form(a.teamRemoveManager)},
		{"team/joinTeams.action", form(a.teamJoined)},
		{"team/updateTeamNick.action", form(a.teamUpdateNick)},
		{"team/muteTeam.action", form(a.teamMute)},
		{"team/muteTlist.action", form(a.teamMuteMember)},
		{"team/muteTlistAll.action", form(a.teamMuteAll)},
		{"team/leave.action", form(a.teamLeave)},
		{"team/listTeamMute.action", form(a.teamMuted)},
		{"team/listMemberInfo.action", form(a.teamMemberships)},
		{"team/listOnlineUsers.action", form(a.teamOnline)},
		{"team/listOnlineUserCount.action", form(a.teamOnlineCount)},

		{"superteam/create.action", form(a.superTeamCreate)},
		{"superteam/dismiss.action", form(a.superTeamDismiss)},
		{"superteam/invite.action", form(a.superTeamInvite)},
		{"superteam/kick.action", form(a.superTeamKick)},
		{"superteam/leave.action", form(a.superTeamLeave)},
		{"superteam/updateTinfo.action", form(a.superTeamUpdate)},
		{"superteam/updateTlist.action", form(a.superTeamUpdateOwn)},
		{"superteam/updateTeamNick.action", form(a.superTeamUpdateNick)},
		{"superteam/getTinfos.action", form(a.superTeamQuery)},
		{"superteam/joinTeams.action", form(a.superTeamsJoined)},
		{"superteam/getTlists.action", form(a.superTeamMembers)},
		{"superteam/getMuteTlists.action", form(a.superTeamMuted)},
		{"superteam/changeOwner.action", form(a.superTeamChangeOwner)},
		{"superteam/addManager.action", form(a.superTeamAddManager)},
		{"superteam/removeManager.action", form(a.superTeamRemoveManager)},
		{"superteam/mute.action", form(a.superTeamMute)},
		{"superteam/muteTlist.action", form(a.superTeamMuteMembers)},
		{"superteam/changeLevel.action", form(a.superTeamChangeLevel)},
		{"superteam/sendMsg.action", form(a.superTeamSend)},
		{"superteam/sendAttachMsg.action", form(a.superTeamSendAttach)},
		{"superteam/recallMsg.action", form(a.superTeamRecall)},
		{"superteam/queryHistoryMsg.action", form(a.superTeamHistory)},
		{"superteam/queryHistoryMsgByIds.action", form(a.superTeamByID)},

		{"chatroom/create.action", form(a.roomCreate)},
		{"chatroom/get.action", form(a.roomGet)},
		{"chatroom/getBatch.action", form(a.roomGetBatch)},
		{"chatroom/update.action", form(a.roomUpdate)},
		{"chatroom/toggleCloseStat.action", form(a.roomToggle)},
		{"chatroom/updateDelayClosePolicy.action", unsupported(noDelay)},
		{"chatroom/queryUserRoomIds.action", unsupported(noMembers)},
		{"chatroom/updateInOutNotification.action", unsupported(noMembers)},
		{"chatroom/requestAddr.action", form(a.roomAddr)},
		{"chatroom/kickMember.action", unsupported(noMembers)},
		{"chatroom/setMemberRole.action", unsupported(noMembers)},
		{"chatroom/updateMyRoomRole.action", unsupported(noMembers)},
		{"chatroom/membersByPage.action", unsupported(noMembers)},
		{"chatroom/queryMembersByRole.action", unsupported(noMembers)},
		{"chatroom/queryMembers.action", unsupported(noMembers)},
		{"chatroom/addRobot.action", unsupported(noRobots)},
		{"chatroom/removeRobot.action", unsupported(noRobots)},
		{"chatroom/cleanRobot.action", unsupported(noRobots)},
		{"chatroom/temporaryMute.action", unsupported(noMembers)},
		{"chatroom/muteRoom.action", unsupported(noMembers)},
		{"stats/chatroom/topn.action", unsupported(noRanking)},

		{"chatroom/tagTemporaryMute.action", unsupported(noTags)},
		{"chatroom/tagMembersCount.action", unsupported(noTags)},
		{"chatroom/tagMembersQuery.action", unsupported(noTags)},
		{"history/queryTagHistoryMsg.action", unsupported(noTags)},
		{"chatroom/queryTagHistoryMsg.action", unsupported(noTags)},
		{"chatroom/updateChatRoomRoleTag.action", unsupported(noTags)},

		{"chatroom/sendMsg.action", form(a.roomSend)},
		{"chatroom/sendMsgToSomeone.action", unsupported(noTargets)},
		{"chatroom/batchSendMsg.action", unsupported(noTargets)},
		{"chatroom/batchSendMsgToSomeone.action", unsupported(noTargets)},
		{"chatroom/broadcast.action", unsupported(noTargets)},
		{"chatroom/recall.action", form(a.roomRecall)},

		{"chatroom/queueInit.action", unsupported(noQueues)},
		{"chatroom/queueOffer.action", unsupported(noQueues)},
		{"chatroom/queueBatchOffer.action", unsupported(noQueues)},
		{"chatroom/queueBatchUpdateElements.action", unsupported(noQueues)},
		{"chatroom/queueList.action", unsupported(noQueues)},
		{"chatroom/queuePoll.action", unsupported(noQueues)},
		{"chatroom/queueMultiGet.action", unsupported(noQueues)},
		{"chatroom/queueDrop.action", unsupported(noQueues)},

		{"event/subscribe/add.action", form(a.eventSubscribe)},
		{"event/subscribe/delete.action", form(a.eventUnsubscribe)},
		{"event/subscribe/batchdel.action", form(a.eventUnsubscribeAll)},
		{"event/subscribe/query.action", form(a.eventQuery)},

		{"signal/createRoom.action", form(a.createRoom)},
		{"signal/delayRoom.action", form(a.delayRoom)},
		{"signal/getRoomInfo.action", form(a.roomInfo)},
		{"signal/closeRoom.action", form(a.closeRoom)},
		{"signal/invite.action", form(a.signalInvite)},
		{"signal/cancelInvite.action", form(a.signalCancelInvite)},
		{"signal/kick.action", form(a.signalKick)},
		{"signal/ctrlRoom.action", form(a.ctrlRoom)},

		{"translator/textMsg.action", form(a.translateText)},
	}
}
