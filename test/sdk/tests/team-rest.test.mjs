// What the app's server does to teams, as their members see it.
import assert from 'node:assert/strict';
import { suite } from '../lib/suite.mjs';
import { useServer } from '../lib/server.mjs';

const server = useServer();
const scenario = suite(() => server.apps[0]);
const KINDS = ['mini-0.15.0', 'mini-0.17.2'];
const ok = (name, form) => server.apps[0].restOK(`${name}.action`, form);
const rest = (name, form) => server.apps[0].rest(`${name}.action`, form);
const code = (n) => (e) => e.code === n;

// Accounts that are logged in, every second one with the other SDK version, and a team of them.
async function crew(ctx, names, options = {}) {
  const made = await Promise.all(names.map((n) => ctx.account(n, { name: n.toUpperCase() })));
  const clients = await Promise.all(made.map((a, i) => ctx.login(a, i % 2 ? { kind: ctx.otherKind } : {})));
  const accounts = made.map((a) => a.accid);
  const [owner, ...members] = accounts;
  const { tid } = await ok('team/create', { owner, members, tname: 'crew', msg: '', magree: 0, joinmode: 0, custom: 's1', attach: 'why', ...options });
  assert.equal(typeof tid, 'string');
  return { accounts, clients, tid };
}

scenario('members, roles and data of a team change by REST', {
  kinds: KINDS,
  proves: [
    'create', 'update', 'addManager', 'removeManager', 'muteTlist', 'muteTlistAll', 'updateTeamNick', 'muteTeam', 'add', 'kick', 'leave', 'changeOwner', 'remove', 'query',
    'queryDetail', 'joinTeams', 'listTeamMute', 'listMemberInfo', 'listOnlineUsers', 'listOnlineUserCount',
  ].map((n) => `rest/team/${n}`).concat([
    'updateTeam', 'addTeamMembers', 'removeTeamMembers', 'updateTeamManagers', 'transferTeam', 'updateTeamMembersMute', 'updateTeamMember', 'dismissTeam', 'createTeam',
  ].map((n) => `nim/event/${n}`)),
}, async (ctx) => {
  const { accounts: [a, b, c], clients: [alice, bob, carol], tid } = await crew(ctx, ['alice', 'bob', 'carol']);
  const all = [alice, bob, carol];
  const told = (name, check, clients = all) => Promise.all(clients.map(async (x) => check(await x.event(name))));
  await told('addTeamMembers', (e) => assert.deepEqual([e.team.teamId, e.team.memberNum, e.team.serverExt, e.accounts.slice().sort()], [tid, 3, 's1', [b, c].sort()]));
  const note = await carol.event('msg', (m) => m.type === 'notification');
  assert.deepEqual([note.scene, note.from, note.to, note.attach.type, note.attach.custom], ['team', a, tid, 'addTeamMembers', 'why']);
  assert.equal((await alice.event('createTeam')).teamId, tid);

  await ok('team/update', { tid, owner: a, tname: 'crew II', intro: 'by REST', invitemode: 1 });
  await told('updateTeam', (t) => assert.deepEqual([t.teamId, t.name, t.intro, t.inviteMode, t.avatar], [tid, 'crew II', 'by REST', 'all', undefined]));
  await ok('team/addManager', { tid, owner: a, members: [b] });
  await told('updateTeamManagers', (e) => assert.deepEqual([e.accounts, e.isManager], [[b], true]));

  await ok('team/muteTlist', { tid, owner: b, accid: c, mute: 1 });
  await told('updateTeamMembersMute', (e) => assert.deepEqual([e.accounts, e.mute], [[c], true]));
  await assert.rejects(carol.call('msg.sendTextMsg', { scene: 'team', to: tid, body: 'muted' }), code(423));
  assert.deepEqual((await ok('team/listTeamMute', { tid, owner: b })).mutes.map((m) => [m.accid, m.tid, m.type]), [[c, Number(tid), 0]]);
  await ok('team/muteTlist', { tid, owner: b, accid: c, mute: 0 });
  await ok('team/muteTlistAll', { tid, owner: a, mute: true });
  const muted = await carol.event('updateTeam', (t) => t.muteType !== undefined);
  assert.deepEqual([muted.mute, muted.muteType], [true, 'normal']);
  await assert.rejects(carol.call('msg.sendTextMsg', { scene: 'team', to: tid, body: 'muted' }), code(812));
  await ok('team/muteTlistAll', { tid, owner: a, mute: false });

  await ok('team/updateTeamNick', { tid, owner: a, accid: c, nick: 'caz', custom: '{"x":1}' });
  await told('updateTeamMember', (m) => assert.deepEqual([m.teamId, m.account, m.nickInTeam, m.ext], [tid, c, 'caz', '{"x":1}']));
  await ok('team/muteTeam', { tid, accid: c, ope: 1 });
  await carol.event('updateTeamMember', (m) => m.bitConfigMask === 1);
  const [own] = (await ok('team/listMemberInfo', { accid: c })).data;
  assert.deepEqual([own.tid, own.nick, own.mute, own.pushEnable], [Number(tid), 'caz', false, false]);

  const d = (await ctx.account('dave')).accid;
  await ok('team/add', { tid, owner: c, members: [d], magree: 0, msg: '' }); // invitemode is "all"
  await Promise.all(all.map((x) => x.event('addTeamMembers', (e) => e.accounts.includes(d) && e.team.memberNum === 4)));
  const online = (await ok('team/listOnlineUsers', { tid })).data;
  assert.deepEqual([online.count, Object.keys(online.status).sort(), online.status[a][0].clientType], [3, [a, b, c].sort(), 16]);
  assert.deepEqual((await ok('team/listOnlineUserCount', { tids: [tid] })).data, [{ tid: Number(tid), onlineUserCount: 3, offlineUserCount: 1 }]);
  const { tinfo } = await ok('team/queryDetail', { tid });
  assert.deepEqual([tinfo.owner.accid, tinfo.admins.map((m) => m.accid), tinfo.members.map((m) => m.accid)], [a, [b], [c, d]]);
  const seen = await bob.call('team.getTeamMembers', { teamId: tid });
  assert.equal(seen.find((m) => m.account === c).joinTime, tinfo.members[0].createtime);
  await ok('team/kick', { tid, owner: b, member: d });
  await told('removeTeamMembers', (e) => assert.deepEqual([e.team.teamId, e.accounts], [tid, [d]]));

  await ok('team/removeManager', { tid, owner: a, members: [b] });
  await Promise.all(all.map((x) => x.event('updateTeamManagers', (e) => e.isManager === false)));
  await ok('team/changeOwner', { tid, owner: a, newowner: b, leave: 2 });
  await told('transferTeam', (e) => assert.equal(e.team.owner, b));
  await ok('team/leave', { tid, accid: c });
  await Promise.all(all.map((x) => x.event('removeTeamMembers', (e) => e.accounts.includes(c))));
  assert.deepEqual(await ok('team/joinTeams', { accid: c }), { code: 200, count: 0, infos: [] });
  const [info] = (await ok('team/query', { tids: [tid], ope: 1 })).tinfos;
  assert.deepEqual([info.tid, info.tname, info.owner, info.admins, info.members, info.size, info.custom], [Number(tid), 'crew II', b, [], [a], 2, 's1']);

  await ok('team/remove', { tid, owner: b });
  await told('dismissTeam', (e) => assert.equal(e.teamId, tid), [alice, bob]);
  assert.equal(carol.seen('dismissTeam').length, 0, 'who has left hears nothing more');
  await assert.rejects(alice.call('team.getTeamInfo', { teamId: tid }), code(803));
  assert.equal((await rest('team/query', { tids: [tid], ope: 0 })).code, 803);
});

scenario('who must agree is asked, and joins when he does', {
  kinds: KINDS,
  proves: ['rest/team/create', 'rest/team/add', 'nim/cmd/acceptTeamInvite', 'nim/event/sysMsg', 'nim/event/addTeamMembers'],
}, async (ctx) => {
  const { accounts: [a, b], clients: [alice, bob], tid } = await crew(ctx, ['alice', 'bob'], { magree: 1, beinvitemode: 1, msg: 'come' });
  const asked = await bob.event('sysMsg', (s) => s.type === 'teamInvite');
  assert.deepEqual([asked.from, asked.to, asked.content, asked.attach.team.name], [a, tid, 'come', 'crew']);
  assert.deepEqual((await ok('team/queryDetail', { tid })).tinfo.members, []);
  await bob.call('team.acceptTeamInvite', { teamId: tid, from: a });
  await alice.event('addTeamMembers', (e) => e.team.memberNum === 2);
  assert.deepEqual((await ok('team/query', { tids: [tid], ope: 1 })).tinfos[0].members, [b]);
});

scenario('messages, receipts and recalls of a team by REST', {
  kinds: KINDS,
  proves: [
    'rest/msg/sendMsg', 'rest/msg/sendAttachMsg', 'rest/msg/recall', 'rest/msg/markReadTeamMsg', 'rest/team/getMarkReadInfo', 'rest/history/queryTeamMsg',
    'nim/event/msg', 'nim/event/sysMsg', 'nim/event/teamMsgReceipts',
  ],
}, async (ctx) => {
  const { accounts: [a, b], clients: [alice, bob], tid } = await crew(ctx, ['alice', 'bob']);
  const desk = await ctx.login({ accid: b, token: bob.account.token }, { kind: ctx.otherKind });
  const { data } = await ok('msg/sendMsg', { from: b, ope: 1, to: tid, type: 100, body: { a: 1 }, ext: 'e', markRead: 1 });
  for (const client of [alice, bob, desk]) {
    const m = await client.event('msg', (x) => x.idServer === String(data.msgid));
    assert.deepEqual([m.scene, m.from, m.to, m.type, m.ext, m.time, m.fromClientType], ['team', b, tid, 'custom', 'e', data.timetag, 'Server']);
    assert.deepEqual(m.attach, { a: 1 });
  }
  assert.deepEqual(await ok('msg/markReadTeamMsg', { accid: a, tid, msgids: [data.msgid, 12] }), { code: 200, data: { errMsgIds: [12] } });
  const [receipt] = await bob.event('teamMsgReceipts');
  assert.deepEqual([receipt.idServer, Number(receipt.read), Number(receipt.unread)], [String(data.msgid), 1, 0]);
  const { data: read } = await ok('team/getMarkReadInfo', { tid, msgid: data.msgid, fromAccid: b, snapshot: true });
  assert.deepEqual(read, { readSize: 1, unreadSize: 0, readAccids: [a], unreadAccids: [] });

  await ok('msg/sendAttachMsg', { from: a, msgtype: 1, to: tid, attach: '{"ping":1}', save: 1 });
  const note = await bob.event('sysMsg', (s) => s.type === 'customTeam');
  assert.deepEqual([note.from, note.to], [a, tid]);
  assert.equal(alice.seen('sysMsg', (s) => s.type === 'customTeam').length, 0);

  await ok('msg/recall', { deleteMsgid: data.msgid, timetag: data.timetag, type: 8, from: b, to: tid });
  for (const client of [alice, bob]) {
    const gone = await client.event('sysMsg', (s) => s.type === 'recallMsgTeam');
    assert.deepEqual([gone.from, gone.to, gone.recallMessageInfo.idServer], [b, tid, String(data.msgid)]);
  }
  const { data: kept } = await ok('msg/sendMsg', { from: a, ope: 1, to: tid, type: 0, body: { msg: 'kept' } });
  const mine = (await alice.call('msgLog.getHistoryMsgs', { scene: 'team', to: tid, limit: 100 })).map((m) => m.idServer);
  const theirs = (await ok('history/queryTeamMsg', { tid, accid: b, begintime: 0, endtime: 0, limit: 100 })).msgs.map((m) => String(m.msgid));
  assert.deepEqual(theirs.slice().sort(), mine.slice().sort());
  assert.ok(theirs.includes(String(kept.msgid)) && !theirs.includes(String(data.msgid)));
});

scenario('notifications that a team does not want', {
  kinds: KINDS,
  proves: ['rest/team/create', 'rest/team/update', 'rest/team/query', 'nim/cmd/getTeams', 'nim/event/msg'],
}, async (ctx) => {
  const [a, b] = await Promise.all(['alice', 'bob'].map(async (n) => (await ctx.account(n))));
  const bob = await ctx.login(b);
  const make = (options) => ok('team/create', { owner: a.accid, members: [b.accid], tname: 'quiet', msg: '', magree: 0, joinmode: 0, ...options });
  const { tid: unheard } = await make({ isNotifyCloseOnline: 1 });
  await ok('team/update', { tid: unheard, owner: a.accid, intro: 'unheard' });
  const { data } = await ok('msg/sendMsg', { from: a.accid, ope: 1, to: unheard, type: 0, body: { msg: 'heard' } });
  await bob.event('msg', (m) => m.idServer === String(data.msgid)); // at once, although what came before it is not delivered
  assert.equal(bob.seen('addTeamMembers').length + bob.seen('updateTeam').length + bob.seen('msg', (m) => m.type === 'notification').length, 0);
  const [team] = await bob.call('team.getTeams');
  assert.deepEqual([team.teamId, team.intro], [unheard, 'unheard']);
  const history = async (tid) => (await bob.call('msgLog.getHistoryMsgs', { scene: 'team', to: tid, limit: 100 })).filter((m) => m.type === 'notification').length;
  assert.equal(await history(unheard), 2);

  const { tid: unkept } = await make({ isNotifyClosePersistent: 1 });
  await bob.event('addTeamMembers', (e) => e.team.teamId === unkept);
  assert.equal(await history(unkept), 0);
  const { tinfos } = await ok('team/query', { tids: [unheard, unkept], ope: 0 });
  assert.deepEqual(tinfos.map((t) => [t.isNotifyCloseOnline, t.isNotifyClosePersistent]), [[true, false], [false, true]]);
});
