// What an app meets seldom: packets for many messages at once, addresses of the other products, notifications of a kind no
// call sends, push data of a phone, and lists that are cut.
import assert from 'node:assert/strict';
import { suite } from '../lib/suite.mjs';
import { useServer } from '../lib/server.mjs';
import { eventually, KINDS, NODE_KINDS } from '../lib/clients.mjs';

const server = useServer({ apps: 3 });
const scenario = suite(() => server.apps[0]);
const cutting = suite(() => server.apps[1]);
const flooding = suite(() => server.apps[2]);
const flat = (client, name) => client.seen(name).flatMap((e) => e.args[0].msgs);

async function pair(ctx) {
  const [a, b] = await Promise.all([ctx.account('alice', { name: 'Alice' }), ctx.account('bob', { name: 'Bob' })]);
  return { a, b, alice: await ctx.login(a), bob: await ctx.login(b, { kind: ctx.otherKind }) };
}

scenario('where the other products are', { kinds: KINDS, proves: ['nim/cmd/getChatroomAddress', 'nim/cmd/getQChatAddress'] }, async (ctx) => {
  const alice = await ctx.login(await ctx.account('alice'));
  const link = server.options().linkUrl;
  assert.deepEqual(await alice.call('plugin.getQChatAddress', { ipType: 1 }), [link]);
  assert.deepEqual(await alice.call('plugin.getChatroomAddress', { chatroomId: '1' }), [link]);
});

scenario('answers to friend requests change what the app has of them', {
  kinds: NODE_KINDS, proves: ['nim/event/updateSystemMessages', 'nim/cmd/friendReuqest'],
}, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  for (const [call, state] of [['rejectFriendApply', 'decline'], ['passFriendApply', 'pass']]) {
    const since = bob.mark();
    await alice.call('friend.applyFriend', { account: b.accid, ps: 'please' });
    const asked = await bob.event('sysMsg', (s) => s.type === 'friendRequest' && s.from === a.accid, { since });
    await bob.call(`friend.${call}`, { account: a.accid, idServer: asked.idServer, ps: 'thus' });
    const [changed] = await bob.event('updateSystemMessages', undefined, { since });
    assert.deepEqual([changed.from, changed.state, changed.idServer], [a.accid, state, asked.idServer]);
  }
});

scenario('filtered notifications', {
  kinds: NODE_KINDS, proves: ['nim/cmd/sendFilterCustomSysMsg', 'nim/cmd/onSysMsg', 'nim/cmd/syncOfflineSysMsgs'],
}, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  // No call of the SDK sends 101-7, but the instance can.
  const send = (n, stored) => alice.call('sendCmd', 'sendFilterCustomSysMsg', { sysMsg: { type: 100, to: b.accid, attach: `{"n":${n}}`, needSaveOffline: stored } });
  await send(1, 0);
  const live = await bob.event('sysMsg');
  assert.deepEqual([live.type, live.from, live.attach], ['customP2p', a.accid, { n: 1 }]);
  assert.equal(bob.packets('<-', '101-3').length + bob.packets('<-', '4-1').length, 1);
  await bob.call('disconnect');
  await send(2, 1);
  const back = await ctx.login(b);
  assert.deepEqual(back.seen('syncSysMsgs').flatMap((e) => e.args[0]).map((n) => n.attach), [{ n: 2 }]);
  assert.equal(back.packets('<-', '4-101').length, 1);
  await eventually(() => back.packets('->', '4-5').length > 0, { what: 'acknowledgement' });
  await eventually(async () => (await ctx.login(b)).packets('<-', '4-101').length === 0, { what: 'the end of the queue' });
});

scenario('one message deleted for oneself', { kinds: NODE_KINDS, proves: ['nim/cmd/onDeleteSelfMsg', 'nim/cmd/deleteSelfMsgs', 'nim/event/deleteSelfMsgs'] }, async (ctx) => {
  const { a, b, alice } = await pair(ctx);
  const desk = await ctx.login(a, { kind: ctx.otherKind });
  const sent = await alice.sendText(b, 'mine');
  await desk.event('msg', (m) => m.idClient === sent.idClient);
  await alice.call('msg.deleteSelfMsgs', { msgs: [sent] });
  const [gone] = await desk.event('deleteSelfMsgs');
  assert.deepEqual([gone.scene, gone.idClient, gone.idServer, gone.time], ['p2p', sent.idClient, sent.idServer, sent.time]);
  assert.equal(desk.packets('<-', '7-123').length, 1);
  await eventually(async () => !(await desk.session(b))?.lastMsg, { what: 'the session without it' });
  assert.deepEqual(await alice.history(b), []);
});

cutting('more messages than a sync gives', {
  kinds: NODE_KINDS, proves: ['nim/cmd/nimSyncSessionsWithMoreRoaming', 'nim/cmd/syncSessionReliableInfo', 'nim/cmd/syncRoamingMsgs'],
}, async (ctx) => {
  const app = server.apps[1];
  const { a, b, alice } = await pair(ctx);
  const sent = [];
  for (let i = 0; i < 4; i++) sent.push(await alice.sendText(b, `m${i}`));
  const tid = String((await app.restOK('superteam/create.action', { owner: a.accid, inviteAccids: [b.accid], tname: 'legion', beinvitemode: 1 })).tid);
  for (let i = 0; i < 3; i++) await alice.call('msg.sendTextMsg', { scene: 'superTeam', to: tid, body: `s${i}` });
  await app.set('roaming_per_session=2');
  await eventually(async () => {
    const fresh = await ctx.login(a);
    if (flat(fresh, 'syncRoamingMsgs').length !== 4) return false;
    const [[more]] = fresh.packets('<-', '4-22').map((p) => p.body);
    assert.deepEqual(more.map((x) => [x['0'], x['1']]), [['0', b.accid], ['5', tid]]);
    assert.deepEqual([more[0]['7'], more[0]['12']], [String(sent[2].time), sent[2].idServer], 'the oldest that was given');
    const [[, spans]] = fresh.packets('<-', '4-25').map((p) => p.body);
    assert.deepEqual(spans.map((x) => [x['2'], x['4'] !== x['7']]), [[b.accid, true], [tid, true]]);
    assert.deepEqual([spans[0]['4'], spans[0]['7']], [sent[3].idServer, sent[2].idServer]);
    // What the app does about it: ask for the rest.
    const rest = await fresh.history(b, { endTime: sent[2].time, lastMsgId: sent[2].idServer });
    assert.deepEqual(rest.map((m) => m.idServer), [sent[1].idServer, sent[0].idServer]);
    return true;
  }, { timeout: 8000, what: 'the setting' });
});

flooding('logging in while a team talks: everything arrives once, what had to wait in one packet', {
  kinds: ['mini-0.15.0', 'mini-0.17.2'], proves: ['nim/cmd/nimOnTeamMsgs', 'nim/cmd/syncOfflineMsgs', 'nim/event/msg'],
}, async (ctx) => {
  await server.apps[2].set('send_rate=0');
  const { b, alice, bob } = await pair(ctx);
  await bob.close();
  const { teamId } = await alice.call('team.createTeam', { type: 'advanced', name: 'crew', accounts: [b.accid], beInviteMode: 'noVerify' });
  const sent = [];
  let talking = true;
  const voices = Array.from({ length: 40 }, async () => {
    while (talking) await alice.call('msg.sendTextMsg', { scene: 'team', to: teamId, body: 'x' }).then((m) => sent.push(m.idClient), () => new Promise((r) => setTimeout(r, 200)));
  });
  let device;
  const got = () => [...device.seen('msg').map((e) => e.args[0]), ...flat(device, 'syncOfflineMsgs'), ...flat(device, 'syncRoamingMsgs')].map((m) => m.idClient);
  for (let i = 0; i < 40; i++) {
    device = await ctx.login(b);
    if (device.packets('<-', '8-4').length > 0) break;
    await device.close();
  }
  talking = false;
  await Promise.all(voices);
  const [[several]] = device.packets('<-', '8-4').map((p) => p.body);
  assert.ok(several.length > 1);
  // A sync gives the newest hundred of a conversation; from there on nothing is missing, and nothing came twice.
  await eventually(() => got().includes(sent.at(-1)), { what: 'the last message' });
  const all = got();
  assert.equal(new Set(all).size, all.length, 'nothing twice');
  const first = Math.min(...several.map((m) => sent.indexOf(m['11'])));
  const history = await device.call('msgLog.getHistoryMsgs', { scene: 'team', to: teamId, limit: 100 });
  const held = history.findIndex((m) => m.idClient === several[0]['11']);
  for (const m of history.slice(0, held < 0 ? undefined : held + 1)) assert.ok(all.includes(m.idClient), `${m.idServer} is missing`);
  assert.ok(first >= 0);
});

// RC4, in which the push plugins hand over the tokens of devices.
function rc4(key, text) {
  const s = Array.from({ length: 256 }, (_, i) => i);
  for (let i = 0, j = 0; i < 256; i++) {
    j = (j + s[i] + key[i % key.length]) & 255;
    [s[i], s[j]] = [s[j], s[i]];
  }
  let i = 0;
  let j = 0;
  return Buffer.from(text).map((c) => {
    i = (i + 1) & 255;
    j = (j + s[i]) & 255;
    [s[i], s[j]] = [s[j], s[i]];
    return c ^ s[(s[i] + s[j]) & 255];
  });
}

scenario('a phone tells its push token and that it sleeps; messages do not care', {
  kinds: ['uni-0.15.0', 'uni-0.17.2'], proves: ['nim/cmd/updatePushToken', 'nim/cmd/updateAppBackground', 'rest/user/setDonnop'],
}, async (ctx) => {
  const { a, b, alice } = await pair(ctx);
  const phone = await ctx.client(b);
  const token = rc4(Buffer.from('557d1e3cafa43e2589a588270c53d56f'), 'device-token').toString('base64');
  await phone.call('offlinePush.setOfflinePushConfig', {
    plugin: { getDeviceToken: { $fn: `(options, done) => done(${JSON.stringify(token)})` } }, authConfig: { fcmCertificateName: 'cert' },
  });
  await phone.connect();
  await eventually(() => phone.packets('->', '3-1').length === 1 && phone.packets('<-', '3-1').length === 1, { what: 'the token' });
  assert.deepEqual(phone.packets('->', '3-1')[0].body.slice(0, 2), ['cert', 'device-token']);
  await phone.call('offlinePush.updateAppBackground', { isBackground: true, badge: 3 });
  assert.ok(['3-1', '3-2'].every((id) => phone.packets('<-', id).every((p) => p.code === 200)));
  await server.apps[0].restOK('user/setDonnop.action', { accid: b.accid, donnopOpen: true });
  await phone.call('user.setMute', { account: a.accid, isAdd: true });
  const sent = await alice.sendText(b, 'wake up');
  await phone.event('msg', (m) => m.idClient === sent.idClient);
  assert.equal((await phone.session(a)).unread, 1, 'not disturbing is about pushes alone');
  await phone.call('offlinePush.updateAppBackground', { isBackground: false });
});
