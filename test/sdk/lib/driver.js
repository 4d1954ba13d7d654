// Runs next to an unmodified SDK bundle: in a vm context (mini-app and uni-app builds) or in a page (browser builds).
// Everything crosses the border as JSON text, so that the same test bodies drive both kinds of client and no object of
// one realm is ever compared with an object of another.
(function (root) {
  // Every event name of the published typings (IMEventInterface). The SDK's emitter has no catch-all listener.
  const EVENTS = [
    'logined', 'multiPortLogin', 'kicked', 'willReconnect', 'disconnect', 'msg', 'broadcastMsgs', 'deleteSelfMsgs',
    'clearServerHistoryMsgs', 'proxyMsg', 'syncRoamingMsgs', 'syncOfflineMsgs', 'syncMyNameCard', 'syncdone', 'sessions',
    'multiSyncUpdateCloudSession', 'relations', 'updateMyNameCard', 'updateBlackList', 'updateMuteList', 'sysMsg',
    'syncSysMsgs', 'syncFriend', 'friends', 'users', 'updateSystemMessages', 'pushEvents', 'teamMsgReceipts', 'msgReceipts',
    'updateSession', 'teams', 'createTeam', 'updateTeamMember', 'updateTeam', 'addTeamMembers', 'updateTeamManagers',
    'transferTeam', 'removeTeamMembers', 'dismissTeam', 'updateTeamMembersMute', 'superTeams', 'createSuperTeam',
    'updateSuperTeam', 'addSuperTeamMembers', 'removeSuperTeamMembers', 'updateSuperTeamManagers', 'transferSuperTeam',
    'myTeamMembers', 'updateSuperTeamMembersMute', 'updateSuperTeamMember', 'dismissSuperTeam', 'mySuperTeamMembers',
    'multiSpotLogin', 'message', 'messageUpdate', 'systemNotification', 'unreadInfo', // QChat
    'chatroomMsg', 'tagsUpdate', // Chatroom
    'updateUserInfo', 'signalingNotify', 'signalingMembersSync', 'signalingUnreadMessageSync', 'signalingMultiClientSync',
  ];

  const SIGNALING_EVENTS = [
    'signalingClose', 'signalingJoin', 'signalingInvite', 'signalingCancelInvite', 'signalingReject', 'signalingAccept',
    'signalingLeave', 'signalingCustomCommand', 'singalingSyncChannels',
  ];

  const instances = [];
  let current = null;

  function encode(value) {
    const text = JSON.stringify(value);
    return text === undefined ? 'null' : text;
  }

  // Functions are accepted as {"$fn": "source"}; options such as unreadCountFilterFn need them.
  function decode(text) {
    return JSON.parse(text, (_, v) => (v && typeof v === 'object' && typeof v.$fn === 'string' ? (0, eval)('(' + v.$fn + ')') : v));
  }

  function describe(e) {
    if (e === null || typeof e !== 'object') return { message: String(e) };
    const out = { name: e.name, message: e.message, code: e.code, cmd: e.cmd, msg: e.msg, timetag: e.timetag, data: e.data };
    // A command sent before login rejects with {cmd, error: {code, message}}.
    if (e.error) Object.assign(out, { code: e.error.code, message: e.error.message });
    return out;
  }

  function adopt(nim) {
    current = nim;
    let index = instances.indexOf(nim);
    if (index < 0) {
      index = instances.push(nim) - 1;
      for (const name of EVENTS) nim.on(name, (...args) => root.__sdkEmit(name, index, encode(args)));
      // The signaling service (0.15.0 and later) is an emitter of its own.
      if (nim.signaling && nim.signaling.on) {
        for (const name of SIGNALING_EVENTS) nim.signaling.on(name, (...args) => root.__sdkEmit(name, index, encode(args)));
      }
    }
    return index;
  }

  const commands = {
    create: (options, other) => adopt(new (root.NIM || root.QChat || root.Chatroom)(options, other)),
    getInstance: (options, other) => adopt(root.NIM.getInstance(options, other)),
    use: (index) => { current = instances[index]; },
    get: (path) => path.split('.').reduce((o, k) => (o === undefined || o === null ? undefined : o[k]), current),
    call: (path, args) => {
      const keys = path.split('.');
      const method = keys.pop();
      const owner = keys.reduce((o, k) => o[k], current);
      return owner[method](...args);
    },
  };

  root.__sdkRun = async function (command, text) {
    try {
      return encode({ ok: true, value: await commands[command](...decode(text)) });
    } catch (e) {
      return encode({ ok: false, error: describe(e) });
    }
  };
})(globalThis);
