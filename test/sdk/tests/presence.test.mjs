// Online-state subscription (docs/protocol/nim-social.md section 11).
import assert from 'node:assert/strict';
import { suite } from '../lib/suite.mjs';
import { useServer } from '../lib/server.mjs';
import { eventually, NODE_KINDS } from '../lib/clients.mjs';

const server = useServer({ apps: 2 });
const scenario = suite(() => server.apps[0]);
const offApp = suite(() => server.apps[1]);

const list = (e) => (Array.isArray(e) ? e : e.msgEvents ?? [e]);
const of = (account, value) => (e) => list(e).some((x) => x.account === account.accid && (value === undefined || Number(x.value) === value));
const pick = (e, account) => list(e).find((x) => x.account === account.accid);
const online = (x) => (typeof x.serverConfig === 'string' ? JSON.parse(x.serverConfig) : x.serverConfig).online;
const accounts = (r) => (Array.isArray(r) ? r : r?.failedAccounts ?? r?.accounts ?? r?.failedList ?? []);

scenario('subscribers hear of login, logout and lost connections', {
  proves: ['nim/cmd/subscribeEvent', 'nim/cmd/pushEvent', 'nim/event/pushEvents'],
}, async (ctx) => {
  const [alice, bob] = [await ctx.account('alice'), await ctx.account('bob')];
  const watcher = await ctx.login(alice);
  const failed = await watcher.call('event.subscribeEvent', { type: 1, accounts: [bob.accid, `nobody_${ctx.tag}`], subscribeTime: 3600, sync: true });
  assert.deepEqual(accounts(failed), [`nobody_${ctx.tag}`]);

  let since = watcher.mark();
  const first = await ctx.login(bob, { kind: ctx.otherKind });
  const up = pick(await watcher.event('pushEvents', of(bob, 1), { since }), bob);
  assert.equal(up.clientType, 'Web');
  assert.deepEqual(online(up), [16]);
  assert.ok(Math.abs(Number(up.time) - Date.now()) < 60000);

  since = watcher.mark();
  await first.call('disconnect');
  assert.deepEqual(online(pick(await watcher.event('pushEvents', of(bob, 2), { since }), bob)), []);

  since = watcher.mark();
  const second = await ctx.login(bob, { kind: ctx.otherKind });
  await watcher.event('pushEvents', of(bob, 1), { since });
  since = watcher.mark();
  await second.kill();
  assert.deepEqual(online(pick(await watcher.event('pushEvents', of(bob, 3), { since, timeout: 15000 }), bob)), []);
});

scenario('a lost connection that comes back in time is no news', { kinds: ['mini-0.15.0', 'mini-0.17.2'], proves: ['nim/event/pushEvents'] }, async (ctx) => {
  const [alice, bob] = [await ctx.account('alice'), await ctx.account('bob')];
  const watcher = await ctx.login(alice);
  await watcher.call('event.subscribeEvent', { type: 1, accounts: [bob.accid], subscribeTime: 3600, sync: false });
  const phone = await ctx.login(bob, { kind: 'mini-0.17.2' });
  await watcher.event('pushEvents', of(bob, 1));
  const since = watcher.mark();
  await phone.drop();
  await watcher.event('pushEvents', of(bob, 1), { since });
  await new Promise((r) => setTimeout(r, 6000));
  assert.equal(watcher.seen('pushEvents', of(bob, 3), since).length, 0);
});

scenario('who comes online is told who is there', {
  kinds: NODE_KINDS, proves: ['nim/cmd/pushEvents', 'nim/cmd/publishEvent', 'nim/event/pushEvents'],
}, async (ctx) => {
  const [alice, bob, carol] = [await ctx.account('alice'), await ctx.account('bob'), await ctx.account('carol')];
  const watcher = await ctx.login(alice);
  await watcher.call('event.subscribeEvent', { type: 1, accounts: [bob.accid, carol.accid], subscribeTime: 3600, sync: false });
  await watcher.call('disconnect');
  const phone = await ctx.login(bob, { kind: 'mini-0.17.2' });
  const result = await phone.call('event.publishEvent', { type: 1, value: 10001, ext: 'busy', validTime: 3600, broadcastType: 2, sync: true });
  assert.equal(Number(result.value ?? result.msgEvent?.value ?? 10001), 10001);

  const back = await ctx.login(alice);
  const all = list(await back.event('pushEvents', of(bob, 1)));
  assert.deepEqual(all.map((e) => [e.account, Number(e.value)]), [[bob.accid, 1], [bob.accid, 10001]], 'carol is not online and not listed');
  assert.deepEqual(online(all[0]), [16]);
  assert.equal(back.packets('<-', '14-9').length, 1);
  assert.equal(JSON.parse(back.packets('<-', '14-9')[0].body[0][0]['14'])['16'], 'busy');
});

scenario('published values reach subscribers and own devices', { proves: ['nim/cmd/publishEvent', 'nim/cmd/pushEvent', 'nim/event/pushEvents'] }, async (ctx) => {
  const [alice, bob] = [await ctx.account('alice'), await ctx.account('bob')];
  const watcher = await ctx.login(alice);
  const phone = await ctx.login(bob);
  const desk = await ctx.login(bob, { kind: ctx.otherKind });
  await watcher.call('event.subscribeEvent', { type: 1, accounts: [bob.accid], subscribeTime: 3600, sync: true });
  await watcher.event('pushEvents', of(bob, 1));
  await phone.call('event.publishEvent', { type: 1, value: 10005, ext: 'away', validTime: 600, broadcastType: 1, sync: true });
  const got = pick(await watcher.event('pushEvents', of(bob, 10005)), bob);
  assert.match(JSON.stringify(got), /away/);
  assert.ok(pick(await desk.event('pushEvents', of(bob, 10005)), bob));
  assert.equal(phone.seen('pushEvents', of(bob, 10005)).length, 0);
});

scenario('subscriptions are listed, ended one by one and all together', {
  proves: ['nim/cmd/querySubscribeEventsByAccounts', 'nim/cmd/querySubscribeEventsByType', 'nim/cmd/unSubscribeEventsByAccounts', 'nim/cmd/unSubscribeEventsByType'],
}, async (ctx) => {
  const [alice, bob, carol] = [await ctx.account('alice'), await ctx.account('bob'), await ctx.account('carol')];
  const watcher = await ctx.login(alice);
  const names = (r) => (Array.isArray(r) ? r : r.msgEventSubscribes ?? Object.values(r)[0]).map((x) => x.to ?? x.account).sort();
  await watcher.call('event.subscribeEvent', { type: 1, accounts: [bob.accid, carol.accid], subscribeTime: 3600, sync: false });
  assert.deepEqual(names(await watcher.call('event.querySubscribeEvents', { type: 1 })), [bob.accid, carol.accid].sort());
  assert.deepEqual(names(await watcher.call('event.querySubscribeEvents', { type: 1, accounts: [bob.accid, alice.accid] })), [bob.accid]);
  await watcher.call('event.unSubscribeEvents', { type: 1, accounts: [bob.accid] });
  assert.deepEqual(names(await watcher.call('event.querySubscribeEvents', { type: 1 })), [carol.accid]);
  const since = watcher.mark();
  const b = await ctx.login(bob, { kind: 'mini-0.17.2' });
  const c = await ctx.login(carol, { kind: 'mini-0.17.2' });
  await watcher.event('pushEvents', of(carol), { since });
  assert.equal(watcher.seen('pushEvents', of(bob), since).length, 0);
  await watcher.call('event.unSubscribeEvents', { type: 1 });
  assert.deepEqual(names(await watcher.call('event.querySubscribeEvents', { type: 1 })), []);
  await Promise.all([b.call('disconnect'), c.call('disconnect')]);
});

scenario('subscribing through the server API', {
  kinds: ['mini-0.15.0', 'mini-0.17.2'],
  proves: ['rest/event/subscribe/add', 'rest/event/subscribe/delete', 'rest/event/subscribe/batchdel', 'rest/event/subscribe/query', 'nim/event/pushEvents'],
}, async (ctx) => {
  const app = server.apps[0];
  const [alice, bob] = [await ctx.account('alice'), await ctx.account('bob')];
  const watcher = await ctx.login(alice);
  const who = { accid: alice.accid, eventType: 1, publisherAccids: [bob.accid, 'nobody-at-all'] };
  assert.deepEqual((await app.restOK('event/subscribe/add.action', { ...who, ttl: 3600 })).failedAccid, ['nobody-at-all']);
  const { subscribes } = await app.restOK('event/subscribe/query.action', who);
  assert.deepEqual(subscribes.map((x) => [x.accid, x.eventType, Math.round((x.expireTime - x.subscribeTime) / 1000)]), [[bob.accid, 1, 3600]]);
  const phone = await ctx.login(bob);
  await watcher.event('pushEvents', of(bob, 1));
  await app.restOK('event/subscribe/delete.action', who);
  assert.deepEqual((await app.restOK('event/subscribe/query.action', who)).subscribes, []);
  const since = watcher.mark();
  await phone.call('disconnect');
  await new Promise((r) => setTimeout(r, 300));
  assert.equal(watcher.seen('pushEvents', of(bob), since).length, 0);
  await app.restOK('event/subscribe/add.action', { ...who, ttl: 3600 });
  await app.restOK('event/subscribe/batchdel.action', { accid: alice.accid, eventType: 1 });
  assert.deepEqual((await app.restOK('event/subscribe/query.action', who)).subscribes, []);
});

offApp('an app without presence refuses', { kinds: ['mini-0.17.2'], proves: [] }, async (ctx) => {
  await server.apps[1].set('presence=false');
  const alice = await ctx.account('alice');
  const watcher = await ctx.login(alice);
  await eventually(() => watcher.call('event.subscribeEvent', { type: 1, accounts: [alice.accid], subscribeTime: 60, sync: false }).then(() => false, (e) => e.code === 403), { what: '403' });
});
