// The harness itself, against the scripted peer: every build loads unmodified, logs in, syncs, talks and reconnects.
import { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { suite } from '../lib/suite.mjs';
import { closeBrowser } from '../lib/browser.mjs';
import { Peer } from '../peer/peer.mjs';

let peer;
const backend = () => ({
  ca: peer.ca,
  options: () => peer.options(),
  account: async (accid) => ({ accid, token: peer.token }),
});
const scenario = suite(backend);

before(async () => { peer = await Peer.start(); });
after(async () => { await closeBrowser(); await peer.stop(); });

scenario('login, sync, a text both ways, own copy', {}, async (ctx) => {
  const a = await ctx.account('alice');
  const b = await ctx.account('bob');
  const alice = await ctx.login(a);
  const bob = await ctx.login(b, { kind: ctx.otherKind });
  assert.equal(await alice.status(), 'logined');
  assert.deepEqual(alice.seen('logined').length, 1);
  assert.deepEqual(alice.seen('syncdone').length, 1);
  const desk = await ctx.login(a, { kind: ctx.otherKind });
  await desk.event('multiPortLogin', (ports) => ports.length === 1);

  const sent = await alice.call('msg.sendTextMsg', { scene: 'p2p', to: b.accid, body: 'hello 鸿雁' });
  assert.equal(sent.status, 'sent');
  const got = await bob.event('msg');
  assert.equal(got.body, 'hello 鸿雁');
  assert.equal(got.idServer, sent.idServer);
  assert.equal(got.flow, 'in');
  const copy = await desk.event('msg');
  assert.equal(copy.flow, 'out');
  assert.ok(alice.packets('->', '7-1').length === 1 && alice.packets('<-', '7-1')[0].code === 200);
});

scenario('a wrong token rejects connect with its code', {}, async (ctx) => {
  const alice = await ctx.client(await ctx.account('alice'), { options: { token: 'wrong' } });
  await assert.rejects(alice.connect(), (e) => e.code === 302);
  assert.equal(await alice.status(), 'unconnected');
});

scenario('reconnects after the connection broke', {}, async (ctx) => {
  const alice = await ctx.login(await ctx.account('alice'));
  const since = alice.mark();
  peer.dropAll();
  const plan = await alice.event('willReconnect', undefined, { since });
  assert.equal(plan.retryCount, 1);
  await alice.event('syncdone', undefined, { since });
});

scenario('a device that loses power sends nothing more and leaves no timer', { kinds: ['mini-0.17.2', 'uni-0.17.2'] }, async (ctx) => {
  const alice = await ctx.login(await ctx.account('alice'));
  await alice.kill();
  const sent = alice.packets('->').length;
  assert.equal(alice.host.timers.size, 0);
  peer.dropAll();
  assert.equal(alice.packets('->').length, sent);
});

scenario('getInstance keeps one instance per context', {}, async (ctx) => {
  const a = await ctx.account('alice');
  const alice = await ctx.client(a, { create: false });
  assert.equal(await alice.getInstance(alice.options, alice.other), 0);
  assert.equal(await alice.getInstance(alice.options, alice.other), 0);
  await assert.rejects(alice.getInstance({ ...alice.options, account: 'somebody' }), /Unexpected login/);
  const other = await ctx.client(a);
  await alice.connect();
  assert.equal(await other.status(), 'unconnected');
});

scenario('a throw inside the SDK is recorded, not lost', { kinds: ['mini-0.15.0', 'mini-0.17.2'] }, async (ctx) => {
  const alice = await ctx.login(await ctx.account('alice'));
  // 4-14 without its second map is known to throw in the SDK's socket callback.
  const [link] = peer.of(alice.account.accid);
  link.push(4, 14, {});
  await alice.call('msg.sendTextMsg', { scene: 'p2p', to: 'x', body: 'after' });
  assert.equal(alice.errors().length, 1);
  assert.match(alice.errors()[0].message, /m_map/);
  alice.host.errors.length = 0;
  alice.rejections.length = 0;
});
