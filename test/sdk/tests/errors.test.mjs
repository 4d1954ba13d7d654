import assert from 'node:assert/strict';
import { suite } from '../lib/suite.mjs';
import { useServer } from '../lib/server.mjs';
import { NODE_KINDS } from '../lib/clients.mjs';

const server = useServer();
const scenario = suite(() => server.apps[0]);

async function failure(promise) {
  return promise.then(() => assert.fail('succeeded'), (e) => e);
}

scenario('texts, attachments and ext that are too long are 414', { proves: ['nim/cmd/sendMsg'] }, async (ctx) => {
  const [a, b] = await Promise.all(['alice', 'bob'].map((n) => ctx.account(n)));
  const alice = await ctx.login(a);
  const bob = await ctx.login(b, { kind: ctx.otherKind });
  const cases = {
    text: alice.sendText(b, 'x'.repeat(5001)),
    attach: alice.call('msg.sendCustomMsg', { scene: 'p2p', to: b.accid, attach: 'x'.repeat(5001) }),
    ext: alice.sendText(b, 'short', { ext: 'x'.repeat(1025) }),
    payload: alice.sendText(b, 'short', { pushInfo: { pushPayload: JSON.stringify({ x: 'x'.repeat(2048) }) } }),
  };
  for (const [name, promise] of Object.entries(cases)) {
    const e = await failure(promise);
    assert.equal(e.code, 414, name);
    assert.equal(e.msg.status, 'sendFailed', name);
  }
  // The limits themselves are fine, and they count characters, not bytes. The connection is still good.
  const sent = await alice.sendText(b, '鸿'.repeat(5000));
  const got = await bob.event('msg');
  assert.equal(got.idServer, sent.idServer);
  assert.equal(got.body.length, 5000);
  assert.equal(bob.seen('msg').length, 1);
  assert.deepEqual((await alice.history(b)).map((m) => m.idServer), [sent.idServer]);
});

scenario('an unknown receiver is 404', { kinds: NODE_KINDS, proves: ['nim/cmd/sendMsg'] }, async (ctx) => {
  const alice = await ctx.login(await ctx.account('alice'));
  const e = await failure(alice.sendText(`nobody_${ctx.tag}`, 'hello?'));
  assert.equal(e.code, 404);
  assert.equal(e.msg.status, 'sendFailed');
  assert.equal(await alice.status(), 'logined');
});

scenario('clients can not send notifications', { kinds: ['mini-0.15.0', 'mini-0.17.2'], proves: ['nim/cmd/sendMsg'] }, async (ctx) => {
  const [a, b] = await Promise.all(['alice', 'bob'].map((n) => ctx.account(n)));
  const alice = await ctx.login(a);
  const e = await failure(alice.call('msg.sendMsg', { scene: 'p2p', to: b.accid, type: 'notification', attach: '{"id":0,"data":{}}' }));
  assert.equal(e.code, 403);
});

scenario('the sender is who logged in, whatever the packet says', { kinds: ['mini-0.15.0', 'mini-0.17.2'], proves: ['nim/cmd/sendMsg'] }, async (ctx) => {
  const [a, b, c] = await Promise.all(['alice', 'bob', 'carol'].map((n) => ctx.account(n)));
  const alice = await ctx.login(a);
  const bob = await ctx.login(b);
  const idClient = `forged${ctx.tag}`;
  await alice.call('sendCmd', 'sendMsg', { msg: { scene: 0, to: b.accid, from: c.accid, type: 0, body: 'forged', idClient, time: 1, idServer: '1', fromNick: 'Carol' } });
  const got = await bob.event('msg');
  assert.equal(got.from, a.accid);
  assert.notEqual(got.idServer, '1');
  assert.ok(got.time > 1);
  assert.notEqual(got.fromNick, 'Carol');
});

for (const limit of [0, -1, 101]) {
  // The SDK's own API does not let these out; a client that goes around it must not get a page of its own size.
  scenario(`history: limit ${limit} is 414`, { kinds: ['mini-0.17.2'], proves: ['nim/cmd/getHistoryMsgs'] }, async (ctx) => {
    const [a, b] = await Promise.all(['alice', 'bob'].map((n) => ctx.account(n)));
    const alice = await ctx.login(a);
    const e = await failure(alice.call('sendCmd', 'getHistoryMsgs', { to: b.accid, beginTime: 0, endTime: 0, lastMsgId: 0, limit, reverse: false, msgTypes: [] }));
    assert.equal(e.code, 414);
  });
}
