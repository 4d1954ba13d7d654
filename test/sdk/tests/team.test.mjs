// Teams: their whole life, messages in them, offline and roaming, receipts.
import assert from 'node:assert/strict';
import { suite } from '../lib/suite.mjs';
import { useServer } from '../lib/server.mjs';
import { eventually, NODE_KINDS } from '../lib/clients.mjs';

const server = useServer();
const scenario = suite(() => server.apps[0]);
const text = (client, to, body, extra) => client.call('msg.sendTextMsg', { scene: 'team', to, body, ...extra });
const flat = (client, name) => client.seen(name).flatMap((e) => e.args[0].msgs);
const code = (n) => (e) => e.code === n;

// An owner and members that are in at once.
async function crowd(ctx, names, options = {}) {
  const accounts = await Promise.all(names.map((n) => ctx.account(n, { name: n.toUpperCase() })));
  const clients = [];
  for (const [i, a] of accounts.entries()) clients.push(await ctx.login(a, i % 2 ? { kind: ctx.otherKind } : {}));
  const team = await clients[0].call('team.createTeam', {
    type: 'advanced', name: 'crew', accounts: accounts.slice(1).map((a) => a.accid), beInviteMode: 'noVerify', ...options,
  });
  await Promise.all(clients.map((c) => c.event('msg', (m) => m.to === team.teamId && m.type === 'notification')));
  return { accounts, clients, team, teamId: team.teamId };
}

scenario('a team is made: everybody is told and has it', {
  proves: ['nim/cmd/createTeam', 'nim/cmd/getTeamInfo', 'nim/cmd/getTeams', 'nim/cmd/getTeamMembers', 'nim/cmd/getTeamsById', 'nim/event/addTeamMembers'],
}, async (ctx) => {
  const { accounts: [a, b, c], clients: [alice, bob, carol], team, teamId } = await crowd(ctx, ['alice', 'bob', 'carol'], { intro: 'hello', ext: '{"x":1}' });
  assert.equal(team.name, 'crew');
  assert.equal(team.owner, a.accid);
  assert.equal(team.memberNum, 3);
  assert.equal(team.valid, true);
  for (const client of [alice, bob, carol]) {
    const e = await client.event('addTeamMembers');
    assert.equal(e.team.teamId, teamId);
    assert.deepEqual(e.accounts?.slice().sort() ?? e.teamMembers.map((m) => m.account).sort(), [b.accid, c.accid].sort());
  }
  const info = await bob.call('team.getTeamInfo', { teamId });
  assert.equal(info.intro, 'hello');
  assert.equal(info.ext, '{"x":1}');
  assert.equal(info.validToCurrentUser, true);
  assert.deepEqual((await carol.call('team.getTeams')).map((t) => t.teamId), [teamId]);
  const members = await carol.call('team.getTeamMembers', { teamId });
  assert.deepEqual(Object.fromEntries(members.map((m) => [m.account, m.type])), { [a.accid]: 'owner', [b.accid]: 'normal', [c.accid]: 'normal' });
  const some = await bob.call('team.getTeamsById', { teamIds: [teamId, '12345'] });
  assert.deepEqual(some.teams.map((t) => t.teamId), [teamId]);
  assert.deepEqual(some.tids.map(String), ['12345']);
});

scenario('invitations: accepted, refused, with a greeting', {
  proves: ['nim/cmd/addTeamMembers', 'nim/cmd/acceptTeamInvite', 'nim/cmd/rejectTeamInvite', 'nim/cmd/getTeamMemberInvitorAccid', 'nim/event/sysMsg'],
}, async (ctx) => {
  const { clients: [alice], accounts: [a], teamId } = await crowd(ctx, ['alice', 'bob'], { beInviteMode: 'noVerify' });
  await alice.call('team.updateTeamInfo', { teamId, beInviteMode: 'needVerify' });
  const [c, d] = await Promise.all(['carol', 'dave'].map((n) => ctx.account(n)));
  const [carol, dave] = [await ctx.login(c), await ctx.login(d, { kind: ctx.otherKind })];
  await alice.call('team.addTeamMembers', { teamId, accounts: [c.accid, d.accid], ps: 'join us', ext: 'extra' });
  const invitation = await carol.event('sysMsg', (s) => s.type === 'teamInvite');
  assert.equal(invitation.from, a.accid);
  assert.equal(invitation.to, teamId);
  assert.equal(invitation.content ?? invitation.ps, 'join us');
  assert.equal(invitation.attach.team.name, 'crew');
  assert.equal(invitation.attach.ext, 'extra');
  await dave.event('sysMsg', (s) => s.type === 'teamInvite');
  const since = alice.mark();
  await carol.call('team.acceptTeamInvite', { teamId, from: a.accid });
  const joined = await alice.event('addTeamMembers', () => true, { since });
  assert.equal(joined.team.memberNum, 3);
  await dave.call('team.rejectTeamInvite', { teamId, from: a.accid, ps: 'no time' });
  const refusal = await alice.event('sysMsg', (s) => s.type === 'rejectTeamInvite');
  assert.equal(refusal.from, d.accid);
  assert.equal(refusal.content ?? refusal.ps, 'no time');
  const by = await carol.call('team.getTeamMemberInvitorAccid', { teamId, accounts: [c.accid] });
  assert.deepEqual(by, { [c.accid]: a.accid });
  await assert.rejects(dave.call('team.acceptTeamInvite', { teamId, from: a.accid }), code(509));
  await assert.rejects(carol.call('team.acceptTeamInvite', { teamId, from: a.accid }), code(809));
});

scenario('applications: passed, refused, not needed, never', {
  kinds: NODE_KINDS,
  proves: ['nim/cmd/applyTeam', 'nim/cmd/passTeamApply', 'nim/cmd/rejectTeamApply'],
}, async (ctx) => {
  const { clients: [alice, bob], accounts: [a], teamId } = await crowd(ctx, ['alice', 'bob'], { joinMode: 'needVerify' });
  const [c, d] = await Promise.all(['carol', 'dave'].map((n) => ctx.account(n)));
  const [carol, dave] = [await ctx.login(c), await ctx.login(d, { kind: ctx.otherKind })];
  const team = await carol.call('team.applyTeam', { teamId, ps: 'please' });
  assert.equal(team.teamId, teamId);
  const application = await alice.event('sysMsg', (s) => s.type === 'applyTeam');
  assert.equal(application.from, c.accid);
  assert.equal(application.content ?? application.ps, 'please');
  await alice.call('team.rejectTeamApply', { teamId, from: c.accid, ps: 'not now' });
  const refusal = await carol.event('sysMsg', (s) => s.type === 'rejectTeamApply');
  assert.equal(refusal.from, a.accid);
  await assert.rejects(alice.call('team.passTeamApply', { teamId, from: c.accid }), code(509));
  await carol.call('team.applyTeam', { teamId, ps: 'again' });
  await assert.rejects(bob.call('team.passTeamApply', { teamId, from: c.accid }), code(802));
  const since = bob.mark();
  await alice.call('team.passTeamApply', { teamId, from: c.accid });
  await bob.event('addTeamMembers', () => true, { since });
  await carol.event('addTeamMembers');
  await assert.rejects(carol.call('team.applyTeam', { teamId }), code(809));
  await alice.call('team.updateTeamInfo', { teamId, joinMode: 'rejectAll' });
  await assert.rejects(dave.call('team.applyTeam', { teamId }), code(802));
  await alice.call('team.updateTeamInfo', { teamId, joinMode: 'noVerify' });
  await dave.call('team.applyTeam', { teamId });
  await dave.event('addTeamMembers');
  assert.equal((await dave.call('team.getTeamMembers', { teamId })).length, 4);
});

scenario('removal, leaving and the end', {
  kinds: NODE_KINDS,
  proves: ['nim/cmd/removeTeamMembers', 'nim/cmd/leaveTeam', 'nim/cmd/dismissTeam', 'nim/event/removeTeamMembers', 'nim/event/dismissTeam'],
}, async (ctx) => {
  const { clients: [alice, bob, carol, dave], accounts: [, b, c], teamId } = await crowd(ctx, ['alice', 'bob', 'carol', 'dave']);
  await assert.rejects(bob.call('team.removeTeamMembers', { teamId, accounts: [c.accid] }), code(802));
  await alice.call('team.removeTeamMembers', { teamId, accounts: [b.accid] });
  for (const client of [alice, bob, carol, dave]) {
    const e = await client.event('removeTeamMembers');
    assert.deepEqual(e.accounts, [b.accid]);
  }
  await assert.rejects(text(bob, teamId, 'I am out'), code(804));
  const heard = bob.mark();
  await text(alice, teamId, 'bob is gone');
  await carol.event('msg', (m) => m.body === 'bob is gone');
  await carol.call('team.leaveTeam', { teamId });
  await alice.event('removeTeamMembers', (e) => e.accounts.includes(c.accid));
  await carol.event('removeTeamMembers', (e) => e.accounts.includes(c.accid));
  await assert.rejects(alice.call('team.leaveTeam', { teamId }), code(802));
  await assert.rejects(dave.call('team.dismissTeam', { teamId }), code(802));
  await alice.call('team.dismissTeam', { teamId });
  await Promise.all([alice, dave].map((client) => client.event('dismissTeam')));
  await assert.rejects(text(dave, teamId, 'anybody'), code(803));
  assert.deepEqual(await dave.call('team.getTeams'), []);
  assert.equal(bob.seen('msg', (m) => m.to === teamId, heard).length, 0);
  assert.equal(carol.seen('dismissTeam').length, 0);
});

scenario('managers, transfer and rank', {
  kinds: NODE_KINDS,
  proves: ['nim/cmd/addTeamManagers', 'nim/cmd/removeTeamManagers', 'nim/cmd/transferTeam', 'nim/event/updateTeamManagers', 'nim/event/transferTeam'],
}, async (ctx) => {
  const { clients: [alice, bob, carol], accounts: [a, b, c], teamId } = await crowd(ctx, ['alice', 'bob', 'carol']);
  await alice.call('team.addTeamManagers', { teamId, accounts: [b.accid] });
  const up = await carol.event('updateTeamManagers');
  assert.equal(up.isManager, true);
  assert.deepEqual(up.accounts, [b.accid]);
  await assert.rejects(bob.call('team.addTeamManagers', { teamId, accounts: [c.accid] }), code(802));
  await assert.rejects(bob.call('team.removeTeamMembers', { teamId, accounts: [a.accid] }), code(802));
  await alice.call('team.removeTeamManagers', { teamId, accounts: [b.accid] });
  await carol.event('updateTeamManagers', (e) => e.isManager === false);
  await alice.call('team.transferTeam', { teamId, account: c.accid, leave: true });
  const e = await bob.event('transferTeam');
  assert.equal(e.team.owner, c.accid);
  await bob.event('removeTeamMembers', (x) => x.accounts.includes(a.accid));
  const members = await bob.call('team.getTeamMembers', { teamId });
  assert.deepEqual(Object.fromEntries(members.map((m) => [m.account, m.type])), { [b.accid]: 'normal', [c.accid]: 'owner' });
});

scenario('info, own data and nicks', {
  kinds: NODE_KINDS,
  proves: ['nim/cmd/updateTeamInfo', 'nim/cmd/updateMyMemberInfo', 'nim/cmd/updateNickInTeam', 'nim/cmd/syncUpdateTeamMember', 'nim/cmd/syncCreateTeam', 'nim/event/createTeam', 'nim/event/updateTeam', 'nim/event/updateTeamMember', 'nim/event/myTeamMembers'],
}, async (ctx) => {
  const { clients: [alice, bob], accounts: [a, b], teamId } = await crowd(ctx, ['alice', 'bob']);
  const desk = await ctx.login(a, { kind: ctx.otherKind });
  await assert.rejects(bob.call('team.updateTeamInfo', { teamId, name: 'mutiny' }), code(802));
  await alice.call('team.updateTeamInfo', { teamId, name: 'ship', announcement: 'sail', updateTeamMode: 'all' });
  const changed = await bob.event('updateTeam');
  assert.equal(changed.team?.name ?? changed.name, 'ship');
  await bob.call('team.updateTeamInfo', { teamId, name: 'bobs' });
  assert.equal((await alice.call('team.getTeamInfo', { teamId })).name, 'bobs');
  await bob.call('team.updateMyMemberInfo', { teamId, nickInTeam: 'bosun', bitConfigMask: 1, ext: 'mine' });
  const seen = await desk.event('updateTeamMember', (m) => (m.account ?? m.teamMember?.account) === b.accid);
  assert.equal(seen.nickInTeam ?? seen.teamMember?.nickInTeam, 'bosun');
  await alice.call('team.updateMemberNick', { teamId, account: b.accid, nickInTeam: 'cook' });
  await eventually(async () => (await bob.call('team.getTeamMembers', { teamId })).some((m) => m.account === b.accid && m.nickInTeam === 'cook' && m.ext === 'mine'));
  const other = await alice.call('team.createTeam', { type: 'normal', name: 'chat', accounts: [b.accid] });
  const [made, owner] = await desk.event('createTeam').then(() => desk.seen('createTeam')[0].args);
  assert.deepEqual([made.teamId, made.name, made.type, owner.account, owner.type], [other.teamId, 'chat', 'normal', a.accid, 'owner']);
  assert.equal(alice.seen('createTeam').length, 0, 'not on the device that made it');
  const [own] = await bob.event('myTeamMembers', (l) => l[0].nickInTeam === 'cook');
  assert.deepEqual([own.teamId, own.account], [teamId, b.accid]);
});

scenario('silence: one member, then everybody', {
  kinds: NODE_KINDS,
  proves: ['nim/cmd/muteTeamMember', 'nim/cmd/getMutedTeamMembers', 'nim/cmd/muteTeam', 'nim/event/updateTeamMembersMute'],
}, async (ctx) => {
  const { clients: [alice, bob, carol], accounts: [, b], teamId } = await crowd(ctx, ['alice', 'bob', 'carol']);
  await alice.call('team.muteTeamMember', { teamId, account: b.accid, mute: true });
  const e = await carol.event('updateTeamMembersMute');
  assert.equal(e.mute, true);
  await assert.rejects(text(bob, teamId, 'mm'), code(423));
  assert.deepEqual((await carol.call('team.getMutedTeamMembers', { teamId })).map((m) => m.account), [b.accid]);
  await alice.call('team.muteTeamMember', { teamId, account: b.accid, mute: false });
  await text(bob, teamId, 'free');
  await alice.call('team.muteTeam', { teamId, mute: true });
  await carol.event('updateTeam');
  await assert.rejects(text(bob, teamId, 'again'), code(812));
  await text(alice, teamId, 'owner may');
  await alice.call('team.muteTeam', { teamId, mute: false });
  await text(bob, teamId, 'free again');
});

scenario('messages: to everybody, to own devices, in history', {
  proves: ['nim/cmd/sendTeamMsg', 'nim/cmd/getHistoryTeamMsgs', 'nim/event/msg'],
}, async (ctx) => {
  const { clients: [alice, bob, carol], accounts: [a], teamId } = await crowd(ctx, ['alice', 'bob', 'carol']);
  const desk = await ctx.login(a, { kind: ctx.otherKind });
  const sent = await text(alice, teamId, 'ahoy');
  assert.ok(sent.idServer);
  for (const client of [bob, carol]) {
    const m = await client.event('msg', (x) => x.idServer === sent.idServer);
    assert.equal(m.scene, 'team');
    assert.equal(m.from, a.accid);
    assert.equal(m.to, teamId);
    assert.equal(m.fromNick, 'ALICE');
    assert.equal(m.flow, 'in');
    assert.equal(m.sessionId, `team-${teamId}`);
  }
  const copy = await desk.event('msg', (x) => x.idServer === sent.idServer);
  assert.equal(copy.flow, 'out');
  const back = await text(bob, teamId, 'aye');
  await alice.event('msg', (x) => x.idServer === back.idServer);
  const history = await carol.call('msgLog.getHistoryMsgs', { scene: 'team', to: teamId, limit: 2 });
  assert.deepEqual(history.map((m) => m.idServer).sort(), [sent.idServer, back.idServer].sort());
  const stranger = await ctx.login(await ctx.account('mallory'));
  await assert.rejects(stranger.call('msgLog.getHistoryMsgs', { scene: 'team', to: teamId }), code(804));
  await assert.rejects(text(stranger, teamId, 'hi'), code(804));
  await assert.rejects(text(alice, '99999', 'hi'), code(803));
  assert.equal(alice.seen('msg', (x) => x.idServer === sent.idServer).length, 0);
});

scenario('offline, then roaming; a removed member gets the removal and nothing after', {
  kinds: NODE_KINDS,
  proves: ['nim/cmd/syncOfflineMsgs', 'nim/cmd/syncRoamingMsgs', 'nim/cmd/syncTeams', 'nim/cmd/syncMyTeamMembers', 'nim/event/teams'],
}, async (ctx) => {
  const { clients: [alice, bob, carol], accounts: [, b, c], teamId } = await crowd(ctx, ['alice', 'bob', 'carol']);
  await new Promise((r) => setTimeout(r, 300)); // acknowledgements have no answer
  await Promise.all([bob.kill(), carol.kill()]);
  const one = await text(alice, teamId, 'one');
  await alice.call('team.removeTeamMembers', { teamId, accounts: [c.accid] });
  const two = await text(alice, teamId, 'two');
  const bob2 = await ctx.login(b);
  const got = flat(bob2, 'syncOfflineMsgs');
  const texts = got.filter((m) => m.type === 'text').map((m) => m.idServer);
  assert.deepEqual(texts.sort(), [one.idServer, two.idServer]);
  const list = await bob2.event('teams');
  assert.equal(list[0].teamId, teamId);
  const carol2 = await ctx.login(c);
  const late = flat(carol2, 'syncOfflineMsgs');
  assert.deepEqual(late.filter((m) => m.type === 'text').map((m) => m.idServer), [one.idServer]);
  assert.equal(late.filter((m) => m.type === 'notification').length, 1);
  assert.equal(carol2.seen('teams').length, 0);
  await eventually(async () => {
    const tablet = await ctx.login(b, { kind: ctx.otherKind });
    return flat(tablet, 'syncRoamingMsgs').some((m) => m.idServer === two.idServer);
  }, { what: 'roaming after the acknowledgement' });
});

scenario('read receipts', {
  kinds: NODE_KINDS,
  proves: ['nim/cmd/sendTeamMsgReceipt', 'nim/cmd/getTeamMsgReads', 'nim/cmd/getTeamMsgReadAccounts', 'nim/cmd/notifyTeamMsgReceipts', 'nim/event/teamMsgReceipts'],
}, async (ctx) => {
  const { clients: [alice, bob, carol], accounts: [, b, c], teamId } = await crowd(ctx, ['alice', 'bob', 'carol']);
  const sent = await text(alice, teamId, 'read me', { teamSpecializationInfo: { needACK: true } });
  const m = await bob.event('msg', (x) => x.idServer === sent.idServer);
  await bob.call('msg.sendTeamMsgReceipt', { teamMsgReceipts: [{ teamId, idClient: m.idClient, idServer: m.idServer }] });
  const [receipt] = await alice.event('teamMsgReceipts');
  assert.equal(receipt.idServer, sent.idServer);
  assert.equal(Number(receipt.read), 1);
  assert.equal(Number(receipt.unread), 1);
  const reads = await alice.call('msg.getTeamMsgReads', { teamMsgReceipts: [{ teamId, idClient: m.idClient, idServer: m.idServer }] });
  assert.equal(Number(reads[0].read), 1);
  const who = await carol.call('msg.getTeamMsgReadAccounts', { teamMsgReceipt: { teamId, idClient: m.idClient, idServer: m.idServer } });
  assert.deepEqual(who.readAccounts, [b.accid]);
  assert.deepEqual(who.unreadAccounts, [c.accid]);
});

scenario('recall in a team: by its sender, by a manager, while somebody is away', {
  kinds: NODE_KINDS,
  proves: ['nim/cmd/recallMsg', 'nim/cmd/onRecallMsg', 'nim/cmd/syncRecallMsgOfflineAndRoaming', 'nim/event/sysMsg', 'nim/event/syncSysMsgs'],
}, async (ctx) => {
  const { clients: [alice, bob, carol], accounts: [a, b, c], teamId } = await crowd(ctx, ['alice', 'bob', 'carol']);
  const desk = await ctx.login(a, { kind: ctx.otherKind });
  const own = await text(bob, teamId, 'mine');
  await alice.event('msg', (m) => m.idClient === own.idClient);
  await bob.call('msg.recallMsg', { msg: own, ps: 'sorry' });
  for (const client of [alice, carol, desk]) {
    const n = await client.event('sysMsg', (s) => s.type === 'recallMsgTeam');
    assert.deepEqual([n.from, n.to, n.recallMessageInfo.idClient, n.recallMessageInfo.createTime], [b.accid, teamId, own.idClient, own.time]);
  }
  const second = await text(bob, teamId, 'improper');
  const improper = await alice.event('msg', (m) => m.idClient === second.idClient);
  const kept = await text(alice, teamId, 'kept');
  await assert.rejects(bob.call('msg.recallMsg', { msg: { ...kept, scene: 'team' } }), code(403));
  await carol.close();
  await alice.call('msg.recallMsg', { msg: improper });
  const told = await bob.event('sysMsg', (s) => s.recallMessageInfo?.idClient === second.idClient);
  assert.equal(told.recallMessageInfo.opeAccount, a.accid, 'who recalled what another wrote');
  await desk.event('sysMsg', (s) => s.recallMessageInfo?.idClient === second.idClient);
  const back = await ctx.login(c);
  const notices = back.seen('syncSysMsgs').flatMap((e) => e.args[0]).filter((n) => n.recallMessageInfo.idClient === second.idClient);
  assert.deepEqual(notices.map((n) => [n.type, n.feature]), [['recallMsgTeam', 'leave']]);
  const history = await back.call('msgLog.getHistoryMsgs', { scene: 'team', to: teamId });
  assert.deepEqual(history.filter((m) => m.type === 'text').map((m) => m.idClient), [kept.idClient]);
  assert.ok(![...flat(back, 'syncOfflineMsgs'), ...flat(back, 'syncRoamingMsgs')].some((m) => m.idClient === second.idClient));
});

scenario('custom notifications to a team reach who is here', { kinds: NODE_KINDS, proves: ['nim/cmd/sendCustomSysMsg', 'nim/cmd/onSysMsg', 'nim/event/sysMsg'] }, async (ctx) => {
  const { clients: [alice, bob, carol], accounts: [a, , c], teamId } = await crowd(ctx, ['alice', 'bob', 'carol']);
  await carol.call('disconnect');
  const send = (client) => client.call('systemMessage.sendCustomSysMsg', { type: 'customTeam', to: teamId, attach: '{"typing":true}', setting: { needSaveOffline: true } });
  await send(alice);
  const n = await bob.event('sysMsg');
  assert.deepEqual([n.type, n.from, n.to, n.attach], ['customTeam', a.accid, teamId, { typing: true }]);
  assert.equal(alice.seen('sysMsg').length, 0);
  assert.equal((await ctx.login(c)).seen('syncSysMsgs').length, 0, 'never stored');
  await assert.rejects(send(await ctx.login(await ctx.account('mallory'))), code(804));
});

scenario('full-text search in teams', { kinds: NODE_KINDS, proves: ['nim/cmd/nimFtsCloudMsgLogs', 'nim/cmd/nimFtsCloudMsgLogsAggWithSession'] }, async (ctx) => {
  const { clients: [alice, bob, carol], accounts: [a, , c], teamId } = await crowd(ctx, ['alice', 'bob', 'carol']);
  const word = `needle${ctx.tag}`;
  const one = await text(bob, teamId, `first ${word}`);
  const direct = await bob.sendText(a, `between us ${word}`);
  await text(carol, teamId, 'hay');
  const two = await text(carol, teamId, `${word} 大海捞针`);
  const search = (client, query) => client.call('msgLog.ftsCloudMsgLogs', { keyword: word, ...query });
  const found = (msgs) => msgs.map((m) => m.idServer);
  await eventually(async () => (await search(alice)).length === 3, { what: 'the index' });
  assert.deepEqual(found(await search(alice)), found([two, direct, one]));
  assert.deepEqual(found(await search(alice, { teamSessionList: [teamId] })), found([two, one]));
  assert.deepEqual(found(await search(alice, { teamSessionList: [teamId], senderList: [c.accid] })), found([two]));
  assert.deepEqual(found(await search(alice, { keyword: '捞针' })), found([two]));
  const grouped = await alice.call('msgLog.ftsCloudMsgLogsAggWithSession', { keyword: word, msglogsLimit: 1 });
  assert.deepEqual(found(grouped), found([two, direct]));
  await text(alice, teamId, `later ${word}`);
  await alice.call('team.removeTeamMembers', { teamId, accounts: [c.accid] });
  await carol.event('removeTeamMembers');
  assert.deepEqual(await search(carol), [], 'not for who is no member any more');
  assert.equal(found(await search(bob, { p2pSessionList: [a.accid] })).length, 1);
});
