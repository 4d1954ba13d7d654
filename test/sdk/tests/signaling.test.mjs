// Signaling (docs/protocol/nim-social.md section 12): the service is an emitter of its own, nim.signaling.
import assert from 'node:assert/strict';
import { suite } from '../lib/suite.mjs';
import { useServer } from '../lib/server.mjs';
import { eventually } from '../lib/clients.mjs';

const server = useServer();
const scenario = suite(() => server.apps[0]);

const push = { needPush: false, pushTitle: 'call', pushContent: 'alice calls', pushPayload: '{}', needPushBadge: true };
const code = (n) => (e) => e.code === n;

async function three(ctx) {
  const [alice, bob] = [await ctx.account('alice'), await ctx.account('bob')];
  const caller = await ctx.login(alice);
  const phone = await ctx.login(bob);
  const desk = await ctx.login(bob, { kind: ctx.otherKind });
  return { alice, bob, caller, phone, desk };
}

scenario('a call: callEx, joinAndAccept, the other device stops ringing, leave', {
  proves: ['nim/cmd/signalingCallEx', 'nim/cmd/signalingJoinAndAccept', 'nim/cmd/signalingRecvNotification', 'nim/cmd/signalingMultiSyncNotification',
    'nim/cmd/signalingLeave', 'nim/cmd/signalingBatchMarkRead', 'nim/event/signalingInvite', 'nim/event/signalingAccept', 'nim/event/signalingJoin', 'nim/event/signalingLeave'],
}, async (ctx) => {
  const { alice, bob, caller, phone, desk } = await three(ctx);
  const requestId = `rq-${ctx.tag}`;
  const call = await caller.call('signaling.callEx', {
    type: 2, name: `room-${ctx.tag}`, ext: 'of the channel', uid: 11, toAccid: bob.accid, requestId, attachExt: 'hello', needOffline: true, pluginSetting: {}, pushInfo: push,
  });
  assert.equal(call.channelInfo.name, `room-${ctx.tag}`);
  assert.equal(call.channelInfo.creatorAccid, alice.accid);
  assert.equal(call.channelInfo.pluginSetting?.nertcInfo?.callStatus, 200);
  assert.deepEqual(call.memberList.map((m) => [m.accid, Number(m.uid)]), [[alice.accid, 11]]);
  const { channelId } = call.channelInfo;
  for (const device of [phone, desk]) {
    const ring = await device.event('signalingInvite');
    assert.equal(ring.fromAccid, alice.accid);
    assert.equal(ring.toAccid, bob.accid);
    assert.equal(ring.requestId, requestId);
    assert.equal(ring.metaData.channelInfo.channelId, channelId);
    assert.equal(ring.metaData.ext, 'hello');
    await eventually(() => device.packets('->', '4-5').some((p) => Number(p.body[0]) === 15 && Number(p.body[1]) === 11), { what: 'acknowledgement' });
  }
  const answer = await phone.call('signaling.joinAndAccept', { channelId, fromAccid: alice.accid, requestId, attachExt: 'yes', uid: 22, needOffline: true, pluginSetting: {} });
  assert.deepEqual(answer.memberList.map((m) => [m.accid, Number(m.uid)]), [[alice.accid, 11], [bob.accid, 22]]);
  const accepted = await caller.event('signalingAccept');
  assert.equal(accepted.requestId, requestId);
  assert.equal(accepted.metaData.ext, 'yes');
  const joined = await caller.event('signalingJoin');
  if (ctx.kind.endsWith('0.17.2')) {
    assert.equal(joined.fromAccid, bob.accid);
    assert.equal(Number(joined.member.uid), 22);
  }
  const stop = await desk.event('signalingAccept');
  assert.equal(stop.metaData.feature, 3);
  assert.equal(desk.packets('<-', '15-12').length, 1);
  assert.equal(phone.packets('<-', '15-12').length, 0);

  await phone.call('signaling.leave', { channelId, attachExt: 'bye' });
  const left = await caller.event('signalingLeave');
  assert.equal(left.fromAccid, bob.accid);
  assert.equal(left.metaData.ext, 'bye');
});

scenario('step by step: create, join, invite, reject, custom command, close', {
  proves: ['nim/cmd/signalingCreate', 'nim/cmd/signalingJoin', 'nim/cmd/signalingInvite', 'nim/cmd/signalingReject', 'nim/cmd/signalingAccept',
    'nim/cmd/signalingSendCustomCommand', 'nim/cmd/signalingClose', 'nim/cmd/signalingQueryInfo', 'nim/event/signalingReject',
    'nim/event/signalingCustomCommand', 'nim/event/signalingClose', 'nim/event/signalingJoin'],
}, async (ctx) => {
  const { alice, bob, caller, phone, desk } = await three(ctx);
  const name = `steps-${ctx.tag}`;
  const { channelInfo: { channelId } } = { channelInfo: (await caller.call('signaling.create', { type: 1, name })).channelInfo };
  await assert.rejects(phone.call('signaling.create', { type: 1, name }), code(10405));
  await assert.rejects(caller.call('signaling.invite', { channelId, toAccid: bob.accid, requestId: 'r1' }), code(10406));
  const mine = await caller.call('signaling.join', { channelId, uid: 5 });
  assert.equal(mine.memberList.length, 1);
  await caller.call('signaling.invite', { channelId, toAccid: bob.accid, requestId: 'r1', attachExt: 'once', pushInfo: push });
  await phone.event('signalingInvite', (e) => e.requestId === 'r1');
  await phone.call('signaling.reject', { channelId, fromAccid: alice.accid, requestId: 'r1', attachExt: 'busy' });
  assert.equal((await caller.event('signalingReject')).metaData.ext, 'busy');
  await desk.event('signalingReject');
  await assert.rejects(desk.call('signaling.reject', { channelId, fromAccid: alice.accid, requestId: 'r1' }), code(10409));

  await caller.call('signaling.invite', { channelId, toAccid: bob.accid, requestId: 'r2' });
  await phone.event('signalingInvite', (e) => e.requestId === 'r2');
  await phone.call('signaling.accept', { channelId, fromAccid: alice.accid, requestId: 'r2', autoJoin: true, uid: 6 });
  await caller.event('signalingAccept', (e) => e.requestId === 'r2');
  await caller.event('signalingJoin');
  const info = await eventually(() => caller.call('signaling.queryInfo', { name }).then((c) => c.memberList.length === 2 && c), { what: 'two members' });
  assert.deepEqual(info.memberList.map((m) => m.accid).sort(), [alice.accid, bob.accid].sort());
  await assert.rejects(desk.call('signaling.join', { channelId }), code(10420));

  await caller.call('signaling.sendCustomCommand', { channelId, attachExt: 'mute yourself' });
  const custom = await phone.event('signalingCustomCommand');
  assert.equal(custom.fromAccid, alice.accid);
  assert.equal(custom.metaData.ext, 'mute yourself');
  await caller.call('signaling.close', { channelId, attachExt: 'end' });
  assert.equal((await phone.event('signalingClose')).fromAccid, alice.accid);
  await assert.rejects(caller.call('signaling.queryInfo', { name }), code(10404));
});

scenario('an invitation waits for who is offline, unless it is taken back', {
  proves: ['nim/cmd/signalingCancelInvite', 'nim/cmd/signalingSyncNotification', 'nim/event/signalingInvite', 'nim/event/signalingCancelInvite'],
}, async (ctx) => {
  const [alice, bob] = [await ctx.account('alice'), await ctx.account('bob')];
  const caller = await ctx.login(alice);
  const call = await caller.call('signaling.callEx', { type: 1, toAccid: bob.accid, requestId: 'kept', needOffline: true, pluginSetting: {} });
  assert.equal(call.channelInfo.pluginSetting.nertcInfo.callStatus, 10201);
  const { channelId } = call.channelInfo;
  await assert.rejects(caller.call('signaling.invite', { channelId, toAccid: bob.accid, requestId: 'gone', needOffline: true }), code(10201));
  await caller.call('signaling.cancelInvite', { channelId, toAccid: bob.accid, requestId: 'gone', needOffline: false });
  const phone = await ctx.login(bob);
  const ring = await phone.event('signalingInvite');
  assert.equal(ring.requestId, 'kept');
  assert.equal(phone.seen('signalingInvite').length, 1);
  await eventually(() => phone.packets('->', '4-5').some((p) => Number(p.body[0]) === 15), { what: 'acknowledgement' });
  await caller.call('signaling.cancelInvite', { channelId, toAccid: bob.accid, requestId: 'kept', attachExt: 'too late' });
  const cancelled = await phone.event('signalingCancelInvite');
  assert.equal(cancelled.requestId, 'kept');
  await assert.rejects(phone.call('signaling.accept', { channelId, fromAccid: alice.accid, requestId: 'kept', autoJoin: false }), code(10408));
  await phone.call('disconnect');
  const again = await ctx.login(bob);
  await new Promise((r) => setTimeout(r, 200));
  assert.equal(again.seen('signalingInvite').length, 0, 'acknowledged is delivered');
});

scenario('after a reconnect the client is told which channels it is in', {
  kinds: ['mini-0.15.0', 'mini-0.17.2', 'uni-0.17.2'], proves: ['nim/cmd/singalingSyncChannels', 'nim/event/singalingSyncChannels'],
}, async (ctx) => {
  const alice = await ctx.account('alice');
  const caller = await ctx.login(alice);
  const { channelInfo: { channelId } } = await caller.call('signaling.create', { type: 3 });
  await caller.call('signaling.join', { channelId });
  const since = caller.mark();
  await caller.drop();
  const channels = await caller.event('singalingSyncChannels', undefined, { since });
  assert.deepEqual(channels.map((c) => c.channelInfo.channelId), [channelId]);
  assert.equal(channels[0].memberList[0].accid, alice.accid);
  await caller.call('signaling.leave', { channelId });
});

scenario('a client that has joined prolongs its channel', {
  kinds: ['mini-0.15.0', 'mini-0.17.2', 'uni-0.17.2'], proves: ['nim/cmd/signalingDelay'],
}, async (ctx) => {
  const caller = await ctx.login(await ctx.account('alice'));
  const { channelInfo: { channelId } } = await caller.call('signaling.create', { type: 1, name: `long-${ctx.tag}` });
  await caller.call('signaling.join', { channelId, uid: 5 });
  const [joined] = caller.packets('<-', '15-4');
  // What the SDK's timer does every two minutes.
  await new Promise((r) => setTimeout(r, 5));
  await caller.call('signaling.aotoDelay');
  const [prolonged] = caller.packets('<-', '15-2');
  assert.deepEqual([prolonged.code, prolonged.body[0]['3']], [200, channelId]);
  assert.ok(Number(prolonged.body[0]['5']) > Number(joined.body[0]['5']), 'it ends later');
});

scenario('the server API on channels', {
  kinds: ['mini-0.15.0', 'mini-0.17.2'],
  proves: ['rest/signal/createRoom', 'rest/signal/delayRoom', 'rest/signal/getRoomInfo', 'rest/signal/closeRoom', 'rest/signal/invite',
    'rest/signal/cancelInvite', 'rest/signal/kick', 'rest/signal/ctrlRoom'],
}, async (ctx) => {
  const app = server.apps[0];
  const { alice, bob, phone } = await three(ctx);
  const name = `rest-${ctx.tag}`;
  const { data } = await app.restOK('signal/createRoom.action', { channelName: name, type: 2, from: alice.accid, ext: 'e' });
  assert.deepEqual([data.channelName, data.type, data.creator, data.ext, data.members], [name, 'VIDEO', alice.accid, 'e', []]);
  assert.match(data.channelId, /^\d+$/);
  assert.equal((await app.rest('signal/createRoom.action', { channelName: name, type: 2, from: alice.accid })).code, 10405);
  const { channelId } = data;
  const who = { channelId, from: alice.accid, to: bob.accid };
  await app.restOK('signal/invite.action', { ...who, requestId: 'r1', attachExt: 'from the server' });
  assert.equal((await phone.event('signalingInvite')).metaData.ext, 'from the server');
  await app.restOK('signal/cancelInvite.action', { ...who, requestId: 'r1' });
  await phone.event('signalingCancelInvite');
  assert.equal((await app.rest('signal/cancelInvite.action', { ...who, requestId: 'r1' })).code, 10408);
  await phone.call('signaling.join', { channelId, uid: 9 });
  assert.equal((await app.rest('signal/invite.action', { ...who, requestId: 'r2' })).code, 10407);
  const info = await app.restOK('signal/getRoomInfo.action', { channelName: name });
  assert.deepEqual(info.data.members.map((m) => [m.accid, m.uid]), [[bob.accid, 9]]);
  assert.ok((await app.restOK('signal/delayRoom.action', { channelId })).data.channelExpireTime > data.channelExpireTime);
  await app.restOK('signal/ctrlRoom.action', { channelId, from: bob.accid, to: bob.accid, attachExt: 'lights' });
  assert.equal((await phone.event('signalingCustomCommand')).metaData.ext, 'lights');
  await app.restOK('signal/kick.action', { ...who, attachExt: 'out' });
  assert.equal((await phone.event('signalingLeave')).fromAccid, bob.accid);
  assert.equal((await app.rest('signal/kick.action', who)).code, 10406);
  await app.restOK('signal/closeRoom.action', { channelId, from: alice.accid });
  assert.equal((await app.rest('signal/getRoomInfo.action', { channelId })).code, 10404);
  assert.equal((await app.rest('signal/invite.action', { ...who, to: 'nobody-here', requestId: 'x' })).code, 414);
});
