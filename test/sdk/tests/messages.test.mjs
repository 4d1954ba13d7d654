import assert from 'node:assert/strict';
import { suite } from '../lib/suite.mjs';
import { useServer } from '../lib/server.mjs';
import { eventually, NODE_KINDS } from '../lib/clients.mjs';

const server = useServer();
const scenario = suite(() => server.apps[0]);

async function pair(ctx, extra) {
  const [a, b] = await Promise.all([ctx.account('alice', { name: 'Alice' }), ctx.account('bob', { name: 'Bob' })]);
  const alice = await ctx.login(a, extra);
  const bob = await ctx.login(b, { kind: ctx.otherKind });
  return { a, b, alice, bob };
}

// A message that is known to arrive after everything sent before it: what did not arrive by then never will.
async function barrier(from, to, account) {
  const { idClient } = await from.sendText(account, 'barrier');
  await Promise.all([to].flat().map((c) => c.event('msg', (m) => m.idClient === idClient)));
}

scenario('text both ways between two SDK versions', {
  proves: ['nim/cmd/sendMsg', 'nim/cmd/onMsg', 'nim/cmd/batchMarkRead', 'nim/event/msg', 'nim/event/updateSession'],
}, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  const body = 'hello 鸿雁 \u{1F426}\n"quoted" \\ </script> \u2028 :::3:::{}';
  const before = Date.now();
  const sent = await alice.sendText(b, body);
  assert.equal(sent.status, 'sent');
  assert.equal(sent.flow, 'out');
  assert.match(sent.idServer, /^\d+$/);
  assert.ok(Number(sent.idServer) < 2 ** 53, 'idServer fits a JSON number');
  assert.ok(Math.abs(sent.time - before) < 60000, 'server time');
  const states = alice.seen('updateSession', (s) => s.id === `p2p-${b.accid}`).map((e) => e.args[0].lastMsg.status);
  assert.deepEqual(states, ['sending', 'sent']);

  const got = await bob.event('msg');
  assert.equal(got.body, body);
  for (const key of ['idClient', 'idServer', 'time', 'scene', 'from', 'to', 'type', 'userUpdateTime']) assert.equal(got[key], sent[key], key);
  assert.equal(got.from, a.accid);
  assert.equal(got.fromNick, 'Alice');
  assert.equal(got.fromClientType, ctx.kind.startsWith('uni') ? 'Android' : 'Web');
  assert.equal(got.fromDeviceId, sent.fromDeviceId);
  assert.equal(got.flow, 'in');
  assert.equal(got.status, 'unread');
  assert.equal(got.sessionId, `p2p-${a.accid}`);
  assert.equal((await bob.event('updateSession', (s) => s.id === `p2p-${a.accid}`)).unread, 1);
  await eventually(() => bob.packets('->', '4-5').some((p) => p.body[0] === 7 && p.body[1] === 2 && p.body[2].includes(sent.idServer)), { what: 'acknowledgement' });
  assert.equal(bob.packets('<-', '4-5').length, 0, '4-5 has no answer');

  const back = await bob.sendText(a, 'and back');
  const reply = await alice.event('msg');
  assert.equal(reply.body, 'and back');
  assert.equal(reply.idServer, back.idServer);
  assert.ok(reply.time > sent.time, 'times of a conversation increase');
  // The sender gets the answer and nothing else.
  assert.equal(alice.seen('msg').length, 1);
  assert.equal(bob.seen('msg').length, 1);
});

const file = { name: 'a b.png', url: 'https://files.example/nim/a%20b.png?x=1&y=2', md5: '9894907e4ad9de4678091277509361f7', size: 12345, ext: 'png' };
const TYPES = [
  ['image', 'sendImageMsg', { attach: { ...file, w: 640, h: 480 } }],
  ['audio', 'sendAudioMsg', { attach: { ...file, name: 'v.aac', ext: 'aac', dur: 2150 } }],
  ['video', 'sendVideoMsg', { attach: { ...file, name: 'v.mp4', ext: 'mp4', dur: 10200, w: 1280, h: 720 } }],
  ['file', 'sendFileMsg', { attach: { ...file, name: 'report.pdf', ext: 'pdf' } }],
  ['geo', 'sendGeoLocationMsg', { attach: { title: 'West Lake 西湖', lat: 30.2489634, lng: 120.2052342 } }],
  ['tip', 'sendTipMsg', { body: 'somebody joined' }],
  ['custom', 'sendCustomMsg', { attach: JSON.stringify({ type: 7, data: { nested: [1, null, true, '"'] } }) }],
  ['custom', 'sendCustomMsg', { attach: 'no JSON at all' }],
];

for (const [type, method, content] of TYPES) {
  const label = method === 'sendCustomMsg' ? `${type}, ${content.attach.startsWith('{') ? 'JSON' : 'free text'}` : type;
  scenario(`type ${label} both ways`, { kinds: type === 'image' || label === 'custom, JSON' ? undefined : NODE_KINDS, proves: ['nim/cmd/sendMsg', 'nim/event/msg'] }, async (ctx) => {
    const { a, b, alice, bob } = await pair(ctx);
    for (const [from, to, account] of [[alice, bob, b], [bob, alice, a]]) {
      const sent = await from.call(`msg.${method}`, { scene: 'p2p', to: account.accid, ext: '{"k":"v"}', ...content });
      assert.equal(sent.type, type);
      const got = await to.event('msg', (m) => m.idClient === sent.idClient);
      assert.equal(got.type, type);
      assert.equal(got.ext, '{"k":"v"}');
      if (content.body) assert.equal(got.body, content.body);
      if (content.attach) {
        let expected = content.attach;
        if (typeof expected === 'string') try { expected = JSON.parse(expected); } catch { /* handed over as it is */ }
        assert.deepEqual(got.attach, expected);
      }
      const [stored] = await to.history(from.account, { limit: 1 });
      assert.deepEqual({ attach: stored.attach, body: stored.body, type: stored.type }, { attach: got.attach, body: got.body, type });
    }
  });
}

scenario('fields that only pass through: subType, push, reply, routing', { kinds: NODE_KINDS, proves: ['nim/cmd/sendMsg', 'nim/event/msg'] }, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  const root = await alice.sendText(b, 'root');
  const rootAtBob = await bob.event('msg', (m) => m.idClient === root.idClient);
  const reply = await bob.sendText(a, 'reply', {
    replyMsg: rootAtBob, subType: 42, ext: 'x'.repeat(1024),
    pushInfo: { needPush: false, needPushBadge: false, needPushNick: false, pushContent: 'push text', pushPayload: '{"p":1}' },
    setting: { needRouted: false, envConfig: 'staging' },
  });
  const got = await alice.event('msg', (m) => m.idClient === reply.idClient);
  // The typings promise a number; the SDK hands over the text it received.
  assert.equal(Number(got.subType), 42);
  assert.equal(got.ext.length, 1024);
  assert.equal(got.pushInfo.pushContent, 'push text');
  assert.equal(got.pushInfo.pushPayload, '{"p":1}');
  assert.equal(got.pushInfo.needPushBadge, false);
  const thread = got.threadMessageInfo;
  assert.equal(thread.replyMsgIdServer, root.idServer);
  assert.equal(thread.threadMsgIdServer, root.idServer);
  assert.equal(thread.threadMsgIdClient, root.idClient);
  assert.equal(thread.threadMsgFromAccount, a.accid);
  assert.equal(Number(thread.threadMsgTime), root.time);
});

scenario('needPushBadge false is not unread for 0.17.2', { kinds: ['mini-0.17.2'], proves: ['nim/event/updateSession'] }, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  await bob.sendText(a, 'silent', { pushInfo: { needPushBadge: false } });
  await bob.sendText(a, 'loud');
  await alice.event('msg', (m) => m.body === 'loud');
  assert.equal((await alice.session(b)).unread, 1);
});

scenario('needSelfSync: own other devices get a copy unless it is false', { kinds: NODE_KINDS, proves: ['nim/cmd/sendMsg', 'nim/event/msg'] }, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  const desk = await ctx.login(a, { kind: ctx.otherKind });
  const copied = await alice.sendText(b, 'with copy');
  const hidden = await alice.sendText(b, 'without copy', { setting: { needSelfSync: false } });
  await barrier(alice, [bob, desk], b);
  const copy = desk.seen('msg', (m) => m.idClient === copied.idClient)[0]?.args[0];
  assert.ok(copy, 'own copy');
  assert.equal(copy.flow, 'out');
  assert.equal(copy.status, 'sent');
  assert.equal(copy.sessionId, `p2p-${b.accid}`);
  assert.equal(desk.seen('msg', (m) => m.idClient === hidden.idClient).length, 0);
  assert.equal((await desk.session(b)).unread, 0, 'own messages are not unread');
  const late = await ctx.login(a);
  const roamed = late.seen('syncRoamingMsgs', (r) => r.sessionId === `p2p-${b.accid}`).flatMap((e) => e.args[0].msgs.map((m) => m.idClient));
  assert.ok(roamed.includes(copied.idClient), 'own message roams');
  assert.ok(!roamed.includes(hidden.idClient), 'needSelfSync false is not in own roaming');
});

scenario('needSaveHistory false is delivered but not in history', { kinds: NODE_KINDS, proves: ['nim/cmd/sendMsg', 'nim/cmd/getHistoryMsgs'] }, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  const fleeting = await alice.sendText(b, 'fleeting', { setting: { needSaveHistory: false } });
  const kept = await alice.sendText(b, 'kept');
  await bob.event('msg', (m) => m.idClient === fleeting.idClient);
  for (const [client, peer] of [[alice, b], [bob, a]]) {
    assert.deepEqual((await client.history(peer)).map((m) => m.idClient), [kept.idClient]);
  }
});

scenario('needOffline and needRoaming false', { kinds: NODE_KINDS, proves: ['nim/cmd/sendMsg', 'nim/cmd/syncOfflineMsgs', 'nim/cmd/syncRoamingMsgs'] }, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  const live = await alice.sendText(b, 'not roaming', { setting: { needRoaming: false } });
  await bob.event('msg', (m) => m.idClient === live.idClient);
  await eventually(() => bob.packets('->', '4-5').length > 0);
  await bob.call('disconnect');
  const online = await alice.sendText(b, 'online only', { setting: { needOffline: false } });
  const queued = await alice.sendText(b, 'queued');
  const back = await ctx.login(b);
  const offline = back.seen('syncOfflineMsgs').flatMap((e) => e.args[0].msgs.map((m) => m.idClient));
  const roaming = back.seen('syncRoamingMsgs').flatMap((e) => e.args[0].msgs.map((m) => m.idClient));
  assert.deepEqual(offline, [queued.idClient]);
  assert.ok(!roaming.includes(live.idClient), 'needRoaming false');
  assert.ok(!offline.includes(online.idClient), 'needOffline false');
  assert.deepEqual((await back.history(a)).map((m) => m.body), ['queued', 'online only', 'not roaming'], 'history keeps all of them');
});

scenario('resend: the same idClient keeps idServer and time and is delivered once', { proves: ['nim/cmd/sendMsg'] }, async (ctx) => {
  const { b, alice, bob } = await pair(ctx);
  const first = await alice.sendText(b, 'once');
  const again = await alice.call('msg.resendMsg', { msg: first });
  assert.equal(again.idClient, first.idClient);
  assert.equal(again.idServer, first.idServer);
  assert.equal(again.time, first.time);
  await barrier(alice, bob, b);
  assert.equal(bob.seen('msg', (m) => m.idClient === first.idClient).length, 1);
  assert.equal((await alice.history(b)).filter((m) => m.idClient === first.idClient).length, 1);
});

scenario('resend after the answer was lost', { kinds: ['mini-0.15.0', 'mini-0.17.2'], proves: ['nim/cmd/sendMsg'] }, async (ctx) => {
  const { b, alice, bob } = await pair(ctx);
  alice.host.deaf = true;
  const sending = alice.sendText(b, 'answer lost').then(() => assert.fail('answered'), (e) => e);
  const delivered = await bob.event('msg', (m) => m.body === 'answer lost');
  const since = alice.mark();
  await alice.drop();
  const { code, msg } = await sending;
  assert.equal(code, 415);
  assert.equal(msg.status, 'sendFailed');
  alice.host.deaf = false;
  await alice.event('syncdone', undefined, { since });
  const again = await alice.call('msg.resendMsg', { msg });
  assert.equal(again.idServer, delivered.idServer);
  assert.equal(again.time, delivered.time);
  await barrier(alice, bob, b);
  assert.equal(bob.seen('msg', (m) => m.idClient === msg.idClient).length, 1);
});

scenario('forward: a new message whatever ids the client copies into it', { proves: ['nim/cmd/sendMsg', 'nim/event/msg'] }, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  const c = await ctx.account('carol');
  const carol = await ctx.login(c, { kind: ctx.otherKind });
  const original = await bob.call('msg.sendImageMsg', { scene: 'p2p', to: a.accid, attach: file, ext: 'kept' });
  const received = await alice.event('msg', (m) => m.idClient === original.idClient);
  const forwarded = await alice.call('msg.forwardMsg', { scene: 'p2p', to: c.accid, msg: received });
  assert.notEqual(forwarded.idClient, original.idClient);
  assert.notEqual(forwarded.idServer, original.idServer);
  assert.ok(Number(forwarded.idServer) > Number(original.idServer));
  assert.ok(forwarded.time > original.time);
  const got = await carol.event('msg');
  assert.equal(got.idServer, forwarded.idServer);
  assert.equal(got.time, forwarded.time);
  assert.equal(got.from, a.accid);
  assert.equal(got.fromNick, 'Alice');
  assert.equal(got.ext, 'kept');
  assert.deepEqual(got.attach, file);
  assert.equal((await bob.history(a)).length, 1, 'the original is untouched');
  assert.equal((await carol.history(a)).length, 1);
  assert.equal(b.accid, original.from);
});

scenario('a message to oneself', { kinds: NODE_KINDS, proves: ['nim/cmd/sendMsg', 'nim/event/msg'] }, async (ctx) => {
  const a = await ctx.account('alice');
  const alice = await ctx.login(a);
  const desk = await ctx.login(a, { kind: ctx.otherKind });
  const sent = await alice.sendText(a, 'note to self');
  assert.equal(sent.status, 'sent');
  const copy = await desk.event('msg');
  assert.equal(copy.idServer, sent.idServer);
  assert.equal(copy.sessionId, `p2p-${a.accid}`);
  assert.equal(alice.seen('msg').length, 0);
  assert.equal((await alice.session(a)).unread, 0);
  assert.equal((await alice.history(a)).length, 1);
});

scenario('order: the same on every device and in history', { kinds: ['mini-0.15.0', 'mini-0.17.2', 'browser-0.17.2'], proves: ['nim/cmd/sendMsg', 'nim/cmd/getHistoryMsgs'] }, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  const desk = await ctx.login(a, { kind: ctx.otherKind });
  const n = 20;
  const sent = (await Promise.all(Array.from({ length: n }, (_, i) => [alice.sendText(b, `a${i}`), bob.sendText(a, `b${i}`)]).flat()));
  assert.equal(new Set(sent.map((m) => m.idServer)).size, 2 * n);
  const canon = sent.toSorted((x, y) => x.idServer - y.idServer).map((m) => m.idClient);
  const mine = (list, prefix) => list.filter((m) => m.body.startsWith(prefix)).map((m) => m.body);
  assert.deepEqual(mine(sent.toSorted((x, y) => x.idServer - y.idServer), 'a'), Array.from({ length: n }, (_, i) => `a${i}`), 'the order of one sender');
  await eventually(() => desk.seen('msg').length === 2 * n, { what: 'all messages on the third device' });
  assert.deepEqual(desk.seen('msg').map((e) => e.args[0].idClient), canon, 'the third device');
  for (const [client, peer] of [[alice, b], [bob, a], [desk, b]]) {
    const history = await client.history(peer, { reverse: true });
    assert.deepEqual(history.map((m) => m.idClient), canon, client.name);
    assert.ok(history.every((m, i) => i === 0 || m.time > history[i - 1].time), 'strictly increasing times');
  }
});

scenario('a message sent by REST', { kinds: NODE_KINDS, proves: ['rest/msg/sendMsg', 'nim/event/msg'] }, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  const { data } = await server.apps[0].restOK('msg/sendMsg.action', { from: a.accid, ope: 0, to: b.accid, type: 0, body: { msg: 'from the server' } });
  const got = await bob.event('msg');
  assert.equal(got.body, 'from the server');
  assert.equal(got.from, a.accid);
  assert.equal(got.fromClientType, 'Server');
  assert.equal(got.idServer, String(data.msgid));
  assert.match(got.idClient, /\D/, 'idClient is not purely decimal');
  assert.equal((await alice.history(b))[0].idClient, got.idClient);
});
