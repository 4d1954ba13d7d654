// An app that was imported from another server, as its clients see it: the same accounts, tokens, friends, teams and messages.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { suite } from '../lib/suite.mjs';
import { useServer } from '../lib/server.mjs';
import { eventually } from '../lib/clients.mjs';

const server = useServer({ apps: 2 });
const scenario = suite(() => server.apps[0]);

scenario('after an import clients find everything, and go on', {
  kinds: ['mini-0.17.2'], proves: ['nim/cmd/login', 'nim/cmd/getHistoryMsgs', 'nim/cmd/getHistoryTeamMsgs'],
}, async (ctx) => {
  const [from, to] = server.apps;
  const [a, b] = await Promise.all(['alice', 'bob'].map((n) => ctx.account(n, { name: `${n} 🦢` })));
  const alice = await ctx.login(a);
  const bob = await ctx.login(b, { kind: ctx.otherKind });
  await alice.call('friend.addFriend', { account: b.accid, ps: 'hi' });
  await alice.call('friend.updateFriend', { account: b.accid, alias: '鲍勃' });
  const sent = [];
  for (let i = 0; i < 6; i++) sent.push(await (i % 2 ? bob.sendText(a, `m${i}`) : alice.sendText(b, `m${i}`)));
  const { tid } = await from.restOK('team/create.action', { owner: a.accid, members: [b.accid], tname: '队', msg: '', magree: 0, joinmode: 0 });
  const inTeam = await alice.call('msg.sendTextMsg', { scene: 'team', to: tid, body: 'to the team' });
  await bob.event('msg', (m) => m.idClient === inTeam.idClient);

  // Nobody may be in the app while it is filled.
  await server.cli('app', 'disable', '--data', server.data, '--key', to.key);
  const list = path.join(server.data, 'accounts.csv');
  fs.writeFileSync(list, `${a.accid},${a.token}\n${b.accid},${b.token}\n`);
  const report = await server.cli('import', 'yunxin', '--data', server.data, '--key', to.key, '--from', `http://127.0.0.1:${server.ports[1]}`,
    '--from-key', from.key, '--from-secret', from.secret, '--accounts', list);
  assert.match(report, /^equal$/m);
  await server.cli('app', 'enable', '--data', server.data, '--key', to.key);
  await eventually(async () => (await to.rest('user/getUinfos.action', { accids: [a.accid] })).code === 200, { timeout: 5000, every: 100, what: 'the app is enabled' });

  // The token of before opens the account here. A client with nothing stored gets what is recent as roaming, nothing as new.
  const moved = (account, kind) => ctx.login(account, { kind, options: to.options() });
  const alice2 = await moved(a, 'mini-0.15.0');
  const bob2 = await moved(b, 'mini-0.17.2');
  assert.equal(bob2.seen('syncOfflineMsgs').length, 0);
  const history = await alice2.history(b, { reverse: true });
  assert.deepEqual(history.map((m) => [m.body, m.from, m.idClient, m.time]), sent.map((m) => [m.body, m.from, m.idClient, m.time]));
  assert.deepEqual((await alice2.call('friend.getFriends')).map((f) => [f.account, f.alias]), [[b.accid, '鲍勃']]);
  const [team] = await bob2.call('team.getTeams');
  assert.deepEqual([team.name, team.owner, team.memberNum], ['队', a.accid, 2]);
  assert.notEqual(team.teamId, tid);
  const said = await bob2.call('msgLog.getHistoryMsgs', { scene: 'team', to: team.teamId, limit: 100, reverse: true });
  assert.deepEqual(said.map((m) => m.type), ['notification', 'text']);
  assert.equal(said[0].attach.team.teamId, team.teamId, 'the notification names the team by its new id');
  assert.deepEqual([said[1].body, said[1].idClient], ['to the team', inTeam.idClient]);

  const next = await alice2.sendText(b, 'here');
  await bob2.event('msg', (m) => m.idClient === next.idClient);
  const next2 = await bob2.call('msg.sendTextMsg', { scene: 'team', to: team.teamId, body: 'here' });
  await alice2.event('msg', (m) => m.idClient === next2.idClient);
  assert.equal((await bob2.history(a)).length, 7);
});
