// What an app's own server decides and hears (docs/api/callbacks.md, docs/api/copy.md), as the real SDK sees it.
import assert from 'node:assert/strict';
import { suite } from '../lib/suite.mjs';
import { useServer } from '../lib/server.mjs';
import { eventually } from '../lib/clients.mjs';
import { startReceiver } from '../lib/receiver.mjs';

const server = useServer();
const scenario = suite(() => server.apps[0]);
const KINDS = ['mini-0.15.0', 'mini-0.17.2'];
const code = (n) => (e) => e.code === n;

// The app's server: callbacks are answered by a function that may be replaced, copies are kept. It counts when it has been
// asked once: settings become effective within a second.
async function appServer(ctx, { events = '', copies = '' }) {
  const app = server.apps[0];
  let decide = () => ({ errCode: 0 });
  const receiver = await startReceiver(app, (body) => (typeof body.eventType === 'number' ? decide(body) : {}));
  ctx.after(async () => {
    await app.set('callback_events=', 'copy_events=');
    await receiver.stop();
    assert.deepEqual(receiver.faults, []);
  });
  await app.set(`callback_url=${receiver.url}`, `callback_events=${events}`, `copy_url=${receiver.url}`, `copy_events=${copies}`, 'copy_retry=1,1,1,1,1');
  const kept = (type) => receiver.calls.filter((b) => typeof b.eventType === type);
  return {
    decide(answer) { decide = typeof answer === 'function' ? answer : () => answer; },
    questions: () => kept('number'),
    copies: () => kept('string'),
    async effective(act) {
      await eventually(async () => { await act(); return (!events || kept('number').length > 0) && (!copies || kept('string').length > 0); }, { what: 'the settings to be effective' });
      decide = () => ({ errCode: 0 });
    },
    // A copy with these fields.
    copy(fields) {
      const fits = (b) => Object.entries(fields).every(([k, v]) => b[k] === v);
      return eventually(() => kept('string').find(fits), { what: `a copy with ${JSON.stringify(fields)}` });
    },
  };
}

scenario('the app\'s server refuses, changes and swallows messages', {
  kinds: KINDS, proves: ['nim/cmd/sendMsg', 'nim/event/msg'],
}, async (ctx) => {
  const [a, b] = [await ctx.account('alice'), await ctx.account('bob')];
  const [alice, bob] = [await ctx.login(a), await ctx.login(b, { kind: ctx.otherKind })];
  const other = await ctx.login(a, { kind: ctx.otherKind });
  const up = await appServer(ctx, { events: '1', copies: '1' });
  await up.effective(() => alice.sendText(b, 'before'));

  up.decide({ errCode: 1 });
  await assert.rejects(alice.sendText(b, 'refused'), code(403));
  up.decide({ errCode: 1, responseCode: 20007, callbackExt: 'why' });
  await assert.rejects(alice.sendText(b, 'refused, too'), code(20007));
  up.decide({ errCode: 1, responseCode: 999 });
  await assert.rejects(alice.sendText(b, 'refused as well'), code(403));
  const q = up.questions().at(-1);
  assert.deepEqual([q.fromAccount, q.to, q.msgType, q.body, q.fromClientType], [a.accid, b.accid, 'TEXT', 'refused as well', 'WEB']);

  up.decide({ errCode: 1, responseCode: 200 });
  const swallowed = await alice.sendText(b, 'swallowed');
  assert.ok(swallowed.idServer && swallowed.time, 'the sender is told success');

  up.decide({ errCode: 0, modifyResponse: { body: 'changed', ext: '{"by":"app"}' }, callbackExt: 'for everybody' });
  const sent = await alice.sendText(b, 'original');
  assert.equal(sent.callbackExt, 'for everybody');
  for (const client of [bob, other]) {
    const m = await client.event('msg', (x) => x.idClient === sent.idClient);
    assert.deepEqual([m.body, m.ext, m.callbackExt], ['changed', '{"by":"app"}', 'for everybody']);
  }
  const texts = async (client, peer) => (await client.history(peer)).filter((m) => m.body !== 'before').map((m) => m.body);
  assert.deepEqual(await texts(alice, b), ['changed']);
  assert.deepEqual(bob.seen('msg').map((e) => e.args[0].body).filter((t) => /refused|swallowed|original/.test(t)), []);
  const copy = await up.copy({ body: 'changed' });
  assert.deepEqual([copy.convType, copy.msgidClient, copy.ext], ['PERSON', sent.idClient, '{"by":"app"}']);
  assert.deepEqual(up.copies().map((c) => c.body).filter((t) => /refused|swallowed|original/.test(t)), []);
});

scenario('the app\'s server refuses operations on teams and friends', {
  kinds: KINDS, proves: ['nim/cmd/createTeam', 'nim/cmd/addTeamMembers', 'nim/cmd/removeTeamMembers', 'nim/cmd/updateTeamInfo', 'nim/cmd/sendTeamMsg', 'nim/cmd/friendReuqest'],
}, async (ctx) => {
  const [a, b, c] = [await ctx.account('alice'), await ctx.account('bob'), await ctx.account('carol')];
  const [alice, bob] = [await ctx.login(a), await ctx.login(b, { kind: ctx.otherKind })];
  const up = await appServer(ctx, { events: '2,4,7,9,10,14,15' });
  const make = () => alice.call('team.createTeam', { type: 'advanced', name: 'crew', accounts: [b.accid], beInviteMode: 'noVerify' });
  let team;
  await up.effective(async () => { team = await make(); });
  const { teamId } = team;
  const before = up.questions().length;

  up.decide({ errCode: 1, responseCode: 20099 });
  await assert.rejects(make(), code(20099));
  await assert.rejects(alice.call('team.addTeamMembers', { teamId, accounts: [c.accid] }), code(20099));
  await assert.rejects(alice.call('team.removeTeamMembers', { teamId, accounts: [b.accid] }), code(20099));
  await assert.rejects(alice.call('team.updateTeamInfo', { teamId, name: 'pirates' }), code(20099));
  await assert.rejects(alice.call('msg.sendTextMsg', { scene: 'team', to: teamId, body: 'ahoy' }), code(20099));
  await assert.rejects(bob.call('team.leaveTeam', { teamId }), code(20099));
  up.decide({ errCode: 1, responseCode: 200 }); // for messages alone that is success
  await assert.rejects(alice.call('friend.addFriend', { account: b.accid }), code(403));
  assert.deepEqual(up.questions().slice(before).map((x) => x.eventType), [7, 9, 14, 15, 2, 10, 4]);
  const info = await bob.call('team.getTeamInfo', { teamId });
  assert.deepEqual([info.name, info.memberNum], ['crew', 2]);

  up.decide({ errCode: 0 });
  await alice.call('team.updateTeamInfo', { teamId, name: 'pirates' });
  await bob.event('updateTeam', (t) => t.teamId === teamId && t.name === 'pirates');
});

scenario('the app\'s server hears what happens', {
  kinds: KINDS, proves: ['nim/cmd/sendMsg', 'nim/cmd/sendTeamMsg', 'nim/cmd/recallMsg', 'nim/cmd/sendMsgReceipt', 'nim/cmd/sendCustomSysMsg', 'nim/cmd/login', 'nim/cmd/logout'],
}, async (ctx) => {
  const [a, b] = [await ctx.account('alice', { name: 'Alice' }), await ctx.account('bob')];
  const [alice, bob] = [await ctx.login(a), await ctx.login(b, { kind: ctx.otherKind })];
  const up = await appServer(ctx, { copies: '1,2,3,7,8,30,31' });
  await up.effective(() => alice.sendText(b, 'before'));

  const sent = await alice.sendText(b, 'hi');
  const copy = await up.copy({ convType: 'PERSON', body: 'hi' });
  assert.deepEqual([copy.fromAccount, copy.to, copy.fromNick, copy.msgidClient, copy.msgidServer, copy.msgTimestamp, copy.fromClientType],
    [a.accid, b.accid, 'Alice', sent.idClient, sent.idServer, String(sent.time), 'WEB']);
  const got = await bob.event('msg', (m) => m.idClient === sent.idClient);
  await bob.call('msg.sendMsgReceipt', { msg: got });
  const receipt = JSON.parse((await up.copy({ eventType: '30' })).objects);
  assert.deepEqual([receipt[0].fromAccount, receipt[0].toAccount, receipt[0].msgidClient], [b.accid, a.accid, sent.idClient]);
  await alice.call('msg.recallMsg', { msg: sent, ps: 'sorry' });
  await up.copy({ eventType: '7', msgId: sent.idServer, selfMsg: 'sorry' });
  await alice.call('systemMessage.sendCustomSysMsg', { type: 'customP2p', to: b.accid, attach: 'typing' });
  await up.copy({ convType: 'CUSTOM_PERSON', msgType: 'CUSTOM_P2P_MSG', attach: 'typing' });

  const { teamId } = await alice.call('team.createTeam', { type: 'advanced', name: 'crew', accounts: [b.accid], beInviteMode: 'noVerify' });
  const note = await up.copy({ convType: 'TEAM', msgType: 'NOTIFICATION', to: teamId });
  assert.deepEqual([JSON.parse(note.attach).id, note.tMembers], [0, `[${a.accid}, ${b.accid}]`]);
  const posted = await bob.call('msg.sendTextMsg', { scene: 'team', to: teamId, body: 'ahoy' });
  await up.copy({ convType: 'TEAM', body: 'ahoy', msgidServer: posted.idServer });
  await bob.call('msg.recallMsg', { msg: posted });
  await up.copy({ eventType: '8', msgId: posted.idServer, to: teamId });

  const third = await ctx.login(a, { kind: ctx.otherKind });
  await up.copy({ eventType: '2', accid: a.accid, code: '200' });
  await third.call('disconnect');
  await up.copy({ eventType: '3', accid: a.accid });
});
