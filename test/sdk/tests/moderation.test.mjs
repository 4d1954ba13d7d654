// Moderation (docs/api/security.md) as the real SDK sees it: the app's words and a service of its own stop and replace, the
// client's own list flags.
import assert from 'node:assert/strict';
import { suite } from '../lib/suite.mjs';
import { useServer } from '../lib/server.mjs';
import { eventually } from '../lib/clients.mjs';
import { startReceiver } from '../lib/receiver.mjs';

const server = useServer();
const scenario = suite(() => server.apps[0]);
const KINDS = ['mini-0.15.0', 'mini-0.17.2'];
const code = (n) => (e) => e.code === n;
const HIT = { yidunBusType: 0, action: 2, labels: [{ label: 100, level: 2, rate: 1 }] };

const words = (...args) => server.cli('words', 'add', '--data', server.data, '--key', server.apps[0].key, ...args);
const result = (msg) => (msg.antiSpamInfo?.yidunAntiSpamResult ? JSON.parse(msg.antiSpamInfo.yidunAntiSpamResult) : undefined);
const say = (client, scene, to, body, extra) => client.call('msg.sendTextMsg', { scene, to: to.accid ?? to, body, ...extra });
const bodies = async (client, scene, to) => (await client.call('msgLog.getHistoryMsgs', { scene, to: to.accid ?? to })).map((m) => m.body).filter((b) => b && b !== 'before');
const heard = (client) => client.seen('msg').map((e) => e.args[0].body).filter((b) => b && b !== 'before');

// The words count when one of them has been stopped: settings and lists become effective within a second.
async function filter(ctx) {
  const probe = await ctx.account('probe');
  const client = await ctx.login(probe);
  await words('--list', 'intercept', 'contraband');
  await words('--list', 'replace', '--replacement', '***', 'darn');
  await server.apps[0].set('moderation=local');
  await eventually(async () => result(await client.sendText(probe, 'contraband')), { what: 'the word filter to be effective' });
}

async function people(ctx, ...names) {
  const accounts = await Promise.all(names.map((n) => ctx.account(n)));
  const clients = [];
  for (const [i, a] of accounts.entries()) clients.push(await ctx.login(a, { kind: i % 2 ? ctx.otherKind : ctx.kind }));
  return [accounts, clients];
}

scenario('words stop and replace messages', {
  kinds: KINDS, proves: ['nim/cmd/sendMsg', 'nim/event/msg', 'nim/cmd/getHistoryMsgs'],
}, async (ctx) => {
  const [[a, b], [alice, bob]] = await people(ctx, 'alice', 'bob');
  const other = await ctx.login(a, { kind: ctx.otherKind });
  await filter(ctx);

  const stopped = await alice.sendText(b, 'sell CONTRABAND here');
  assert.deepEqual(result(stopped), HIT);
  assert.ok(stopped.idServer && stopped.time, 'the sender is told id and time');
  assert.deepEqual([stopped.status, stopped.body], ['sent', 'sell CONTRABAND here']);
  const sent = await alice.sendText(b, 'darn it');
  assert.equal(result(sent), undefined);
  for (const client of [bob, other]) {
    const m = await client.event('msg', (x) => x.idClient === sent.idClient);
    assert.deepEqual([m.body, result(m)], ['*** it', undefined]);
  }
  const unlooked = await alice.sendText(b, 'contraband, not looked at', { antiSpamInfo: { antiSpamUsingYidun: false } });
  await bob.event('msg', (x) => x.idClient === unlooked.idClient);
  const custom = await alice.call('msg.sendCustomMsg', { scene: 'p2p', to: b.accid, attach: '{"x":1}', antiSpamInfo: { needAntiSpam: true, antiSpamContent: JSON.stringify({ type: 1, data: 'contraband' }) } });
  assert.deepEqual(result(custom), HIT);

  // Looks sent to its sender, and nobody gets it.
  const flagged = await alice.sendText(b, 'flagged', { antiSpamInfo: { clientAntispamHitting: true } });
  assert.ok(flagged.idServer && flagged.time);
  assert.equal(result(flagged), undefined);

  const last = await alice.sendText(b, 'last');
  await bob.event('msg', (x) => x.idClient === last.idClient);
  await other.event('msg', (x) => x.idClient === last.idClient);
  const passed = ['*** it', 'contraband, not looked at', 'last'];
  for (const client of [bob, other]) assert.deepEqual(heard(client), passed);
  for (const client of [alice, other]) assert.deepEqual((await bodies(client, 'p2p', b)).sort(), [...passed].sort());
  assert.deepEqual((await bodies(bob, 'p2p', a)).sort(), [...passed].sort());
  // A device that comes later gets the same.
  const late = await ctx.login(b, { kind: ctx.kind });
  const synced = ['syncRoamingMsgs', 'syncOfflineMsgs'].flatMap((name) => late.seen(name)).flatMap((e) => e.args[0].msgs);
  assert.deepEqual(synced.map((m) => m.body).sort(), [...passed].sort());

  await assert.rejects(alice.call('msg.recallMsg', { msg: stopped }), code(414));
  await alice.call('msg.recallMsg', { msg: sent });
});

scenario('words in teams and in messages of the app\'s server', {
  kinds: KINDS, proves: ['nim/cmd/sendTeamMsg', 'nim/cmd/getHistoryTeamMsgs', 'rest/msg/sendMsg'],
}, async (ctx) => {
  const [[a, b], [alice, bob]] = await people(ctx, 'alice', 'bob');
  await filter(ctx);
  const { teamId } = await alice.call('team.createTeam', { type: 'advanced', name: 'crew', accounts: [b.accid], beInviteMode: 'noVerify' });
  const stopped = await say(alice, 'team', teamId, 'contraband');
  assert.deepEqual(result(stopped), HIT);
  await say(alice, 'team', teamId, 'darn');
  await bob.event('msg', (m) => m.scene === 'team' && m.body === '***');
  await assert.rejects(alice.call('msg.recallMsg', { msg: stopped }), code(414));

  const rest = async (to, ope, body, type = 0, extra = {}) => (await server.apps[0].restOK('msg/sendMsg.action', { from: a.accid, ope, to, type, body, ...extra })).data;
  const hit = await rest(b.accid, 0, { msg: 'contraband' });
  assert.equal(hit.antispam, true);
  assert.equal((await rest(teamId, 1, { msg: 'contraband' })).antispam, true);
  const offered = { antispam: true, antispamCustom: { type: 1, data: 'contraband' } };
  assert.equal((await rest(b.accid, 0, { x: 1 }, 100, offered)).antispam, true);
  assert.equal((await rest(b.accid, 0, { msg: 'contraband, not looked at' }, 0, { useYidun: 0 })).antispam, false);
  assert.equal((await rest(teamId, 1, { msg: 'darn, by REST' })).antispam, false);
  const recall = await server.apps[0].rest('msg/recall.action', { deleteMsgid: hit.msgid, timetag: hit.timetag, type: 7, from: a.accid, to: b.accid });
  assert.equal(recall.code, 414);
  await bob.event('msg', (m) => m.body === '***, by REST');
  await bob.event('msg', (m) => m.body === 'contraband, not looked at');
  assert.deepEqual(heard(bob).sort(), ['***', '***, by REST', 'contraband, not looked at']);
  assert.deepEqual((await bodies(bob, 'team', teamId)).sort(), ['***', '***, by REST']);
});

scenario('the app\'s own service is asked about what the words let pass', {
  kinds: KINDS, proves: ['nim/cmd/sendMsg', 'nim/event/msg'],
}, async (ctx) => {
  const [[a, b], [alice, bob]] = await people(ctx, 'alice', 'bob');
  await filter(ctx);
  let decide = () => ({ action: 0 });
  const receiver = await startReceiver(server.apps[0], (body) => decide(body));
  ctx.after(async () => {
    await server.apps[0].set('moderation_url=', 'moderation_on_failure=');
    await receiver.stop();
    assert.deepEqual(receiver.faults, []);
  });
  await server.apps[0].set(`moderation_url=${receiver.url}`);
  await eventually(async () => { await alice.sendText(b, 'before'); return receiver.calls.length > 0; }, { what: 'the service to be asked' });

  const labels = [{ label: 200, level: 2, rate: 0.9 }];
  decide = () => ({ action: 2, labels });
  const stopped = await alice.sendText(b, 'darn spam', { antiSpamInfo: { antiSpamBusinessId: 'bid', antiSpamBIZID: 'bid', yidunAntiCheating: '{"c":1}', yidunAntiSpamExtension: '{"e":1}' } });
  assert.deepEqual(result(stopped), { yidunBusType: 0, action: 2, labels });
  const asked = receiver.calls.at(-1);
  assert.deepEqual([asked.text, asked.fromAccount, asked.to, asked.convType, asked.bid, asked.yidunAntiCheating, asked.yidunAntiSpamExt, asked.msgidClient],
    ['*** spam', a.accid, b.accid, 'PERSON', 'bid', '{"c":1}', '{"e":1}', stopped.idClient]);
  decide = () => ({ action: 0, text: 'clean' });
  const sent = await alice.sendText(b, 'dirty');
  assert.equal((await bob.event('msg', (m) => m.idClient === sent.idClient)).body, 'clean');
  decide = () => 'garbage';
  await alice.sendText(b, 'undecided');
  await bob.event('msg', (m) => m.body === 'undecided');
  await server.apps[0].set('moderation_on_failure=refuse');
  await eventually(() => alice.sendText(b, 'before').then(() => false, code(403)), { what: 'undecided messages to be refused' });
  assert.deepEqual(heard(bob), ['clean', 'undecided']);
});
