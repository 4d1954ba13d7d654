// Chat rooms: the unmodified Chatroom SDK beside the server API (docs/protocol/chatroom.md).
import assert from 'node:assert/strict';
import { suite } from '../lib/suite.mjs';
import { useServer } from '../lib/server.mjs';
import { eventually, NODE_KINDS } from '../lib/clients.mjs';

const server = useServer({ apps: 2 });
const scenario = suite(() => server.apps[0]);
// Its settings are changed.
const other = suite(() => server.apps[1]);

async function room(ctx, creator, extra = {}) {
  const { chatroom } = await ctx.server.restOK('chatroom/create.action', { creator: creator.accid, name: 'lobby', ...extra });
  return chatroom.roomid;
}

// An SDK instance in a room; the addresses are those that the app's server is told.
async function open(ctx, account, roomid, { options = {}, ...opts } = {}) {
  const { addr } = await ctx.server.restOK('chatroom/requestAddr.action', { roomid, accid: account.owner ?? account.accid });
  return ctx.client(account, { product: 'chatroom', options: { chatroomId: String(roomid), chatroomAddresses: addr, ...options }, ...opts });
}

async function enter(...args) {
  const client = await open(...args);
  await client.connect();
  return client;
}

const note = (type) => (m) => m.type === 'notification' && m.attach.type === type;
const body = (text) => (m) => m.body === text;

scenario('members of a chat room hear each other and who comes and goes', {
  kinds: NODE_KINDS,
  proves: ['chatroom/cmd/chatroomLogin', 'chatroom/cmd/sendChatroomMsg', 'chatroom/cmd/onChatroomMsg', 'chatroom/cmd/chatroomExit', 'chatroom/cmd/getChatroom',
    'chatroom/cmd/getGrayscaleConfig', 'chatroom/cmd/getNosCdnHost', 'chatroom/cmd/heartbeat', 'chatroom/event/logined', 'chatroom/event/chatroomMsg',
    'rest/chatroom/create', 'rest/chatroom/requestAddr', 'rest/chatroom/get'],
}, async (ctx) => {
  const [a, b] = await Promise.all([ctx.account('alice', { name: 'Alice' }), ctx.account('bob', { name: 'Bob' })]);
  const id = await room(ctx, a, { announcement: 'hi', ext: 'x' });
  const alice = await enter(ctx, a, id);
  const first = await alice.event('logined');
  assert.equal(first.chatroom.name, 'lobby');
  assert.equal(first.chatroom.announcement, 'hi');
  assert.equal(first.chatroom.creator, a.accid);
  assert.equal(first.member.type, 'owner');
  const bob = await enter(ctx, b, id, { kind: ctx.otherKind, options: { chatroomNick: 'Bobby', chatroomEnterExt: 'knock' } });
  const second = await bob.event('logined');
  assert.equal(second.member.type, 'guest');
  assert.equal(second.member.nick, 'Bobby');
  const came = await alice.event('chatroomMsg', (m) => note('memberEnter')(m) && m.attach.from === b.accid);
  assert.deepEqual([came.attach.fromNick, came.attach.to, came.attach.ext], ['Bobby', [b.accid], 'knock']);
  assert.equal((await bob.call('chatroom.getInfo')).onlineMemberNum, 2);
  const { chatroom } = await ctx.server.restOK('chatroom/get.action', { roomid: id, needOnlineUserCount: true });
  assert.equal(chatroom.onlineusercount, 2);

  const sent = await bob.call('chatroomMsg.sendTextMsg', { body: 'hello', ext: 'e' });
  assert.equal(sent.status, 'success');
  const got = await alice.event('chatroomMsg', body('hello'));
  assert.deepEqual([got.idClient, got.time, got.from, got.fromNick, got.ext, got.flow], [sent.idClient, sent.time, b.accid, 'Bobby', 'e', 'in']);
  assert.equal(bob.packets('<-', '13-7').filter((p) => p.body[0]['3'] === 'hello').length, 0, 'it does not come back');
  const reply = await alice.call('chatroomMsg.sendCustomMsg', { body: '{"a":1}' });
  assert.equal((await bob.event('chatroomMsg', (m) => m.idClient === reply.idClient)).type, 'custom');

  // The client beats every 30 s; one by hand is answered at once.
  await eventually(() => bob.packets('<-', '1-2').length > 0, { what: 'a heartbeat' });

  await bob.call('disconnect');
  const left = await alice.event('chatroomMsg', note('memberExit'));
  assert.equal(left.attach.from, b.accid);
  await eventually(async () => (await alice.call('chatroom.getInfo')).onlineMemberNum === 1, { what: 'one member' });
});

scenario('the server API and a chat room', {
  kinds: NODE_KINDS,
  proves: ['rest/chatroom/sendMsg', 'rest/history/queryChatroomMsg', 'rest/chatroom/deleteHistoryMessage', 'rest/chatroom/recall', 'rest/chatroom/update',
    'chatroom/cmd/chatroomQueryMessageHistory', 'chatroom/event/chatroomMsg'],
}, async (ctx) => {
  const [a, b] = await Promise.all([ctx.account('alice', { name: 'Alice' }), ctx.account('bob')]);
  const id = await room(ctx, a);
  const bob = await enter(ctx, b, id);

  const { desc } = await ctx.server.restOK('chatroom/sendMsg.action', { roomid: id, msgId: 'from-rest', fromAccid: a.accid, msgType: 0, attach: 'from the server', ext: 'x' });
  const got = await bob.event('chatroomMsg', body('from the server'));
  assert.deepEqual([got.idClient, got.from, got.fromNick, got.fromClientType, got.ext, String(got.time)], ['from-rest', a.accid, 'Alice', 'Server', 'x', desc.time]);

  const sent = await bob.call('chatroomMsg.sendTextMsg', { body: 'from the client' });
  const tip = await bob.call('chatroomMsg.sendTipMsg', { body: 'a tip' });
  const skipped = await bob.call('chatroomMsg.sendTextMsg', { body: 'passing', skipHistory: true });
  assert.equal(skipped.status, 'success');
  const page = async (extra) => (await ctx.server.restOK('history/queryChatroomMsg.action', { roomid: id, accid: a.accid, timetag: 0, limit: 100, ...extra })).msgs;
  const found = (await page()).find((m) => m.msgid === sent.idClient);
  assert.deepEqual([found.from, found.type, found.sendtime, found.fromclienttype, found.body], [b.accid, 0, sent.time, 16, { msg: 'from the client' }]);
  assert.deepEqual((await page({ type: '0,10', reverse: 1, timetag: 1 })).map((m) => m.msgid), ['from-rest', sent.idClient, tip.idClient]);

  // The same for the client, in both directions and with strict borders.
  const texts = async (options) => (await bob.call('chatroomMsg.queryMessageHistory', options)).map((m) => m.idClient);
  assert.deepEqual(await texts({ msgTypes: ['text', 'tip'] }), [tip.idClient, sent.idClient, 'from-rest']);
  assert.deepEqual(await texts({ timetag: sent.time, msgTypes: ['text'] }), ['from-rest']);
  assert.deepEqual(await texts({ timetag: sent.time, reverse: true, limit: 1 }), [tip.idClient]);

  await ctx.server.restOK('chatroom/deleteHistoryMessage.action', { roomid: id, fromAcc: b.accid, msgTimetag: sent.time });
  const deleted = await bob.event('chatroomMsg', note('deleteChatroomMsg'));
  assert.deepEqual([deleted.attach.msgId, deleted.attach.msgTime, deleted.attach.to], [sent.idClient, sent.time, [b.accid]]);
  await ctx.server.restOK('chatroom/recall.action', { roomid: id, fromAcc: b.accid, msgTimetag: tip.time, msgId: tip.idClient, operatorAcc: b.accid, notifyExt: 'oops' });
  assert.equal((await bob.event('chatroomMsg', (m) => note('deleteChatroomMsg')(m) && m.attach.msgId === tip.idClient)).attach.ext, 'oops');
  assert.deepEqual(await texts({ msgTypes: ['text', 'tip'] }), ['from-rest']);
  assert.deepEqual((await page({ type: '0,10' })).map((m) => m.msgid), ['from-rest']);
  assert.equal((await ctx.server.rest('chatroom/deleteHistoryMessage.action', { roomid: id, fromAcc: b.accid, msgTimetag: sent.time })).code, 404);

  await ctx.server.restOK('chatroom/update.action', { roomid: id, name: 'hall', notifyExt: 'new name' });
  assert.equal((await bob.event('chatroomMsg', note('updateChatroom'))).attach.ext, 'new name');
  assert.equal((await bob.call('chatroom.getInfo')).name, 'hall');
});

scenario('the owner changes a chat room, a guest may not', { kinds: NODE_KINDS, proves: ['chatroom/cmd/updateChatroom'] }, async (ctx) => {
  const [a, b] = await Promise.all([ctx.account('alice'), ctx.account('bob')]);
  const id = await room(ctx, a);
  const [alice, bob] = [await enter(ctx, a, id), await enter(ctx, b, id)];
  await alice.call('chatroom.updateInfo', { chatroom: { name: 'mine', announcement: 'news' }, needNotify: true, ext: 'why' });
  assert.equal((await bob.event('chatroomMsg', note('updateChatroom'))).attach.ext, 'why');
  const info = await bob.call('chatroom.getInfo');
  assert.deepEqual([info.name, info.announcement], ['mine', 'news']);
  await assert.rejects(bob.call('chatroom.updateInfo', { chatroom: { name: 'yours' }, needNotify: true, ext: '' }), { code: 403 });
  assert.equal((await alice.call('chatroom.getInfo')).name, 'mine');
});

scenario('a chat room that is closed lets nobody in', {
  kinds: NODE_KINDS, proves: ['rest/chatroom/toggleCloseStat', 'chatroom/event/disconnect'],
}, async (ctx) => {
  const [a, b] = await Promise.all([ctx.account('alice'), ctx.account('bob')]);
  const id = await room(ctx, a);
  const bob = await enter(ctx, b, id, { options: { reconnectionAttempts: 2 } });
  const toggle = (valid) => ctx.server.restOK('chatroom/toggleCloseStat.action', { roomid: id, operator: a.accid, valid });
  assert.equal((await toggle(false)).desc.valid, false);
  assert.equal((await bob.event('chatroomMsg', note('closeChatroom'))).attach.from, a.accid);
  if (ctx.kind.endsWith('0.15.0')) { // it does not know the kick, comes back, and is refused
    await bob.event('willReconnect');
    await eventually(() => bob.packets('<-', '13-2').some((p) => p.code === 13002), { what: 'a refused reconnect' });
  } else {
    assert.equal((await bob.event('kicked')).reason, 'chatroomClosed');
  }
  const late = await open(ctx, b, id);
  await assert.rejects(late.connect(), { code: 13002 });
  await toggle(true);
  const again = await enter(ctx, b, id);
  assert.equal((await again.event('logined')).member.type, 'guest');
});

scenario('kicked out of a chat room', { kinds: ['mini-0.17.2', 'uni-0.17.2'], proves: ['chatroom/cmd/beKickedFromChatroom', 'chatroom/event/kicked'] }, async (ctx) => {
  const [a, b] = await Promise.all([ctx.account('alice'), ctx.account('bob')]);
  const id = await room(ctx, a);
  const bob = await enter(ctx, b, id);
  await ctx.server.restOK('user/block.action', { accid: b.accid, needkick: true });
  assert.equal((await bob.event('kicked')).reason, 'silentlyKick');
  await assert.rejects((await open(ctx, b, id)).connect(), { code: 422 });
});

scenario('who may enter a chat room', { kinds: NODE_KINDS }, async (ctx) => {
  const a = await ctx.account('alice');
  const id = await room(ctx, a);
  const refused = async (account, where, code, options) => assert.rejects((await open(ctx, account, id, { options: { chatroomId: String(where), ...options } })).connect(), { code });
  await refused({ ...a, token: 'wrong' }, id, 302);
  await refused(a, 12345, 404);
  await refused(a, id, 414, { tags: ['x'.repeat(33)] });
  await refused({ accid: '', token: '', owner: a.accid }, id, 403, { isAnonymous: true });
  // A dynamic token, as for NIM.
  const client = await open(ctx, { accid: a.accid, token: server.apps[0].dynamicToken(a.accid) }, id, { options: { authType: 1 } });
  await client.connect();
  await client.event('logined');
});

scenario('a member that lost its connection comes back', { kinds: NODE_KINDS, proves: ['chatroom/event/willReconnect'] }, async (ctx) => {
  const [a, b] = await Promise.all([ctx.account('alice'), ctx.account('bob')]);
  const id = await room(ctx, a);
  const [alice, bob] = [await enter(ctx, a, id), await enter(ctx, b, id)];
  await alice.event('chatroomMsg', (m) => note('memberEnter')(m) && m.attach.from === b.accid);
  const since = alice.mark();
  const logins = bob.mark();
  await bob.drop();
  await bob.event('willReconnect');
  await bob.event('logined', undefined, { since: logins });
  await alice.event('chatroomMsg', (m) => note('memberEnter')(m) && m.attach.from === b.accid, { since });
  await alice.call('chatroomMsg.sendTextMsg', { body: 'welcome back' });
  await bob.event('chatroomMsg', body('welcome back'));
});

scenario('tags say who hears a message', { kinds: NODE_KINDS }, async (ctx) => {
  const [a, b, c] = await Promise.all([ctx.account('alice'), ctx.account('bob'), ctx.account('carol')]);
  const id = await room(ctx, a);
  const alice = await enter(ctx, a, id);
  const red = await enter(ctx, b, id, { options: { tags: ['red'] } });
  const blue = await enter(ctx, c, id, { options: { tags: ['blue'] } });
  await alice.call('chatroomMsg.sendTextMsg', { body: 'for red', notifyTargetTags: '{"tag":"red"}' });
  await alice.call('chatroomMsg.sendTextMsg', { body: 'for all' });
  await Promise.all([red, blue].map((m) => m.event('chatroomMsg', body('for all'))));
  assert.equal(red.seen('chatroomMsg', body('for red')).length, 1);
  assert.equal(blue.seen('chatroomMsg', body('for red')).length, 0);
  await assert.rejects(alice.call('chatroomMsg.sendTextMsg', { body: 'x', notifyTargetTags: 'red' }), { code: 414 });
  // Nobody else has the tag of who came.
  assert.equal(alice.seen('chatroomMsg', (m) => note('memberEnter')(m) && m.attach.from === b.accid).length, 0);
});

other('settings of chat rooms', { kinds: ['mini-0.15.0', 'mini-0.17.2'] }, async (ctx) => {
  const [a, b] = await Promise.all([ctx.account('alice'), ctx.account('bob')]);
  const id = await room(ctx, a);
  await ctx.server.set('chatroom_anonymous=true', 'chatroom_multi_login=one', 'chatroom_send_rate=2');
  const alice = await enter(ctx, a, id);
  // Without an account. The names of accounts are not to be had.
  let guest;
  await eventually(async () => { guest = await enter(ctx, { accid: '', token: '', owner: a.accid }, id, { options: { isAnonymous: true } }); return true; }, { what: 'the setting' });
  const { member } = await guest.event('logined');
  assert.equal(member.type, 'anonymous');
  assert.match(member.account, /^nimanon_[0-9a-f]{32}$/);
  await guest.call('chatroomMsg.sendTextMsg', { body: 'anonymous' });
  assert.equal((await alice.event('chatroomMsg', body('anonymous'))).from, member.account);
  await assert.rejects((await open(ctx, { accid: b.accid, token: '', owner: a.accid }, id, { options: { isAnonymous: true } })).connect(), { code: 403 });
  // One connection of an account.
  const old = await enter(ctx, b, id);
  const young = await enter(ctx, b, id);
  if (ctx.kind.endsWith('0.15.0')) { // it does not know the kick, comes back, and is refused
    await old.event('willReconnect');
    await eventually(() => old.packets('<-', '13-2').some((p) => p.code === 417), { what: 'a refused reconnect' });
  } else {
    assert.equal((await old.event('kicked')).reason, 'samePlatformKick');
  }
  await young.call('chatroomMsg.sendTextMsg', { body: 'still here' });
  await alice.event('chatroomMsg', body('still here'));
  // More than two messages a second are too many.
  const sent = await Promise.allSettled(Array.from({ length: 5 }, (_, i) => young.call('chatroomMsg.sendTextMsg', { body: `n${i}` })));
  assert.ok(sent.some((s) => s.status === 'rejected' && s.reason.code === 416), 'some are refused');
  await ctx.server.set('chatroom_send_rate=10');
});
