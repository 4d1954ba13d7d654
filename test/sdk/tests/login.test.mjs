import assert from 'node:assert/strict';
import { suite } from '../lib/suite.mjs';
import { useServer } from '../lib/server.mjs';
import { eventually, NODE_KINDS } from '../lib/clients.mjs';
import { startReceiver } from '../lib/receiver.mjs';

// Apps of their own for tests that change settings.
const server = useServer({ apps: 4 });
const scenario = suite(() => server.apps[0]);
const callbackScenario = suite(() => server.apps[1]);
const methodScenario = suite(() => server.apps[2]);
const foreignScenario = suite(() => server.apps[3]);

const refused = (code) => (e) => { assert.equal(e.code, code, e.message); return true; };

scenario('static token: logined, sync, connect resolves', {
  proves: [
    'nim/cmd/login', 'nim/cmd/sync', 'nim/cmd/heartbeat', 'nim/cmd/getGrayscaleConfig', 'nim/cmd/getNosCdnHost',
    'nim/cmd/syncMyNameCard', 'nim/cmd/syncRelations', 'nim/cmd/syncSessionAck', 'nim/cmd/syncSuperTeamSessionAck',
    'nim/event/logined', 'nim/event/syncdone', 'nim/event/syncMyNameCard', 'nim/event/relations', 'rest/user/create',
  ],
}, async (ctx) => {
  const account = await ctx.account('alice', { name: 'Alice', sign: 'hello 鸿雁' });
  const alice = await ctx.client(account);
  assert.equal(await alice.status(), 'unconnected');
  await alice.connect();
  assert.equal(await alice.status(), 'logined');

  const result = await alice.event('logined');
  assert.ok(result.connectionId, 'connectionId');
  assert.equal(result.ip, '127.0.0.1');
  assert.match(String(result.port), /^\d+$/);
  const order = alice.events.map((e) => e.name);
  assert.equal(order[0], 'logined', `events: ${order}`);
  assert.ok(order.indexOf('syncMyNameCard') < order.indexOf('syncdone'), `events: ${order}`);
  assert.ok(order.includes('relations'), `events: ${order}`);
  assert.equal(order.filter((n) => n === 'syncdone').length, 1);
  const card = await alice.event('syncMyNameCard');
  assert.equal(card.account, account.accid);
  assert.equal(card.nick, 'Alice');
  assert.equal(card.signature, 'hello 鸿雁');

  const [answer] = alice.packets('<-', '2-3');
  assert.equal(answer.code, 200);
  for (const id of ['6-27', '6-26', '5-1']) {
    assert.equal(alice.packets('<-', id).length, alice.packets('->', id).length, `answers to ${id}`);
    assert.equal(alice.packets('<-', id).at(-1).code, 200, id);
  }
  assert.equal(typeof alice.packets('<-', '5-1')[0].body[0], 'number');
  assert.ok(Math.abs(alice.packets('<-', '5-1')[0].body[0] - Date.now()) < 60000, 'server time');
  await eventually(() => alice.packets('<-', '1-2').length > 0, { what: 'answer to the first heartbeat' });
  // The client shows no other device, so its own entry carried its own connection id.
  assert.equal(alice.seen('multiPortLogin').length, 0);
});

scenario('a wrong token is 302', { proves: ['nim/cmd/login'] }, async (ctx) => {
  const account = await ctx.account('alice');
  const alice = await ctx.client(account, { options: { token: 'wrong' } });
  await assert.rejects(alice.connect(), refused(302));
  assert.equal(await alice.status(), 'unconnected');
  assert.equal(alice.seen('logined').length, 0);
  assert.equal(alice.seen('willReconnect').length, 0);
});

scenario('an unknown account is 302', { kinds: NODE_KINDS, proves: ['nim/cmd/login'] }, async (ctx) => {
  const nobody = await ctx.client({ accid: `nobody_${ctx.tag}`, token: 'x' });
  await assert.rejects(nobody.connect(), refused(302));
});

scenario('a foreign app key is 302', { kinds: NODE_KINDS, proves: ['nim/cmd/login'] }, async (ctx) => {
  const account = await ctx.account('alice');
  const unknown = await ctx.client(account, { options: { appkey: 'ffffffffffffffffffffffffffffffff' } });
  await assert.rejects(unknown.connect(), refused(302));
  // An app that exists, but that this account does not belong to.
  const other = await ctx.client(account, { options: { appkey: server.apps[3].key } });
  await assert.rejects(other.connect(), refused(302));
});

foreignScenario('the same account name in two apps is two accounts', { kinds: ['mini-0.17.2'], proves: ['nim/cmd/login', 'nim/cmd/sendMsg'] }, async (ctx) => {
  const here = await ctx.account('bob');
  const there = await server.apps[0].account(here.accid);
  const alice = await ctx.login(await ctx.account('alice'));
  const bob = await ctx.login(here);
  const stranger = await ctx.login(there, { options: { appkey: server.apps[0].key } });
  await alice.sendText(here, 'only here');
  await bob.event('msg', (m) => m.body === 'only here');
  await stranger.sendText(there, 'to myself');
  assert.equal(stranger.seen('msg').length, 0);
  assert.deepEqual(await stranger.history(alice.account), []);
});

scenario('logs in by the canonical name whatever the case', { kinds: ['mini-0.17.2'], proves: ['nim/cmd/login', 'rest/user/create'] }, async (ctx) => {
  const { info } = await server.apps[0].restOK('user/create.action', { accid: `CamelCase_${ctx.tag}` });
  assert.equal(info.accid, `camelcase_${ctx.tag}`);
  const alice = await ctx.client({ accid: `CAMELcase_${ctx.tag}`, token: info.token });
  await alice.connect();
  assert.equal((await alice.event('syncMyNameCard')).account, info.accid);
});

scenario('dynamic token (authType 1)', { kinds: NODE_KINDS, proves: ['nim/cmd/login'] }, async (ctx) => {
  const app = server.apps[0];
  const account = await ctx.account('alice');
  const login = (token) => ctx.login(account, { options: { authType: 1, token } });
  const good = await login(app.dynamicToken(account.accid));
  assert.equal(await good.status(), 'logined');
  const hour = 3600e3;
  await assert.rejects(login(app.dynamicToken(account.accid, { time: Date.now() - 2 * hour, ttl: 60 })), refused(302), 'expired');
  await assert.rejects(login(app.dynamicToken(account.accid, { time: Date.now() + hour })), refused(302), 'not yet valid');
  await assert.rejects(login(app.dynamicToken(account.accid, { secret: 'guess' })), refused(302), 'wrong secret');
  await assert.rejects(login(app.dynamicToken(`other_${ctx.tag}`)), refused(302), 'token of another account');
  await assert.rejects(login('not base64 of JSON'), refused(302), 'garbage');
  await assert.rejects(login(account.token), refused(302), 'static token under authType 1');
});

callbackScenario('third-party callback (authType 2)', { kinds: ['mini-0.15.0', 'mini-0.17.2'], proves: ['nim/cmd/login'] }, async (ctx) => {
  const app = server.apps[1];
  const account = await ctx.account('alice');
  const receiver = await startReceiver(app, (body) => (body.token === 'third-party ok' ? { errCode: 0 } : { errCode: 1 }));
  ctx.after(() => receiver.stop());
  const login = (token, options) => ctx.login(account, { options: { authType: 2, token, ...options } });

  // Nothing to ask yet, whether because of a first run or of the reset below.
  await app.set('callback_url=', 'callback_events=');
  await eventually(() => login('third-party ok').then(() => false, (e) => e.code === 302), { what: '302 without a callback' });

  await app.set(`callback_url=${receiver.url}`, 'callback_events=36');
  const alice = await eventually(() => login('third-party ok', { loginExt: 'ext of the app', customTag: 'tag-1' }), { what: 'login by callback', every: 100 });
  assert.equal(await alice.status(), 'logined');
  assert.deepEqual(receiver.faults, []);
  const call = receiver.calls.at(-1);
  assert.equal(call.eventType, 36);
  assert.equal(call.fromAccount, account.accid);
  assert.equal(call.token, 'third-party ok');
  assert.equal(call.authType, 2);
  assert.equal(call.loginExt, 'ext of the app');
  assert.equal(call.customTag, 'tag-1');
  assert.equal(call.fromClientType, 'WEB');
  assert.equal(call.fromClientIp, '127.0.0.1');
  assert.match(call.timestamp, /^\d{13}$/);

  await assert.rejects(login('something else'), refused(302));
  // The callback is no substitute for an account, and a silent receiver is a refusal whatever the default policy says.
  await assert.rejects(ctx.login({ accid: `nobody_${ctx.tag}`, token: 'third-party ok' }, { options: { authType: 2 } }), refused(302));
  await receiver.stop();
  await assert.rejects(login('third-party ok'), refused(302));
  // The other methods do not need the receiver.
  const plain = await ctx.login(account);
  assert.equal(await plain.status(), 'logined');
});

methodScenario('a disabled method is 403', { kinds: ['mini-0.15.0', 'mini-0.17.2'], proves: ['nim/cmd/login'] }, async (ctx) => {
  const app = server.apps[2];
  const account = await ctx.account('alice');
  const dynamic = () => ctx.login(account, { options: { authType: 1, token: app.dynamicToken(account.accid) } });
  await app.set('login_methods=static,dynamic,callback');
  await eventually(dynamic, { what: 'login by dynamic token', every: 100 });
  await app.set('login_methods=static');
  await eventually(() => dynamic().then(() => false, (e) => e.code === 403), { what: '403', timeout: 3000, every: 100 });
  await assert.rejects(ctx.login(account, { options: { authType: 2, token: 'x' } }), refused(403));
  await ctx.login(account);
});

scenario('a blocked account is 422 until it is unblocked', {
  kinds: NODE_KINDS, proves: ['nim/cmd/login', 'rest/user/block', 'rest/user/unblock', 'nim/cmd/kicked', 'nim/event/kicked'],
}, async (ctx) => {
  const app = server.apps[0];
  const account = await ctx.account('alice');
  const alice = await ctx.login(account);
  await app.restOK('user/block.action', { accid: account.accid, needkick: true, kickNotifyExt: 'see you' });
  const reason = await alice.event('kicked');
  assert.equal(reason.reason, 'serverKick');
  assert.equal(reason.ext, 'see you');
  assert.equal(await alice.status(), 'unconnected');
  assert.equal(alice.seen('willReconnect').length, 0);
  await assert.rejects(ctx.login(account), refused(422));
  await app.restOK('user/unblock.action', { accid: account.accid });
  await ctx.login(account);
});

scenario('a refused automatic login goes on with the token of setOptions', {
  // Five seconds of back-off each: one build per platform and version is enough.
  kinds: ['mini-0.15.0', 'mini-0.17.2', 'browser-0.17.2'],
  proves: ['nim/cmd/login', 'nim/event/willReconnect', 'nim/event/disconnect', 'rest/user/refreshToken'],
}, async (ctx) => {
  const account = await ctx.account('alice');
  const alice = await ctx.login(account);
  const { info } = await server.apps[0].restOK('user/refreshToken.action', { accid: account.accid });
  assert.notEqual(info.token, account.token);
  const since = alice.mark();
  await alice.drop();
  await alice.event('willReconnect', (p) => p.retryCount === 1, { since });
  await alice.event('disconnect', undefined, { since });
  // The automatic login with the old token is refused, and the SDK only tries again.
  await alice.event('willReconnect', (p) => p.retryCount === 2, { since });
  const logins = alice.packets('->', '2-3');
  assert.equal(logins.at(-1).body[0][8], 0, 'an automatic login says appLogin 0');
  assert.equal(logins[0].body[0][8], 1);
  assert.equal(alice.packets('<-', '2-3').at(-1).code, 302);
  await alice.call('setOptions', { token: info.token });
  await alice.event('logined', undefined, { since });
  await alice.event('syncdone', undefined, { since });
  await assert.rejects(ctx.login(account), refused(302), 'the old token is dead');
});

scenario('needReconnect false: disconnect only, and connect again by hand', { kinds: NODE_KINDS, proves: ['nim/event/disconnect', 'nim/cmd/login'] }, async (ctx) => {
  const alice = await ctx.login(await ctx.account('alice'), { options: { needReconnect: false } });
  const since = alice.mark();
  await alice.drop();
  await alice.event('disconnect', undefined, { since });
  assert.equal(await alice.status(), 'unconnected');
  assert.equal(alice.seen('willReconnect').length, 0);
  await alice.connect();
  await alice.event('syncdone', undefined, { since });
});

scenario('getInstance, destroy, and a new instance', { proves: ['nim/cmd/logout', 'nim/cmd/login', 'nim/event/disconnect'] }, async (ctx) => {
  const account = await ctx.account('alice');
  const watcher = await ctx.login(account, { kind: ctx.otherKind });
  const alice = await ctx.client(account, { create: false });
  assert.equal(await alice.getInstance(alice.options, alice.other), 0);
  await alice.connect();
  await watcher.event('multiPortLogin', (ports) => ports[0].online);
  await alice.call('destroy');
  assert.equal(await alice.status(), 'destroyed');
  assert.equal(alice.packets('->', '2-6').length, 1);
  assert.equal(alice.packets('<-', '2-6')[0]?.code, 200);
  await watcher.event('multiPortLogin', (ports) => !ports[0].online);
  const since = alice.mark();
  assert.equal(await alice.getInstance(alice.options, alice.other), 1);
  await alice.connect();
  assert.ok(alice.events.slice(since).every((e) => e.instance === 1), 'the destroyed instance is silent');
  await alice.call('disconnect');
  assert.equal(await alice.status(), 'unconnected');
});

scenario('address service: both paths, its links first, linkUrl when it is down', { kinds: NODE_KINDS, proves: ['nim/cmd/login'] }, async (ctx) => {
  const account = await ctx.account('alice');
  const { lbsUrls: [lbs], linkUrl } = server.options();
  const wx = await ctx.login(account, { options: { lbsUrls: [lbs.replace('webconf', 'wxwebconf')], linkUrl: '127.0.0.1:1' } });
  assert.equal(await wx.status(), 'logined');
  const direct = await ctx.login(account, { options: { lbsUrls: ['https://127.0.0.1:1/lbs/webconf.jsp'], linkUrl } });
  assert.equal(await direct.status(), 'logined');
});
