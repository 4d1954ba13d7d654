package nimapi

// Why endpoints are not served. The texts reach callers as `desc` of code 514.
const (
	noHistory     = "this history query is not available on this server"
	noFiles       = "uploads through the server API are not available on this server"
	noJobs        = "file jobs are not available on this server"
	noRooms       = "chat rooms are not available on this server"
	noTranslation = "no translation engine is attached to this server"
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
		{"history/queryChatroomMsg.action", unsupported(noHistory)},
		{"chatroom/deleteHistoryMessage.action", unsupported(noHistory)},
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

		{"chatroom/create.action", unsupported(noRooms)},
		{"chatroom/get.action", unsupported(noRooms)},
		{"chatroom/getBatch.action", unsupported(noRooms)},
		{"chatroom/update.action", unsupported(noRooms)},
		{"chatroom/toggleCloseStat.action", unsupported(noRooms)},
		{"chatroom/updateDelayClosePolicy.action", unsupported(noRooms)},
		{"chatroom/queryUserRoomIds.action", unsupported(noRooms)},
		{"chatroom/updateInOutNotification.action", unsupported(noRooms)},
		{"chatroom/requestAddr.action", unsupported(noRooms)},
		{"chatroom/kickMember.action", unsupported(noRooms)},
		{"chatroom/setMemberRole.action", unsupported(noRooms)},
		{"chatroom/updateMyRoomRole.action", unsupported(noRooms)},
		{"chatroom/membersByPage.action", unsupported(noRooms)},
		{"chatroom/queryMembersByRole.action", unsupported(noRooms)},
		{"chatroom/queryMembers.action", unsupported(noRooms)},
		{"chatroom/addRobot.action", unsupported(noRooms)},
		{"chatroom/removeRobot.action", unsupported(noRooms)},
		{"chatroom/cleanRobot.action", unsupported(noRooms)},
		{"chatroom/temporaryMute.action", unsupported(noRooms)},
		{"chatroom/muteRoom.action", unsupported(noRooms)},
		{"stats/chatroom/topn.action", unsupported(noRooms)},

		{"chatroom/tagTemporaryMute.action", unsupported(noRooms)},
		{"chatroom/tagMembersCount.action", unsupported(noRooms)},
		{"chatroom/tagMembersQuery.action", unsupported(noRooms)},
		{"history/queryTagHistoryMsg.action", unsupported(noRooms)},
		{"chatroom/queryTagHistoryMsg.action", unsupported(noRooms)},
		{"chatroom/updateChatRoomRoleTag.action", unsupported(noRooms)},

		{"chatroom/sendMsg.action", unsupported(noRooms)},
		{"chatroom/sendMsgToSomeone.action", unsupported(noRooms)},
		{"chatroom/batchSendMsg.action", unsupported(noRooms)},
		{"chatroom/batchSendMsgToSomeone.action", unsupported(noRooms)},
		{"chatroom/broadcast.action", unsupported(noRooms)},
		{"chatroom/recall.action", unsupported(noRooms)},

		{"chatroom/queueInit.action", unsupported(noRooms)},
		{"chatroom/queueOffer.action", unsupported(noRooms)},
		{"chatroom/queueBatchOffer.action", unsupported(noRooms)},
		{"chatroom/queueBatchUpdateElements.action", unsupported(noRooms)},
		{"chatroom/queueList.action", unsupported(noRooms)},
		{"chatroom/queuePoll.action", unsupported(noRooms)},
		{"chatroom/queueMultiGet.action", unsupported(noRooms)},
		{"chatroom/queueDrop.action", unsupported(noRooms)},

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

		{"translator/textMsg.action", unsupported(noTranslation)},
	}
}
