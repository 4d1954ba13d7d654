// Messages of super teams: sending, history, roaming, recall, notifications, and what was read where.
import assert from 'node:assert/strict';
import { suite } from '../lib/suite.mjs';
import { useServer } from '../lib/server.mjs';
import { eventually, KINDS, NODE_KINDS } from '../lib/clients.mjs';
import { code, crowdOf, make } from '../lib/superteam.mjs';

const server = useServer();
const scenario = suite(() => server.apps[0]);
const crowd = crowdOf(() => server.apps[0]);
const say = (client, to, body, extra) => client.call('msg.sendTextMsg', { scene: 'superTeam', to, body, ...extra });
const past = (client, to, extra) => client.call('msgLog.getHistoryMsgs', { scene: 'superTeam', to, ...extra });
const flat = (client, name) => client.seen(name).flatMap((e) => e.args[0].msgs);

scenario('messages of a super team: to everybody, to own devices, in history', {
  kinds: KINDS,
  proves: ['nim/cmd/sendSuperTeamMsg', 'nim/cmd/onMsg', 'nim/cmd/getHistorySuperTeamMsgs', 'nim/event/msg'],
}, async (ctx) => {
  const { accounts: [a], clients: [alice, bob, carol], teamId } = await crowd(ctx, ['alice', 'bob', 'carol']);
  const desk = await ctx.login(a, { kind: ctx.otherKind });
  const sent = await say(alice, teamId, 'ave', { ext: '{"x":1}' });
  for (const client of [bob, carol]) {
    const m = await client.event('msg', (x) => x.idServer === sent.idServer);
    assert.deepEqual([m.scene, m.from, m.to, m.fromNick, m.flow, m.sessionId, m.ext], ['superTeam', a.accid, teamId, 'ALICE', 'in', `superTeam-${teamId}`, '{"x":1}']);
    assert.equal(m.time, sent.time);
  }
  assert.equal((await desk.event('msg', (x) => x.idServer === sent.idServer)).flow, 'out');
  const picture = await bob.call('msg.sendCustomMsg', { scene: 'superTeam', to: teamId, attach: '{"card":7}' });
  assert.deepEqual((await alice.event('msg', (x) => x.idServer === picture.idServer)).attach, { card: 7 });
  const third = await say(carol, teamId, 'vale');
  const all = await past(carol, teamId, { reverse: true });
  assert.deepEqual(all.filter((m) => m.type !== 'notification').map((m) => m.idServer), [sent, picture, third].map((m) => m.idServer));
  const page = await past(bob, teamId, { limit: 1 });
  const next = await past(bob, teamId, { limit: 1, endTime: page[0].time, lastMsgId: page[0].idServer });
  assert.deepEqual([...page, ...next].map((m) => m.idServer), [third.idServer, picture.idServer]);
  const stranger = await ctx.login(await ctx.account('mallory'));
  await assert.rejects(past(stranger, teamId), code(804));
  await assert.rejects(say(stranger, teamId, 'hi'), code(804));
  await assert.rejects(say(alice, '99999', 'hi'), code(803));
  assert.equal(alice.seen('msg', (x) => x.idServer === sent.idServer).length, 0, 'not back to the device that sent');
  assert.equal(bob.packets('->', '4-5').filter((p) => Number(p.body[0]) === 21 && Number(p.body[1]) === 3).length, 0, 'no SDK acknowledges them');
});

scenario('who was away gets messages of a super team as roaming', {
  kinds: NODE_KINDS,
  proves: ['nim/cmd/syncRoamingMsgs', 'nim/event/syncRoamingMsgs', 'nim/event/sessions'],
}, async (ctx) => {
  const { accounts: [, b, c], clients: [alice, bob, carol], teamId } = await crowd(ctx, ['alice', 'bob', 'carol']);
  await Promise.all([bob.kill(), carol.kill()]);
  const one = await say(alice, teamId, 'one');
  await alice.call('superTeam.removeSuperTeamMembers', { teamId, accounts: [c.accid] });
  const two = await say(alice, teamId, 'two');
  const bob2 = await ctx.login(b);
  assert.deepEqual(flat(bob2, 'syncRoamingMsgs').filter((m) => m.type === 'text').map((m) => m.idServer), [one.idServer, two.idServer]);
  assert.equal(flat(bob2, 'syncOfflineMsgs').length, 0, 'there is no offline queue');
  assert.equal((await bob2.event('sessions')).find((s) => s.id === `superTeam-${teamId}`).lastMsg.idServer, two.idServer);
  const carol2 = await ctx.login(c);
  assert.deepEqual(flat(carol2, 'syncRoamingMsgs').filter((m) => m.type === 'text').map((m) => m.idServer), [one.idServer], 'nothing said after the removal');
  assert.equal(flat(carol2, 'syncRoamingMsgs').at(-1).type, 'notification', 'but the removal itself');
});

scenario('recall in a super team: by its sender, by a manager, while somebody is away', {
  kinds: NODE_KINDS,
  proves: ['nim/cmd/recallSuperTeamMsg', 'nim/cmd/onRecallMsg', 'nim/cmd/syncRecallMsgOfflineAndRoaming', 'nim/event/sysMsg', 'nim/event/syncSysMsgs'],
}, async (ctx) => {
  const { accounts: [a, b, c], clients: [alice, bob, carol], teamId } = await crowd(ctx, ['alice', 'bob', 'carol']);
  const desk = await ctx.login(b, { kind: ctx.otherKind });
  await alice.call('superTeam.addSuperTeamManagers', { teamId, accounts: [b.accid] });
  const own = await say(carol, teamId, 'mine');
  const got = await bob.event('msg', (m) => m.idClient === own.idClient);
  await carol.call('msg.recallMsg', { msg: own, ps: 'sorry' });
  for (const client of [alice, bob, desk]) {
    const n = await client.event('sysMsg', (s) => s.type === 'recallMsgSuperTeam');
    assert.deepEqual([n.from, n.to, n.recallMessageInfo.idClient, n.recallMessageInfo.createTime], [c.accid, teamId, own.idClient, own.time]);
  }
  const second = await say(carol, teamId, 'improper');
  const improper = await bob.event('msg', (m) => m.idClient === second.idClient);
  const kept = await say(alice, teamId, 'kept');
  await assert.rejects(carol.call('msg.recallMsg', { msg: { ...kept, scene: 'superTeam' } }), code(403));
  await carol.close();
  await bob.call('msg.recallMsg', { msg: improper });
  const copy = await desk.event('sysMsg', (s) => s.recallMessageInfo?.idClient === second.idClient);
  assert.equal(copy.recallMessageInfo.opeAccount, b.accid, 'who recalled what another wrote');
  assert.equal(desk.packets('<-', '21-117').length, 1, 'own devices by a packet of their own');
  assert.equal((await alice.event('sysMsg', (s) => s.recallMessageInfo?.idClient === second.idClient)).from, c.accid);
  assert.equal(bob.seen('sysMsg', (s) => s.recallMessageInfo?.idClient === second.idClient).length, 0);
  const left = (await past(alice, teamId)).filter((m) => m.type === 'text').map((m) => m.idClient);
  assert.deepEqual(left, [kept.idClient]);
  assert.ok(!left.includes(got.idClient));

  const back = await ctx.login(c);
  const notices = back.packets('<-', '4-19').flatMap((p) => p.body[0]);
  assert.ok(notices.some((n) => n['10'] === second.idClient && n['1'] === '12'));
  assert.ok(back.seen('syncSysMsgs').flatMap((e) => e.args[0]).some((n) => n.type === 'recallMsgSuperTeam' && n.recallMessageInfo.idClient === second.idClient));
  assert.deepEqual(flat(back, 'syncRoamingMsgs').filter((m) => m.type === 'text').map((m) => m.idClient), [kept.idClient]);
});

scenario('notifications to a super team reach who is here', {
  kinds: NODE_KINDS,
  proves: ['nim/cmd/sendSuperTeamCustomSysMsg', 'nim/cmd/onSysMsg', 'nim/event/sysMsg'],
}, async (ctx) => {
  const { accounts: [a, , c], clients: [alice, bob, carol], teamId } = await crowd(ctx, ['alice', 'bob', 'carol']);
  await carol.call('disconnect');
  const send = (client, attach) => client.call('systemMessage.sendCustomSysMsg', { type: 'customSuperTeam', to: teamId, attach, setting: { needSaveOffline: true } });
  await send(alice, '{"typing":true}');
  const n = await bob.event('sysMsg');
  assert.deepEqual([n.type, n.from, n.to, n.attach], ['customSuperTeam', a.accid, teamId, { typing: true }]);
  await eventually(() => bob.packets('->', '4-5').some((p) => Number(p.body[0]) === 21 && Number(p.body[1]) === 19), { what: 'acknowledgement' });
  assert.equal(alice.seen('sysMsg').length, 0);
  assert.equal((await ctx.login(c)).seen('syncSysMsgs').length, 0, 'never stored');
  const stranger = await ctx.login(await ctx.account('mallory'));
  await assert.rejects(send(stranger, '{}'), code(804));
  assert.equal(bob.seen('sysMsg', (s) => s.from !== a.accid).length, 0);
});

scenario('what was read in a super team is read on every device', {
  kinds: NODE_KINDS,
  proves: [
    'nim/cmd/markSuperTeamSessionAck', 'nim/cmd/syncMarkSuperTeamSessionAck', 'nim/cmd/syncSuperTeamSessionAck', 'nim/cmd/markMultSuperTeamSessionsAck',
    'nim/event/updateSession', 'nim/event/sessions',
  ],
}, async (ctx) => {
  const { accounts: [a, b], clients: [alice, bob], teamId } = await crowd(ctx, ['alice', 'bob']);
  const other = await make(server.apps[0], a, [b]);
  const desk = await ctx.login(b, { kind: ctx.otherKind });
  const id = `superTeam-${teamId}`;
  const last = await say(alice, teamId, 'read me');
  for (const client of [bob, desk]) await client.event('updateSession', (s) => s.id === id && s.lastMsg?.idServer === last.idServer && s.unread > 0);
  let since = desk.mark();
  await bob.call('session.resetSessionUnreadCount', { id });
  assert.equal((await bob.call('session.getSession', { id })).unread, 0);
  const told = await desk.event('updateSession', (s) => s.id === id && s.unread === 0, { since });
  assert.equal(told.ack, last.time);
  assert.deepEqual(desk.packets('<-', '21-125').map((p) => p.body), [[teamId, last.time]]);

  // Later logins know it, and count what came after.
  const newer = await say(alice, teamId, 'and me');
  const fresh = await ctx.login(b);
  const session = (await fresh.event('sessions')).find((s) => s.id === id);
  assert.deepEqual([session.unread, session.ack], [1, last.time]);
  assert.equal(fresh.packets('<-', '4-20')[0].body[0].m_map[teamId], last.time);

  // Several at once.
  const third = await say(alice, other, 'elsewhere');
  for (const client of [bob, desk]) {
    await client.event('msg', (m) => m.idServer === newer.idServer);
    await client.event('msg', (m) => m.idServer === third.idServer);
  }
  since = desk.mark();
  await bob.call('session.resetAllSessionsUnreadCount');
  assert.equal(bob.packets('->', '21-32').length, 1);
  for (const tid of [teamId, other]) await desk.event('updateSession', (s) => s.id === `superTeam-${tid}` && s.unread === 0, { since });
});

scenario('super teams among the sessions kept by the server', {
  kinds: NODE_KINDS, proves: ['nim/cmd/nimQueryCloudSessionList', 'nim/cmd/nimQueryCloudSession', 'nim/cmd/nimDeleteCloudSessionList'],
}, async (ctx) => {
  const { accounts: [a, b], clients: [alice, bob], teamId } = await crowd(ctx, ['alice', 'bob']);
  const sent = await say(bob, teamId, 'latest');
  await alice.sendText(b, 'p2p');
  const list = async (client) => (await client.call('cloudSession.queryCloudSessionList', {})).sessionList.map((s) => s.sessionId);
  assert.deepEqual(await list(alice), [`p2p-${b.accid}`, `superTeam-${teamId}`]);
  const one = await alice.call('cloudSession.queryCloudSession', { sessionId: `superTeam-${teamId}` });
  assert.equal(one.lastMsgInfo.lastMsg.idServer, sent.idServer);
  await alice.call('cloudSession.deleteCloudSessionList', { sessionIdList: [`superTeam-${teamId}`] });
  assert.deepEqual(await list(alice), [`p2p-${b.accid}`]);
  await alice.call('superTeam.removeSuperTeamMembers', { teamId, accounts: [b.accid] });
  await bob.event('removeSuperTeamMembers');
  assert.deepEqual(await list(bob), [`p2p-${a.accid}`], 'not for who is no member');
});
