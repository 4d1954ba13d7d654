import assert from 'node:assert/strict';
import { suite } from '../lib/suite.mjs';
import { useServer } from '../lib/server.mjs';
import { eventually, NODE_KINDS } from '../lib/clients.mjs';

const server = useServer();
const scenario = suite(() => server.apps[0]);
const flat = (client, event) => client.seen(event).flatMap((e) => e.args[0].msgs);
const acked = (client, id) => eventually(() => client.packets('->', '4-5').some((p) => p.body[2].includes(id)), { what: 'acknowledgement' });

scenario('offline messages, then roaming after they were acknowledged', {
  proves: [
    'nim/cmd/sync', 'nim/cmd/syncOfflineMsgs', 'nim/cmd/syncRoamingMsgs', 'nim/cmd/batchMarkRead',
    'nim/event/syncOfflineMsgs', 'nim/event/syncRoamingMsgs', 'nim/event/sessions',
  ],
}, async (ctx) => {
  const [a, b, c] = await Promise.all(['alice', 'bob', 'carol'].map((n) => ctx.account(n)));
  const alice = await ctx.login(a, { kind: ctx.otherKind });
  const carol = await ctx.login(c, { kind: ctx.otherKind });
  const sent = [];
  for (let i = 0; i < 3; i++) sent.push(await alice.sendText(b, `offline ${i}`));
  sent.push(await alice.call('msg.sendCustomMsg', { scene: 'p2p', to: b.accid, attach: '{"type":1}' }));
  const other = await carol.sendText(b, 'from carol');

  const bob = await ctx.login(b);
  const packets = bob.seen('syncOfflineMsgs').map((e) => e.args[0]);
  assert.deepEqual(packets.map((p) => p.sessionId).sort(), [`p2p-${a.accid}`, `p2p-${c.accid}`].sort());
  const fromAlice = packets.find((p) => p.sessionId === `p2p-${a.accid}`);
  assert.deepEqual(fromAlice.msgs.map((m) => m.idServer), sent.map((m) => m.idServer).reverse(), 'newest first');
  assert.equal(fromAlice.timetag, sent.at(-1).time);
  assert.deepEqual(fromAlice.msgs[0].attach, { type: 1 });
  assert.ok(fromAlice.msgs.every((m) => m.status === 'unread' && m.feature === 'leave'));
  assert.deepEqual(flat(bob, 'syncRoamingMsgs'), [], 'offline or roaming, never both');
  const sessions = await bob.event('sessions');
  assert.deepEqual(sessions.map((s) => [s.id, s.unread]), [[`p2p-${c.accid}`, 1], [`p2p-${a.accid}`, 4]], 'newest first, with unread counts');
  const order = bob.events.map((e) => e.name);
  assert.ok(order.lastIndexOf('syncOfflineMsgs') < order.indexOf('sessions') && order.indexOf('sessions') < order.indexOf('syncdone'), `${order}`);
  await acked(bob, other.idServer);
  assert.equal(bob.seen('msg').length, 0);

  const again = await ctx.login(b);
  assert.deepEqual(flat(again, 'syncOfflineMsgs'), []);
  const roamed = again.seen('syncRoamingMsgs').map((e) => e.args[0]);
  assert.equal(roamed.length, 2, 'one packet per session');
  const session = roamed.find((p) => p.sessionId === `p2p-${a.accid}`);
  assert.deepEqual(session.msgs.map((m) => m.idServer).sort(), sent.map((m) => m.idServer).sort());
  for (const packet of again.packets('<-', '4-9')) {
    const times = packet.body[0].map((m) => Number(m[7]));
    assert.deepEqual(times, times.toSorted((x, y) => y - x), '4-9 is newest first');
    assert.equal(new Set(packet.body[0].map((m) => (m[2] === b.accid ? m[1] : m[2]))).size, 1, 'one session per 4-9');
  }
  assert.deepEqual(Object.fromEntries((await again.event('sessions')).map((s) => [s.id, s.unread])), { [`p2p-${a.accid}`]: 4, [`p2p-${c.accid}`]: 1 });
});

scenario('received online without an acknowledgement stays in the offline queue', { kinds: ['mini-0.15.0', 'mini-0.17.2'], proves: ['nim/cmd/batchMarkRead', 'nim/cmd/syncOfflineMsgs'] }, async (ctx) => {
  const [a, b] = await Promise.all(['alice', 'bob'].map((n) => ctx.account(n)));
  const alice = await ctx.login(a);
  const bob = await ctx.login(b);
  // bob's device dies without a word; the server may still believe that it is there.
  await bob.kill();
  const sent = await alice.sendText(b, 'into the void');
  const back = await ctx.login(b);
  const offline = flat(back, 'syncOfflineMsgs').map((m) => m.idServer);
  const live = back.seen('msg').map((e) => e.args[0].idServer);
  assert.deepEqual([...offline, ...live], [sent.idServer]);
});

scenario('roaming holds own messages and both directions', { kinds: NODE_KINDS, proves: ['nim/cmd/syncRoamingMsgs', 'nim/event/syncRoamingMsgs'] }, async (ctx) => {
  const [a, b] = await Promise.all(['alice', 'bob'].map((n) => ctx.account(n)));
  const alice = await ctx.login(a, { kind: ctx.otherKind });
  const bob = await ctx.login(b, { kind: ctx.otherKind });
  const out = await alice.sendText(b, 'out');
  const inn = await bob.sendText(a, 'in');
  await alice.event('msg');
  await acked(alice, inn.idServer);
  const tablet = await ctx.login(a);
  const msgs = flat(tablet, 'syncRoamingMsgs');
  const by = Object.fromEntries(msgs.map((m) => [m.idServer, m]));
  assert.equal(msgs.length, 2);
  assert.equal(by[out.idServer].flow, 'out');
  assert.equal(by[out.idServer].status, 'sent');
  assert.equal(by[inn.idServer].flow, 'in');
  assert.equal(by[inn.idServer].feature, 'roam');
  const [session] = await tablet.event('sessions');
  assert.equal(session.lastMsg.idServer, inn.idServer);
  assert.equal(session.unread, 1);
});

scenario('session ack: on other devices and after a new login', {
  proves: ['nim/cmd/markSessionAck', 'nim/cmd/syncMarkSessionAck', 'nim/cmd/syncSessionAck', 'nim/event/updateSession', 'nim/event/sessions'],
}, async (ctx) => {
  const [a, b] = await Promise.all(['alice', 'bob'].map((n) => ctx.account(n)));
  const alice = await ctx.login(a, { kind: ctx.otherKind });
  const bob = await ctx.login(b);
  const desk = await ctx.login(b, { kind: ctx.otherKind });
  await alice.sendText(b, 'one');
  const last = await alice.sendText(b, 'two');
  await Promise.all([bob, desk].map((c) => c.event('msg', (m) => m.idServer === last.idServer)));
  assert.equal((await bob.session(a)).unread, 2);
  assert.equal((await desk.session(a)).unread, 2);
  const since = desk.mark();
  await bob.call('session.resetSessionUnreadCount', { id: `p2p-${a.accid}` });
  assert.equal((await bob.session(a)).unread, 0);
  const synced = await desk.event('updateSession', (s) => s.id === `p2p-${a.accid}` && s.unread === 0, { since });
  assert.equal(synced.ack, last.time);
  await acked(bob, last.idServer);

  const third = await alice.sendText(b, 'three');
  await Promise.all([bob, desk].map((c) => c.event('msg', (m) => m.idServer === third.idServer)));
  const fresh = await ctx.login(b);
  const [session] = await fresh.event('sessions');
  assert.equal(session.unread, 1);
  const status = Object.fromEntries([...flat(fresh, 'syncRoamingMsgs'), ...flat(fresh, 'syncOfflineMsgs')].map((m) => [m.body, m.status]));
  assert.deepEqual(status, { one: 'read', two: 'read', three: 'unread' });
});

scenario('several sessions acknowledged at once', {
  kinds: NODE_KINDS, proves: ['nim/cmd/markMultSessionsAck', 'nim/cmd/syncMarkSessionAck'],
}, async (ctx) => {
  const [a, b, c] = await Promise.all(['alice', 'bob', 'carol'].map((n) => ctx.account(n)));
  const alice = await ctx.login(a, { kind: ctx.otherKind });
  const carol = await ctx.login(c, { kind: ctx.otherKind });
  const bob = await ctx.login(b);
  const desk = await ctx.login(b, { kind: ctx.otherKind });
  await alice.sendText(b, 'x');
  await carol.sendText(b, 'y');
  for (const client of [bob, desk]) for (const peer of [a, c]) await client.event('updateSession', (s) => s.id === `p2p-${peer.accid}` && s.unread === 1);
  const since = desk.mark();
  await bob.call('session.resetAllSessionsUnreadCount');
  for (const peer of [a, c]) {
    assert.equal((await bob.session(peer)).unread, 0);
    await desk.event('updateSession', (s) => s.id === `p2p-${peer.accid}` && s.unread === 0, { since });
  }
});

scenario('name cards', {
  proves: [
    'nim/cmd/updateMyNameCard', 'nim/cmd/onUpdateMyNameCard', 'nim/cmd/getUsersNameCardFromServer', 'nim/cmd/syncMyNameCard',
    'nim/event/updateMyNameCard', 'nim/event/syncMyNameCard', 'nim/event/updateUserInfo',
  ],
}, async (ctx) => {
  const [a, b] = await Promise.all(['alice', 'bob'].map((n) => ctx.account(n, { name: n })));
  const alice = await ctx.login(a);
  const desk = await ctx.login(a, { kind: ctx.otherKind });
  const bob = await ctx.login(b, { kind: ctx.otherKind });
  const card = {
    nick: 'Alice 爱丽丝', avatar: 'https://files.example/a.png', signature: 'here', gender: 'female', email: 'a@example.org',
    birth: '2000-02-29', tel: '+1-555', ext: '{"level":3}',
  };
  const mine = await alice.call('user.updateMyNameCard', card);
  for (const [k, v] of Object.entries(card)) assert.equal(mine[k], v, k);
  const pushed = await desk.event('updateMyNameCard');
  for (const [k, v] of Object.entries(card)) assert.equal(pushed[k], v, k);
  const [seen, missing] = await bob.call('user.getUsersNameCardFromServer', { accounts: [a.accid, `nobody_${ctx.tag}`] });
  for (const [k, v] of Object.entries(card)) assert.equal(seen[k], v, k);
  assert.equal(seen.account, a.accid);
  assert.equal(typeof seen.createTime, 'number');
  assert.ok(seen.updateTime >= seen.createTime);
  assert.ok(missing === undefined || missing.account === `nobody_${ctx.tag}`);

  // A message of an unknown sender makes the SDK ask for the card.
  await alice.sendText(b, 'who am I?');
  const got = await bob.event('msg');
  assert.equal(got.fromNick, card.nick);
  assert.equal((await bob.event('updateUserInfo')).nick, card.nick);
  const partial = await alice.call('user.updateMyNameCard', { signature: 'gone' });
  assert.equal(partial.nick, card.nick);
  const again = await ctx.login(a);
  const synced = await again.event('syncMyNameCard');
  assert.equal(synced.signature, 'gone');
  assert.equal(synced.nick, card.nick);
  // A newer card than the cached one is fetched at the next message.
  const since = bob.mark();
  await alice.sendText(b, 'again');
  assert.equal((await bob.event('updateUserInfo', undefined, { since })).signature, 'gone');
});

scenario('server time', { kinds: ['mini-0.17.2', 'uni-0.17.2', 'browser-0.17.2'], proves: ['nim/cmd/getServerTime'] }, async (ctx) => {
  const alice = await ctx.login(await ctx.account('alice'));
  const before = Date.now();
  const time = await alice.call('misc.getServerTime');
  assert.equal(typeof time, 'number');
  assert.ok(time >= before - 1000 && time <= Date.now() + 1000, String(time));
});

scenario('black list and mute list', {
  proves: [
    'nim/cmd/setBlack', 'nim/cmd/setMute', 'nim/cmd/syncRelations', 'nim/cmd/onUpdateBlackList', 'nim/cmd/onUpdateMuteList',
    'nim/event/updateBlackList', 'nim/event/updateMuteList', 'nim/event/relations', 'nim/cmd/sendMsg',
  ],
}, async (ctx) => {
  const [a, b, c] = await Promise.all(['alice', 'bob', 'carol'].map((n) => ctx.account(n)));
  const alice = await ctx.login(a, { kind: ctx.otherKind });
  const bob = await ctx.login(b);
  const desk = await ctx.login(b, { kind: ctx.otherKind });
  await bob.call('user.setBlack', { account: a.accid, isAdd: true });
  await bob.call('user.setMute', { account: c.accid, isAdd: true });
  assert.deepEqual(await desk.event('updateBlackList'), { account: a.accid, isAdd: true });
  assert.deepEqual(await desk.event('updateMuteList'), { account: c.accid, isAdd: true });

  // 7101 rejects, and the message is marked as refused; the receiver never sees it.
  const error = await alice.sendText(b, 'blocked').then(() => assert.fail('sent'), (e) => e);
  assert.equal(error.code, 7101);
  assert.equal(error.msg.status, 'refused');
  assert.match(error.msg.idServer, /^\d+$/);
  const other = await ctx.login(b);
  const relations = await other.event('relations');
  assert.deepEqual(relations.blackList.map((r) => r.account), [a.accid]);
  assert.deepEqual(relations.muteList.map((r) => r.account), [c.accid]);
  assert.equal(typeof relations.blackList[0].createTime, 'number');

  await bob.call('user.setBlack', { account: a.accid, isAdd: false });
  await bob.call('user.setMute', { account: c.accid, isAdd: false });
  const sent = await alice.sendText(b, 'welcome again');
  await bob.event('msg', (m) => m.idServer === sent.idServer);
  assert.deepEqual((await bob.history(a)).map((m) => m.body), ['welcome again']);
  const mine = await alice.history(b);
  assert.deepEqual(mine.map((m) => [m.body, m.status]), [['welcome again', 'sent'], ['blocked', 'refused']]);
  const after = await (await ctx.login(b)).event('relations');
  assert.deepEqual([after.blackList, after.muteList], [[], []]);
});
