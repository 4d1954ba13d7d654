import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite } from '../lib/suite.mjs';
import { useServer } from '../lib/server.mjs';
import { eventually, NODE_KINDS } from '../lib/clients.mjs';

const server = useServer({ apps: 3 });
const scenario = suite(() => server.apps[0]);
const policy1 = suite(() => server.apps[1]);
const policy2 = suite(() => server.apps[2]);

// Settings of a running server change within a second: a probe account tells when they have.
async function setPolicy(ctx, app, n, exclusive) {
  await app.set(`multi_device_policy=${n}`);
  const probe = await ctx.account('probe');
  await eventually(async () => {
    const first = await ctx.login(probe, { kind: 'mini-0.17.2' });
    const second = await ctx.login(probe, { kind: 'mini-0.17.2' });
    // The verdict over the first device falls before the second one's login is answered or right after it.
    const kicked = await first.event('kicked', undefined, { timeout: 300 }).then(() => true, () => false);
    await Promise.all([first.close(), second.close()]);
    return kicked === exclusive;
  }, { timeout: 8000, what: `policy ${n}` });
}

scenario('a second device is announced, and its leaving too', {
  proves: ['nim/cmd/multiPortLogin', 'nim/event/multiPortLogin', 'nim/cmd/logout', 'nim/cmd/login'],
}, async (ctx) => {
  const account = await ctx.account('alice');
  const phone = await ctx.login(account);
  const since = phone.mark();
  const desk = await ctx.login(account, { kind: ctx.otherKind, options: { customTag: 'the desk' } });
  const [known] = await desk.event('multiPortLogin');
  assert.equal(known.account, account.accid);
  assert.equal(known.online, true);
  assert.equal(known.type, ctx.kind.startsWith('uni') ? 'Android' : 'Web');
  assert.equal(known.connectionId, (await phone.event('logined')).connectionId);
  assert.ok(desk.events.findIndex((e) => e.name === 'multiPortLogin') < desk.events.findIndex((e) => e.name === 'logined'), 'before logined');

  const [arrived] = await phone.event('multiPortLogin', (p) => p[0].online, { since });
  assert.equal(arrived.connectionId, (await desk.event('logined')).connectionId);
  assert.equal(arrived.customTag, 'the desk');
  assert.equal(arrived.ip, '127.0.0.1');
  assert.ok(arrived.deviceId, 'a device id even for 0.15.0, which logs in with an empty one');
  assert.ok(Math.abs(arrived.time - Date.now()) < 60000);

  await desk.call('disconnect');
  assert.equal(desk.packets('<-', '2-6')[0].code, 200);
  const [left] = await phone.event('multiPortLogin', (p) => !p[0].online, { since });
  assert.equal(left.connectionId, arrived.connectionId);
  // Gone means gone: the next device sees only the phone.
  const next = await ctx.login(account, { kind: ctx.otherKind });
  assert.equal((await next.event('multiPortLogin')).length, 1);
});

scenario('a lost connection is announced as well', { kinds: ['mini-0.15.0', 'mini-0.17.2'], proves: ['nim/cmd/multiPortLogin', 'nim/event/multiPortLogin'] }, async (ctx) => {
  const account = await ctx.account('alice');
  const phone = await ctx.login(account);
  const desk = await ctx.login(account);
  await desk.kill();
  await phone.event('multiPortLogin', (p) => !p[0].online);
});

scenario('kick another device', { proves: ['nim/cmd/kick', 'nim/cmd/kicked', 'nim/event/kicked', 'nim/event/multiPortLogin'] }, async (ctx) => {
  const account = await ctx.account('alice');
  const phone = await ctx.login(account);
  const desk = await ctx.login(account, { kind: ctx.otherKind });
  const third = await ctx.login(account, { kind: ctx.otherKind });
  const deskConnection = (await desk.event('logined')).connectionId;
  const [port] = await phone.event('multiPortLogin', (p) => p[0].connectionId === deskConnection);
  const result = await phone.call('kick', { deviceIds: [port.deviceId] });
  assert.deepEqual(result.deviceIds ?? result, [port.deviceId]);
  const reason = await desk.event('kicked');
  assert.equal(reason.reason, 'otherPlatformKick');
  assert.equal(reason.clientType, ctx.kind.startsWith('uni') ? 'Android' : 'Web');
  assert.equal(await desk.status(), 'unconnected');
  assert.equal(desk.seen('willReconnect').length, 0, 'a kicked client does not come back');
  await phone.event('multiPortLogin', (p) => !p[0].online && p[0].connectionId === deskConnection);
  await third.event('multiPortLogin', (p) => !p[0].online && p[0].connectionId === deskConnection);
  assert.equal(third.seen('kicked').length, 0);
  assert.equal(phone.seen('kicked').length, 0);
  // By hand it may come back.
  await desk.connect();
  assert.equal(await desk.status(), 'logined');
  assert.deepEqual(await phone.call('kick', { deviceIds: ['no such device'] }).then((r) => r.deviceIds ?? r), []);
});

scenario('the same device id again replaces the old connection silently', { kinds: ['mini-0.17.2'], proves: ['nim/cmd/kicked', 'nim/event/kicked'] }, async (ctx) => {
  const account = await ctx.account('alice');
  const deviceId = randomBytes(16).toString('hex');
  const first = await ctx.login(account, { options: { deviceId } });
  const second = await ctx.login(account, { options: { deviceId } });
  assert.equal((await first.event('kicked')).reason, 'silentlyKick');
  assert.equal(await second.status(), 'logined');
  // Another account on the same device is none of its business.
  const other = await ctx.login(await ctx.account('bob'), { options: { deviceId } });
  assert.equal(await other.status(), 'logined');
  await second.sendText(other.account, 'still here');
  await other.event('msg');
});

scenario('0.15.0 logs in with an empty device id and still counts as several devices', { kinds: ['mini-0.15.0'], proves: ['nim/cmd/login'] }, async (ctx) => {
  const account = await ctx.account('alice');
  const first = await ctx.login(account);
  const second = await ctx.login(account);
  assert.equal(second.packets('->', '2-3')[0].body[0][13], '');
  await first.event('multiPortLogin');
  await second.call('user.getUsersNameCardFromServer', { accounts: [account.accid] });
  assert.equal(await first.status(), 'logined');
  assert.equal(first.seen('kicked').length, 0);
});

scenario('the oldest device leaves when there are too many', { kinds: ['mini-0.17.2'], proves: ['nim/cmd/login', 'nim/event/kicked'] }, async (ctx) => {
  const account = await ctx.account('alice');
  const devices = [];
  for (let i = 0; i < 11; i++) devices.push(await ctx.login(account));
  await devices[0].event('kicked');
  for (const d of devices.slice(1)) assert.equal(await d.status(), 'logined');
});

policy1('policy 1: only one client', { kinds: ['mini-0.15.0', 'mini-0.17.2', 'browser-0.17.2'], proves: ['nim/cmd/login', 'nim/cmd/kicked', 'nim/event/kicked'] }, async (ctx) => {
  await setPolicy(ctx, server.apps[1], 1, true);
  const account = await ctx.account('alice');
  const android = await ctx.login(account, { kind: 'uni-0.17.2' });
  const web = await ctx.login(account);
  const reason = await android.event('kicked');
  assert.equal(reason.reason, 'samePlatformKick');
  assert.equal(reason.clientType, 'Web');
  assert.equal(await android.status(), 'unconnected');
  assert.equal(await web.status(), 'logined');
  // Other accounts are not concerned.
  const bob = await ctx.login(await ctx.account('bob'));
  await web.sendText(bob.account, 'hi');
  await bob.event('msg');
});

policy1('policy 1: an automatic reconnect does not kick the device that took over', { kinds: ['mini-0.17.2'], proves: ['nim/cmd/login'] }, async (ctx) => {
  await setPolicy(ctx, server.apps[1], 1, true);
  const account = await ctx.account('alice');
  const old = await ctx.login(account);
  old.setNetwork(false);
  await old.event('willReconnect');
  const taker = await ctx.login(account);
  old.setNetwork(true);
  await eventually(() => old.packets('<-', '2-3').at(-1).code === 417, { what: '417 for the automatic login' });
  assert.equal(await taker.status(), 'logined');
  assert.equal(taker.seen('kicked').length, 0);
});

policy2('policy 2: one desktop and one mobile', { kinds: ['mini-0.15.0', 'mini-0.17.2', 'browser-0.15.0'], proves: ['nim/cmd/login', 'nim/cmd/kicked', 'nim/event/kicked'] }, async (ctx) => {
  await setPolicy(ctx, server.apps[2], 2, true);
  const account = await ctx.account('alice');
  const android = await ctx.login(account, { kind: 'uni-0.17.2' });
  const web = await ctx.login(account);
  const newWeb = await ctx.login(account, { kind: ctx.otherKind });
  assert.equal((await web.event('kicked')).reason, 'samePlatformKick');
  assert.equal(await android.status(), 'logined');
  const newAndroid = await ctx.login(account, { kind: 'uni-0.17.2' });
  assert.equal((await android.event('kicked')).clientType, 'Android');
  assert.equal(await newWeb.status(), 'logined');
  assert.equal(newWeb.seen('kicked').length, 0);
  assert.equal(await newAndroid.status(), 'logined');
});

scenario('commands are refused by the SDK itself when it is not logged in', { kinds: NODE_KINDS, proves: [] }, async (ctx) => {
  const alice = await ctx.client(await ctx.account('alice'));
  await assert.rejects(alice.sendText('bob', 'too early'), (e) => e.code === 'No_connected');
});
