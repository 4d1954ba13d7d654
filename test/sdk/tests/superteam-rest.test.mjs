// What the app's server does to super teams, as their members see it.
import assert from 'node:assert/strict';
import { suite } from '../lib/suite.mjs';
import { useServer } from '../lib/server.mjs';

const server = useServer();
const scenario = suite(() => server.apps[0]);
const KINDS = ['mini-0.15.0', 'mini-0.17.2'];
const ok = (name, form) => server.apps[0].restOK(`superteam/${name}.action`, form);
const rest = (name, form) => server.apps[0].rest(`superteam/${name}.action`, form);

// Accounts that are logged in, every second one with the other SDK version, and a super team of them.
async function legion(ctx, names) {
  const accounts = await Promise.all(names.map((n) => ctx.account(n, { name: n.toUpperCase() })));
  const clients = await Promise.all(accounts.map((a, i) => ctx.login(a, i % 2 ? { kind: ctx.otherKind } : {})));
  const [owner, ...others] = accounts.map((a) => a.accid);
  const { tid } = await ok('create', { owner, inviteAccids: others, tname: 'legion', msg: '', joinmode: 0, beinvitemode: 1, serverCustom: 's1' });
  const teamId = String(tid);
  await Promise.all(clients.map((c) => c.event('addSuperTeamMembers', (e) => e.team.teamId === teamId)));
  return { accounts: accounts.map((a) => a.accid), clients, tid, teamId };
}

scenario('members, roles and data of a super team change by REST', {
  kinds: KINDS,
  proves: [
    'create', 'updateTinfo', 'changeLevel', 'addManager', 'removeManager', 'muteTlist', 'updateTlist', 'updateTeamNick', 'invite', 'kick', 'leave', 'changeOwner',
    'dismiss', 'getTinfos', 'getTlists', 'joinTeams',
  ].map((n) => `rest/superteam/${n}`).concat([
    'updateSuperTeam', 'addSuperTeamMembers', 'removeSuperTeamMembers', 'updateSuperTeamManagers', 'transferSuperTeam', 'updateSuperTeamMembersMute',
    'updateSuperTeamMember', 'dismissSuperTeam', 'createSuperTeam',
  ].map((n) => `nim/event/${n}`)),
}, async (ctx) => {
  const { accounts: [a, b, c], clients: [alice, bob, carol], tid, teamId } = await legion(ctx, ['alice', 'bob', 'carol']);
  const all = [alice, bob, carol];
  assert.equal((await alice.event('createSuperTeam')).teamId, teamId);
  assert.equal(bob.seen('createSuperTeam').length, 0);
  const told = (name, check, clients = all) => Promise.all(clients.map(async (x) => check(await x.event(name))));

  await ok('updateTinfo', { tid, owner: a, tname: 'legion II', intro: 'by REST', invitemode: 1 });
  await told('updateSuperTeam', (t) => assert.deepEqual([t.teamId, t.name, t.intro, t.inviteMode, t.avatar], [teamId, 'legion II', 'by REST', 'all', undefined]));
  await ok('changeLevel', { tid, owner: a, tlevel: 2000 });
  await Promise.all(all.map((x) => x.event('updateSuperTeam', (t) => t.level === 2000)));

  await ok('addManager', { tid, owner: a, managerAccids: [b] });
  await told('updateSuperTeamManagers', (e) => assert.deepEqual([e.accounts, e.isManager], [[b], true]));
  await ok('muteTlist', { tid, owner: b, muteAccids: [c], mute: 1 });
  await told('updateSuperTeamMembersMute', (e) => assert.deepEqual([e.accounts, e.mute], [[c], true]));
  await assert.rejects(carol.call('msg.sendTextMsg', { scene: 'superTeam', to: teamId, body: 'muted' }), (e) => e.code === 423);
  await ok('muteTlist', { tid, owner: b, muteAccids: [c], mute: 0 });

  await ok('updateTeamNick', { tid, owner: b, accid: c, nick: 'caz' });
  await told('updateSuperTeamMember', (m) => assert.deepEqual([m.teamId, m.account, m.nickInTeam], [teamId, c, 'caz']));
  await ok('updateTlist', { tid, accid: c, custom: '{"x":1}', silentType: 1 });
  const own = await carol.event('updateSuperTeamMember', (m) => m.ext === '{"x":1}');
  assert.equal(own.bitConfigMask, 1);
  const others = await bob.event('updateSuperTeamMember', (m) => m.ext === '{"x":1}');
  assert.ok(!others.bitConfigMask, 'reminders are the member\'s own');

  const d = (await ctx.account('dave')).accid;
  await ok('invite', { tid, owner: c, inviteAccids: [d], msg: '' }); // invitemode is "all"
  await Promise.all(all.map((x) => x.event('addSuperTeamMembers', (e) => e.accounts.includes(d) && e.team.memberNum === 4)));
  const { tlists } = await ok('getTlists', { tid, timetag: 0, limit: 100 });
  assert.deepEqual(tlists.map((m) => [m.accid, m.type, m.invitor, m.nick]), [[a, 1, '', ''], [b, 2, a, ''], [c, 0, a, 'caz'], [d, 0, c, '']]);
  const seen = await bob.call('superTeam.getSuperTeamMembers', { teamId });
  assert.deepEqual(seen.map((m) => String(m.joinTime)), tlists.map((m) => m.jointime));
  await ok('kick', { tid, owner: b, kickAccids: [d] });
  await told('removeSuperTeamMembers', (e) => assert.deepEqual(e.accounts, [d]));

  await ok('removeManager', { tid, owner: a, managerAccids: [b] });
  await Promise.all(all.map((x) => x.event('updateSuperTeamManagers', (e) => e.isManager === false)));
  await ok('changeOwner', { tid, owner: a, accid: b, leave: 2 });
  await told('transferSuperTeam', (e) => assert.equal(e.team.owner, b));
  await ok('leave', { tid, accid: c });
  await Promise.all(all.map((x) => x.event('removeSuperTeamMembers', (e) => e.accounts.includes(c))));
  assert.deepEqual((await ok('joinTeams', { accid: c })).tinfos, []);
  const [info] = (await ok('getTinfos', { tids: [tid] })).tinfos;
  assert.deepEqual([info.tid, info.tname, info.creator, info.size, info.tlevel, info.serverCustom], [tid, 'legion II', b, 2, 2000, 's1']);

  await ok('dismiss', { tid, owner: b });
  await told('dismissSuperTeam', (e) => assert.equal(e.teamId, teamId), [alice, bob]);
  assert.equal(carol.seen('dismissSuperTeam').length, 0, 'who has left hears nothing more');
  await assert.rejects(alice.call('superTeam.getSuperTeamInfo', { teamId }), (e) => e.code === 803);
  assert.equal((await rest('getTinfos', { tids: [tid] })).code, 803);
});

scenario('messages, mutes and notifications of a super team by REST', {
  kinds: KINDS,
  proves: ['sendMsg', 'sendAttachMsg', 'recallMsg', 'mute', 'queryHistoryMsg', 'queryHistoryMsgByIds'].map((n) => `rest/superteam/${n}`)
    .concat(['nim/event/msg', 'nim/event/updateSuperTeam', 'nim/cmd/sendSuperTeamMsg', 'nim/event/sysMsg']),
}, async (ctx) => {
  const { accounts: [a, b], clients: [alice, bob], tid, teamId } = await legion(ctx, ['alice', 'bob']);
  const desk = await ctx.login({ accid: b, token: bob.account.token }, { kind: ctx.otherKind });
  const { data } = await ok('sendMsg', { tid, fromAccid: b, type: 100, body: { a: 1 }, ext: 'e', subType: 7 });
  for (const client of [alice, bob, desk]) {
    const m = await client.event('msg', (x) => x.idServer === String(data.msgid));
    assert.deepEqual([m.scene, m.from, m.to, m.type, m.ext, m.time, Number(m.subType), m.fromClientType], ['superTeam', b, teamId, 'custom', 'e', data.timetag, 7, 'Server']);
    assert.deepEqual(m.attach, { a: 1 });
  }
  assert.equal((await rest('sendMsg', { tid, fromAccid: `nobody_${ctx.tag}`, type: 0, body: { msg: 'x' } })).code, 414);

  await ok('mute', { tid, owner: a, muteType: 3 });
  const told = await bob.event('updateSuperTeam', (t) => t.muteType !== undefined);
  assert.deepEqual([told.mute, told.muteType], [true, 'all']);
  await assert.rejects(alice.call('msg.sendTextMsg', { scene: 'superTeam', to: teamId, body: 'no' }), (e) => e.code === 812);
  assert.equal((await rest('sendMsg', { tid, fromAccid: a, type: 0, body: { msg: 'no' }, isCheckMute: true })).code, 812);
  const { data: trusted } = await ok('sendMsg', { tid, fromAccid: a, type: 0, body: { msg: 'yes' } });
  await bob.event('msg', (x) => x.idServer === String(trusted.msgid));

  await ok('sendAttachMsg', { from: a, to: tid, attach: '{"ping":1}', save: 1 });
  const note = await bob.event('sysMsg', (s) => s.type === 'customSuperTeam');
  assert.deepEqual([note.from, note.to], [a, teamId]);
  assert.equal(alice.seen('sysMsg', (s) => s.type === 'customSuperTeam').length, 0);

  const asked = { msgid: data.msgid, from: b, to: tid, time: data.timetag };
  assert.equal((await ok('queryHistoryMsgByIds', { msgs: [asked] })).msgs.length, 1);
  await ok('recallMsg', { deleteMsgid: data.msgid, timetag: data.timetag, from: b, to: tid });
  for (const client of [alice, bob]) {
    const gone = await client.event('sysMsg', (s) => s.type === 'recallMsgSuperTeam');
    assert.deepEqual([gone.from, gone.to, gone.recallMessageInfo.idServer], [b, teamId, String(data.msgid)]);
  }
  assert.deepEqual((await ok('queryHistoryMsgByIds', { msgs: [asked] })).msgs, []);
  const mine = (await alice.call('msgLog.getHistoryMsgs', { scene: 'superTeam', to: teamId, limit: 100 })).map((m) => m.idServer);
  const theirs = (await ok('queryHistoryMsg', { tid, accid: b, begintime: 0, endtime: 0, limit: 100 })).msgs.map((m) => String(m.msgid));
  assert.deepEqual(theirs.slice().sort(), mine.slice().sort());
  assert.ok(theirs.includes(String(trusted.msgid)) && !theirs.includes(String(data.msgid)));
});
