// Friends: requests, lists, what the other side and the own devices hear, and the same done by the app's server.
import assert from 'node:assert/strict';
import { suite } from '../lib/suite.mjs';
import { useServer } from '../lib/server.mjs';
import { eventually, NODE_KINDS } from '../lib/clients.mjs';

const server = useServer();
const scenario = suite(() => server.apps[0]);
const app = () => server.apps[0];
const ok = (action, form) => app().restOK(`${action}.action`, form);

async function pair(ctx) {
  const [a, b] = await Promise.all([ctx.account('alice', { name: 'Alice' }), ctx.account('bob', { name: 'Bob' })]);
  return { a, b, alice: await ctx.login(a), bob: await ctx.login(b, { kind: ctx.otherKind }) };
}

const friends = async (client) => (await client.call('friend.getFriends')).map((f) => [f.account, f.valid]);

scenario('adding a friend without asking', {
  proves: ['nim/cmd/friendReuqest', 'nim/cmd/getFriends', 'nim/cmd/onSysMsg', 'nim/event/sysMsg', 'nim/cmd/syncFriendRequest', 'nim/event/syncFriend'],
}, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  const desk = await ctx.login(a, { kind: ctx.otherKind });
  await alice.call('friend.addFriend', { account: b.accid, ps: 'hello' });
  const told = await bob.event('sysMsg');
  assert.deepEqual([told.type, told.from], ['friendRequest', a.accid]);
  assert.match(JSON.stringify(told.attach), /addFriend|"vt":1/);
  assert.match(JSON.stringify(told), /hello/);
  await eventually(() => bob.packets('->', '4-5').some((p) => Number(p.body[1]) === 3 && p.body[2].includes(told.idServer)), { what: 'acknowledgement' });
  const copy = await desk.event('syncFriend');
  assert.match(JSON.stringify(copy), /addFriend/);
  assert.match(JSON.stringify(copy), new RegExp(b.accid));
  assert.deepEqual(await friends(alice), [[b.accid, true]]);
  assert.deepEqual(await friends(bob), [[a.accid, true]]);
});

scenario('asking, refusing and agreeing', {
  proves: ['nim/cmd/friendReuqest', 'nim/event/sysMsg', 'nim/event/syncSysMsgs', 'nim/cmd/syncOfflineSysMsgs', 'nim/cmd/batchMarkRead'],
}, async (ctx) => {
  const [a, b] = await Promise.all(['alice', 'bob'].map((n) => ctx.account(n)));
  const alice = await ctx.login(a);
  await alice.call('friend.applyFriend', { account: b.accid, ps: 'please' });
  assert.deepEqual(await friends(alice), []);
  const bob = await ctx.login(b, { kind: ctx.otherKind });
  const [waiting] = bob.seen('syncSysMsgs').flatMap((e) => e.args[0]);
  assert.deepEqual([waiting.type, waiting.from], ['friendRequest', a.accid]);
  assert.match(JSON.stringify(waiting.attach), /applyFriend|"vt":2/);
  await bob.call('friend.rejectFriendApply', { account: a.accid, ps: 'no' });
  assert.match(JSON.stringify((await alice.event('sysMsg')).attach), /rejectFriendApply|"vt":4/);
  assert.deepEqual(await friends(bob), []);
  // What was answered once can not be answered again.
  await assert.rejects(bob.call('friend.passFriendApply', { account: a.accid, ps: 'yes' }), (e) => e.code === 509);

  const since = alice.mark();
  await alice.call('friend.applyFriend', { account: b.accid, ps: 'please, please' });
  await bob.event('sysMsg');
  await bob.call('friend.passFriendApply', { account: a.accid, ps: 'well' });
  assert.match(JSON.stringify((await alice.event('sysMsg', undefined, { since })).attach), /passFriendApply|"vt":3/);
  assert.deepEqual(await friends(alice), [[b.accid, true]]);
  // The acknowledged ones do not come again.
  await eventually(() => bob.packets('->', '4-5').filter((p) => Number(p.body[1]) === 3).length >= 2, { what: 'acknowledgements' });
  const again = await ctx.login(b);
  assert.deepEqual(again.seen('syncSysMsgs').flatMap((e) => e.args[0]), []);
});

scenario('alias, deletion, and the lists of a new login', {
  proves: [
    'nim/cmd/updateFriend', 'nim/cmd/deleteFriend', 'nim/cmd/syncUpdateFriend', 'nim/cmd/syncDeleteFriend', 'nim/event/syncFriend',
    'nim/cmd/syncFriends', 'nim/cmd/syncFriendUsers', 'nim/event/friends', 'nim/event/users',
  ],
}, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  const desk = await ctx.login(a, { kind: ctx.otherKind });
  await alice.call('friend.addFriend', { account: b.accid });
  await bob.event('sysMsg');
  await desk.event('syncFriend');
  let since = desk.mark();
  await alice.call('friend.updateFriend', { account: b.accid, alias: 'Bobby', ext: '{"x":1}' });
  assert.match(JSON.stringify(await desk.event('syncFriend', undefined, { since })), /Bobby/);
  const [friend] = await alice.call('friend.getFriends');
  assert.deepEqual([friend.account, friend.alias, friend.ext, friend.valid], [b.accid, 'Bobby', '{"x":1}', true]);
  assert.equal((await bob.call('friend.getFriends'))[0].alias, '');

  const fresh = await ctx.login(a);
  assert.deepEqual((await fresh.event('friends')).map((f) => [f.account, f.alias]), [[b.accid, 'Bobby']]);
  assert.deepEqual((await fresh.event('users')).map((u) => [u.account, u.nick]), [[b.accid, 'Bob']]);

  since = alice.mark();
  const deskSince = desk.mark();
  await alice.call('friend.deleteFriend', { account: b.accid, delAlias: false });
  const gone = await bob.event('sysMsg', (m) => m.type === 'deleteFriend');
  assert.equal(gone.from, a.accid);
  assert.match(JSON.stringify(await desk.event('syncFriend', undefined, { since: deskSince })), new RegExp(b.accid));
  assert.deepEqual(await friends(alice), []);
  assert.deepEqual(await friends(bob), []);
  await assert.rejects(alice.call('friend.updateFriend', { account: b.accid, alias: 'x' }), (e) => e.code === 404);
  await bob.call('friend.addFriend', { account: a.accid });
  assert.equal((await alice.call('friend.getFriends'))[0].alias, 'Bobby', 'the alias was kept');
});

scenario('requests to oneself and to nobody', { kinds: NODE_KINDS, proves: ['nim/cmd/friendReuqest'] }, async (ctx) => {
  const a = await ctx.account('alice');
  const alice = await ctx.login(a);
  await assert.rejects(alice.call('friend.addFriend', { account: a.accid }), (e) => e.code === 414);
  await assert.rejects(alice.call('friend.addFriend', { account: `nobody_${ctx.tag}` }), (e) => e.code === 404);
  await assert.rejects(alice.call('friend.passFriendApply', { account: `nobody_${ctx.tag}`, ps: 'yes' }), (e) => e.code === 404);
});

scenario('friends by the app\'s server', {
  kinds: NODE_KINDS,
  proves: ['rest/friend/add', 'rest/friend/update', 'rest/friend/delete', 'rest/friend/get', 'rest/friend/getByAccid', 'nim/event/syncFriend', 'nim/event/sysMsg'],
}, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  await ok('friend/add', { accid: a.accid, faccid: b.accid, type: 1, msg: 'by the office', serverex: 'vip' });
  assert.match(JSON.stringify(await bob.event('sysMsg')), /by the office/);
  assert.match(JSON.stringify(await alice.event('syncFriend')), /addFriend/);
  let since = alice.mark();
  await ok('friend/update', { accid: a.accid, faccid: b.accid, alias: 'Bobby' });
  assert.match(JSON.stringify(await alice.event('syncFriend', undefined, { since })), /Bobby/);
  const [friend] = await alice.call('friend.getFriends');
  assert.deepEqual([friend.alias, friend.serverex], ['Bobby', 'vip']);
  const list = await ok('friend/get', { accid: a.accid, updatetime: 0 });
  assert.deepEqual([list.size, list.friends.map((f) => [f.faccid, f.alias, f.bidirection])], [1, [[b.accid, 'Bobby', true]]]);
  const one = await ok('friend/getByAccid', { accid: a.accid, faccid: b.accid });
  assert.deepEqual([one.friend.faccid, one.friend.serverex], [b.accid, 'vip']);
  since = alice.mark();
  await ok('friend/delete', { accid: a.accid, faccid: b.accid });
  await alice.event('syncFriend', undefined, { since });
  await bob.event('sysMsg', (m) => m.type === 'deleteFriend');
  assert.deepEqual(await friends(alice), []);
});

scenario('the black list stops custom notifications, and friend requests silently', { kinds: NODE_KINDS, proves: ['nim/cmd/sendCustomSysMsg', 'nim/cmd/friendReuqest', 'nim/cmd/setBlack'] }, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  await bob.call('user.setBlack', { account: a.accid, isAdd: true });
  await assert.rejects(alice.call('systemMessage.sendCustomSysMsg', { type: 'customP2p', to: b.accid, attach: '{}' }), (e) => e.code === 7101);
  await alice.call('friend.applyFriend', { account: b.accid, ps: 'psst' });
  await bob.call('user.setBlack', { account: a.accid, isAdd: false });
  await alice.call('systemMessage.sendCustomSysMsg', { type: 'customP2p', to: b.accid, attach: '{"n":1}' });
  const got = await bob.event('sysMsg');
  assert.deepEqual([got.type, got.attach], ['customP2p', { n: 1 }]);
});

scenario('friends of one app are not those of another', { kinds: ['mini-0.17.2'], proves: ['nim/cmd/getFriends'] }, async (ctx) => {
  const { a, b, alice } = await pair(ctx);
  await alice.call('friend.addFriend', { account: b.accid });
  const other = server.apps[1];
  if (!other) return;
  const answer = await other.rest('friend/get.action', { accid: a.accid, updatetime: 0 });
  assert.equal(answer.code, 414);
});

scenario('custom notifications of teams reach who is online', {
  proves: ['nim/cmd/sendCustomSysMsg', 'nim/cmd/onSysMsg', 'nim/event/sysMsg'],
}, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  const c = await ctx.account('carol');
  const { teamId } = await alice.call('team.createTeam', { type: 'advanced', name: 'crew', accounts: [b.accid, c.accid], beInviteMode: 'noVerify' });
  await alice.call('systemMessage.sendCustomSysMsg', { type: 'customTeam', to: teamId, attach: '{"n":1}' });
  const got = await bob.event('sysMsg', (m) => m.type === 'customTeam');
  assert.deepEqual([got.from, got.to, got.attach], [a.accid, teamId, { n: 1 }]);
  await eventually(() => bob.packets('->', '4-5').some((p) => Number(p.body[1]) === 3 && p.body[2].includes(got.idServer)), { what: 'acknowledgement' });
  const carol = await ctx.login(c);
  assert.deepEqual(carol.seen('syncSysMsgs').flatMap((e) => e.args[0]).filter((m) => m.type.startsWith('custom')), [], 'it was not stored');
  assert.equal(alice.seen('sysMsg', (m) => m.type.startsWith('custom')).length, 0, 'the sender gets none');
  await assert.rejects(carol.call('systemMessage.sendCustomSysMsg', { type: 'customTeam', to: '1', attach: '{}' }), (e) => e.code === 803);
});
