// Super teams: made by the app's server, joined, changed, ended. Their messages are in superteam_messages.test.mjs.
import assert from 'node:assert/strict';
import { suite } from '../lib/suite.mjs';
import { useServer } from '../lib/server.mjs';
import { eventually, KINDS, NODE_KINDS } from '../lib/clients.mjs';
import { code, crowdOf, make, members } from '../lib/superteam.mjs';

const server = useServer();
const scenario = suite(() => server.apps[0]);
const crowd = crowdOf(() => server.apps[0]);

scenario('a super team is made: its owner is told, its members have it', {
  kinds: KINDS,
  proves: [
    'rest/superteam/create', 'nim/cmd/syncCreateSuperTeam', 'nim/event/createSuperTeam', 'nim/event/addSuperTeamMembers', 'nim/cmd/getSuperTeams',
    'nim/cmd/getSuperTeamInfo', 'nim/cmd/getSuperTeamMembers', 'nim/cmd/getSuperTeamMembersByAccounts', 'nim/cmd/syncSuperTeams',
    'nim/cmd/syncMySuperTeamMembers', 'nim/event/mySuperTeamMembers',
  ],
}, async (ctx) => {
  const { accounts: [a, b, c], clients: [alice, bob, carol], teamId } = await crowd(ctx, ['alice', 'bob', 'carol'], { intro: 'hello', tlevel: 3000 });
  const [made, owner] = alice.seen('createSuperTeam')[0].args;
  assert.deepEqual([made.teamId, made.name, made.owner, made.level], [teamId, 'legion', a.accid, 3000]);
  assert.deepEqual([owner.account, owner.type], [a.accid, 'owner']);
  for (const client of [alice, bob, carol]) {
    const e = await client.event('addSuperTeamMembers');
    assert.deepEqual([e.team.teamId, e.team.memberNum], [teamId, 3]);
    assert.deepEqual(e.accounts.slice().sort(), [b.accid, c.accid].sort());
    assert.deepEqual(e.members.map((m) => m.joinTime > 0), [true, true]);
  }
  const info = await bob.call('superTeam.getSuperTeamInfo', { teamId });
  assert.deepEqual([info.intro, info.valid, info.validToCurrentUser, info.muteType], ['hello', true, true, 'none']);
  const stranger = await ctx.login(await ctx.account('mallory'));
  assert.equal((await stranger.call('superTeam.getSuperTeamInfo', { teamId })).validToCurrentUser, false);
  await assert.rejects(stranger.call('superTeam.getSuperTeamMembers', { teamId }), code(804));
  await assert.rejects(stranger.call('superTeam.getSuperTeamInfo', { teamId: '12345' }), code(803));
  assert.deepEqual((await carol.call('superTeam.getSuperTeams')).map((t) => t.teamId), [teamId]);

  // Pages by join time, both ways, without gaps.
  const all = await carol.call('superTeam.getSuperTeamMembers', { teamId });
  assert.deepEqual(all.map((m) => [m.account, m.type]), [[a.accid, 'owner'], [b.accid, 'normal'], [c.accid, 'normal']]);
  const first = await carol.call('superTeam.getSuperTeamMembers', { teamId, limit: 2 });
  const next = await carol.call('superTeam.getSuperTeamMembers', { teamId, limit: 2, joinTime: first.at(-1).joinTime });
  assert.deepEqual([...first, ...next].map((m) => m.account), all.map((m) => m.account));
  const back = await carol.call('superTeam.getSuperTeamMembers', { teamId, limit: 1, reverse: true });
  assert.deepEqual(back.map((m) => m.account), [c.accid]);
  const some = await carol.call('superTeam.getSuperTeamMembersByAccounts', { teamId, accounts: [b.accid, `nobody_${ctx.tag}`] });
  assert.deepEqual(some.map((m) => m.account), [b.accid]);

  // Who logs in has the team and the own record in it.
  const desk = await ctx.login(b, { kind: ctx.otherKind });
  const [mine] = await desk.event('mySuperTeamMembers');
  assert.deepEqual([mine.teamId, mine.account, mine.valid], [teamId, b.accid, true]);
  const [[teams, whole]] = desk.packets('<-', '21-109').map((p) => p.body);
  assert.deepEqual([teams.map((t) => t['1']), whole], [[teamId], true]);
});

scenario('invitations: accepted, refused, waiting for who is away', {
  kinds: NODE_KINDS,
  proves: [
    'nim/cmd/addSuperTeamMembers', 'nim/cmd/acceptSuperTeamInvite', 'nim/cmd/rejectSuperTeamInvite', 'nim/cmd/onSysMsg', 'nim/cmd/syncOfflineSysMsgs',
    'nim/event/sysMsg', 'nim/event/syncSysMsgs', 'nim/event/addSuperTeamMembers',
  ],
}, async (ctx) => {
  const { accounts: [a, , c], clients: [alice, bob], teamId } = await crowd(ctx, ['alice', 'bob'], { beinvitemode: 0, invitemode: 0, inviteAccids: ['carol'] });
  // The one invited at creation was asked as well, and was away.
  const carol = await ctx.login(c);
  const [waiting] = carol.seen('syncSysMsgs').flatMap((e) => e.args[0]);
  assert.deepEqual([waiting.type, waiting.from, waiting.to], ['superTeamInvite', a.accid, teamId]);
  assert.equal(carol.packets('<-', '4-18').length, 1);
  await eventually(() => carol.packets('->', '4-5').some((p) => Number(p.body[0]) === 21 && Number(p.body[1]) === 19 && p.body[2].includes(waiting.idServer)), { what: 'acknowledgement' });
  await carol.call('superTeam.acceptSuperTeamInvite', { teamId, from: a.accid });
  assert.deepEqual((await alice.event('addSuperTeamMembers', (e) => e.accounts.includes(c.accid))).team.memberNum, 2);

  const d = await ctx.account('dave');
  const dave = await ctx.login(d, { kind: ctx.otherKind });
  await assert.rejects(carol.call('superTeam.addSuperTeamMembers', { teamId, accounts: [d.accid] }), code(802));
  await alice.call('superTeam.addSuperTeamMembers', { teamId, accounts: [d.accid], ps: 'join us' });
  const invitation = await dave.event('sysMsg', (s) => s.type === 'superTeamInvite');
  assert.deepEqual([invitation.from, invitation.to, invitation.content ?? invitation.ps], [a.accid, teamId, 'join us']);
  assert.match(JSON.stringify(invitation.attach), /legion/);
  await dave.call('superTeam.rejectSuperTeamInvite', { teamId, from: a.accid, ps: 'no time' });
  const refusal = await alice.event('sysMsg', (s) => s.type === 'rejectSuperTeamInvite');
  assert.deepEqual([refusal.from, refusal.to, refusal.content ?? refusal.ps], [d.accid, teamId, 'no time']);
  await assert.rejects(dave.call('superTeam.acceptSuperTeamInvite', { teamId, from: a.accid }), code(509));
  assert.deepEqual(Object.keys(await members(alice, teamId)).sort(), [a.accid, c.accid].sort());
  assert.equal(bob.seen('addSuperTeamMembers').length, 0, 'who has not answered is no member');
});

scenario('applications: passed, refused, not needed, never', {
  kinds: NODE_KINDS,
  proves: ['nim/cmd/applySuperTeam', 'nim/cmd/passSuperTeamApply', 'nim/cmd/rejectSuperTeamApply', 'nim/event/sysMsg', 'nim/event/addSuperTeamMembers'],
}, async (ctx) => {
  const { accounts: [a], clients: [alice, bob], teamId } = await crowd(ctx, ['alice', 'bob'], { joinmode: 1 });
  const [c, d] = await Promise.all(['carol', 'dave'].map((n) => ctx.account(n)));
  const [carol, dave] = [await ctx.login(c), await ctx.login(d, { kind: ctx.otherKind })];
  assert.equal((await carol.call('superTeam.applySuperTeam', { teamId, ps: 'please' })).teamId, teamId);
  const application = await alice.event('sysMsg', (s) => s.type === 'applySuperTeam');
  assert.deepEqual([application.from, application.to, application.content ?? application.ps], [c.accid, teamId, 'please']);
  await alice.call('superTeam.rejectSuperTeamApply', { teamId, from: c.accid, ps: 'not now' });
  const refusal = await carol.event('sysMsg', (s) => s.type === 'rejectSuperTeamApply');
  assert.deepEqual([refusal.from, refusal.content ?? refusal.ps], [a.accid, 'not now']);
  await assert.rejects(alice.call('superTeam.passSuperTeamApply', { teamId, from: c.accid }), code(509));
  await carol.call('superTeam.applySuperTeam', { teamId, ps: 'again' });
  await assert.rejects(bob.call('superTeam.passSuperTeamApply', { teamId, from: c.accid }), code(802));
  await alice.call('superTeam.passSuperTeamApply', { teamId, from: c.accid });
  for (const client of [alice, bob, carol]) await client.event('addSuperTeamMembers', (e) => e.accounts.includes(c.accid));
  await assert.rejects(carol.call('superTeam.applySuperTeam', { teamId }), code(809));
  await alice.call('superTeam.updateSuperTeamInfo', { teamId, joinMode: 'rejectAll' });
  await assert.rejects(dave.call('superTeam.applySuperTeam', { teamId }), code(802));
  await alice.call('superTeam.updateSuperTeamInfo', { teamId, joinMode: 'noVerify' });
  await dave.call('superTeam.applySuperTeam', { teamId });
  await dave.event('addSuperTeamMembers', (e) => e.accounts.includes(d.accid));
  assert.equal(Object.keys(await members(bob, teamId)).length, 4);
});

scenario('info, own data and nicks of a super team', {
  kinds: KINDS,
  proves: [
    'nim/cmd/updateSuperTeamInfo', 'nim/cmd/updateMySuperTeamMemberInfo', 'nim/cmd/updateSuperTeamMemberNick', 'nim/cmd/syncUpdateSuperTeamMember',
    'nim/event/updateSuperTeam', 'nim/event/updateSuperTeamMember', 'nim/event/mySuperTeamMembers',
  ],
}, async (ctx) => {
  const { accounts: [a, b], clients: [alice, bob], teamId } = await crowd(ctx, ['alice', 'bob']);
  const desk = await ctx.login(b, { kind: ctx.otherKind });
  await assert.rejects(bob.call('superTeam.updateSuperTeamInfo', { teamId, name: 'mutiny' }), code(802));
  await alice.call('superTeam.updateSuperTeamInfo', { teamId, name: 'cohort', announcement: 'march', updateTeamMode: 'all', ext: '{"n":1}' });
  for (const client of [alice, bob]) {
    const e = await client.event('updateSuperTeam');
    assert.deepEqual([e.teamId, e.name, e.announcement, e.ext], [teamId, 'cohort', 'march', '{"n":1}']);
  }
  await bob.call('superTeam.updateSuperTeamInfo', { teamId, intro: 'bobs' });
  await assert.rejects(bob.call('superTeam.updateSuperTeamInfo', { teamId, joinMode: 'rejectAll' }), code(802));
  const info = await alice.call('superTeam.getSuperTeamInfo', { teamId });
  assert.deepEqual([info.name, info.intro, info.joinMode], ['cohort', 'bobs', 'noVerify']);

  let since = desk.mark();
  await bob.call('superTeam.updateMyMemberInfo', { teamId, nickInTeam: 'bosun', bitConfigMask: 1, ext: 'mine' });
  const own = await desk.event('updateSuperTeamMember', (m) => m.account === b.accid, { since });
  assert.deepEqual([own.nickInTeam, own.bitConfigMask, own.ext], ['bosun', 1, 'mine']);
  assert.equal((await desk.event('mySuperTeamMembers', undefined, { since }))[0].nickInTeam, 'bosun');
  const seen = await alice.event('updateSuperTeamMember', (m) => m.account === b.accid);
  assert.deepEqual([seen.nickInTeam, seen.bitConfigMask], ['bosun', undefined], 'the reminder setting is its owner\'s alone');
  since = bob.mark();
  await alice.call('superTeam.updateMemberNick', { teamId, account: b.accid, nickInTeam: 'cook' });
  assert.equal((await bob.event('updateSuperTeamMember', (m) => m.nickInTeam === 'cook', { since })).account, b.accid);
  await assert.rejects(bob.call('superTeam.updateMemberNick', { teamId, account: a.accid, nickInTeam: 'x' }), code(802));
  const [record] = await bob.call('superTeam.getSuperTeamMembersByAccounts', { teamId, accounts: [b.accid] });
  assert.deepEqual([record.nickInTeam, record.ext, record.bitConfigMask], ['cook', 'mine', 1]);
});

scenario('managers, transfer and rank in a super team', {
  kinds: NODE_KINDS,
  proves: [
    'nim/cmd/addSuperTeamManagers', 'nim/cmd/removeSuperTeamManagers', 'nim/cmd/transferSuperTeam', 'nim/event/updateSuperTeamManagers',
    'nim/event/transferSuperTeam', 'nim/event/removeSuperTeamMembers',
  ],
}, async (ctx) => {
  const { accounts: [a, b, c], clients: [alice, bob, carol], teamId } = await crowd(ctx, ['alice', 'bob', 'carol']);
  await alice.call('superTeam.addSuperTeamManagers', { teamId, accounts: [b.accid] });
  const up = await carol.event('updateSuperTeamManagers');
  assert.deepEqual([up.team.teamId, up.isManager, up.accounts], [teamId, true, [b.accid]]);
  await assert.rejects(bob.call('superTeam.addSuperTeamManagers', { teamId, accounts: [c.accid] }), code(802));
  await assert.rejects(bob.call('superTeam.removeSuperTeamMembers', { teamId, accounts: [a.accid] }), code(802));
  assert.equal((await members(carol, teamId))[b.accid], 'manager');
  await alice.call('superTeam.removeSuperTeamManagers', { teamId, accounts: [b.accid] });
  await carol.event('updateSuperTeamManagers', (e) => e.isManager === false);
  await assert.rejects(bob.call('superTeam.transferSuperTeam', { teamId, account: b.accid, leave: false }), code(802));
  await alice.call('superTeam.transferSuperTeam', { teamId, account: c.accid, leave: true });
  const e = await bob.event('transferSuperTeam');
  assert.deepEqual([e.team.owner, e.from.account, e.to.account, e.to.type], [c.accid, a.accid, c.accid, 'owner']);
  await bob.event('removeSuperTeamMembers', (x) => x.accounts.includes(a.accid));
  assert.deepEqual(await members(bob, teamId), { [b.accid]: 'normal', [c.accid]: 'owner' });
});

scenario('silence in a super team: some members, then everybody', {
  kinds: NODE_KINDS,
  proves: ['nim/cmd/muteSuperTeamMembers', 'nim/cmd/queryMuteSuperTeamMembers', 'nim/cmd/muteSuperTeam', 'nim/event/updateSuperTeamMembersMute', 'nim/event/updateSuperTeam'],
}, async (ctx) => {
  const { accounts: [, b, c], clients: [alice, bob, carol], teamId } = await crowd(ctx, ['alice', 'bob', 'carol']);
  const say = (client, body) => client.call('msg.sendTextMsg', { scene: 'superTeam', to: teamId, body });
  await alice.call('superTeam.muteSuperTeamMembers', { teamId, accounts: [b.accid, c.accid], mute: true });
  const e = await carol.event('updateSuperTeamMembersMute');
  assert.deepEqual([Boolean(e.mute), e.accounts.slice().sort()], [true, [b.accid, c.accid].sort()]);
  await assert.rejects(say(bob, 'mm'), code(423));
  const muted = (extra) => carol.call('superTeam.queryMuteMembers', { teamId, ...extra });
  assert.deepEqual((await muted()).map((m) => m.account).sort(), [b.accid, c.accid].sort());
  const [one] = await muted({ limit: 1 });
  assert.equal((await muted({ joinTime: one.joinTime })).length, 1);
  await alice.call('superTeam.muteSuperTeamMembers', { teamId, accounts: [b.accid], mute: false });
  await say(bob, 'free');
  assert.deepEqual((await muted()).map((m) => m.account), [c.accid]);
  await assert.rejects(bob.call('superTeam.muteSuperTeam', { teamId, mute: true }), code(802));
  await alice.call('superTeam.muteSuperTeam', { teamId, mute: true });
  assert.deepEqual([(await bob.event('updateSuperTeam')).muteType], ['normal']);
  await assert.rejects(say(bob, 'again'), code(812));
  await say(alice, 'owner may');
  await alice.call('superTeam.muteSuperTeam', { teamId, mute: false });
  await say(bob, 'free again');
});

scenario('removal from a super team, leaving and the end', {
  kinds: NODE_KINDS,
  proves: [
    'nim/cmd/removeSuperTeamMembers', 'nim/cmd/leaveSuperTeam', 'rest/superteam/dismiss', 'nim/event/removeSuperTeamMembers', 'nim/event/dismissSuperTeam',
  ],
}, async (ctx) => {
  const { accounts: [a, b, c], clients: [alice, bob, carol, dave], teamId } = await crowd(ctx, ['alice', 'bob', 'carol', 'dave']);
  await assert.rejects(bob.call('superTeam.removeSuperTeamMembers', { teamId, accounts: [c.accid] }), code(802));
  await alice.call('superTeam.removeSuperTeamMembers', { teamId, accounts: [b.accid] });
  for (const client of [alice, bob, carol, dave]) {
    const e = await client.event('removeSuperTeamMembers');
    assert.deepEqual([e.team.teamId, e.accounts], [teamId, [b.accid]]);
  }
  const heard = bob.mark();
  await carol.call('superTeam.leaveSuperTeam', { teamId });
  for (const client of [alice, carol, dave]) await client.event('removeSuperTeamMembers', (e) => e.accounts.includes(c.accid));
  await assert.rejects(alice.call('superTeam.leaveSuperTeam', { teamId }), code(802));
  await server.apps[0].restOK('superteam/dismiss.action', { tid: teamId, owner: a.accid });
  for (const client of [alice, dave]) assert.equal((await client.event('dismissSuperTeam')).teamId, teamId);
  await assert.rejects(dave.call('msg.sendTextMsg', { scene: 'superTeam', to: teamId, body: 'anybody' }), code(803));
  assert.deepEqual(await dave.call('superTeam.getSuperTeams'), []);
  assert.equal(bob.seen('msg', (m) => m.to === teamId, heard).length, 0, 'who was removed hears nothing more');
  assert.equal(carol.seen('dismissSuperTeam').length, 0);
});

scenario('what changed while a device was away comes with the next sync, the ends too', {
  kinds: NODE_KINDS,
  proves: ['nim/cmd/syncSuperTeams', 'nim/cmd/syncMySuperTeamMembers', 'nim/cmd/syncTeams', 'nim/cmd/syncMyTeamMembers', 'nim/event/mySuperTeamMembers', 'nim/event/myTeamMembers'],
}, async (ctx) => {
  const { accounts: [a, b], clients: [alice, bob], teamId: kept } = await crowd(ctx, ['alice', 'bob']);
  const another = () => make(server.apps[0], a, [b]);
  const [ended, left, renamed] = [await another(), await another(), await another()];
  const plain = await alice.call('team.createTeam', { type: 'advanced', name: 'crew', accounts: [b.accid], beInviteMode: 'noVerify' });
  await bob.close();
  const phone = await ctx.login(b);
  await phone.setNetwork(false);
  const [since, frames] = [phone.mark(), phone.frames().length];
  await server.apps[0].restOK('superteam/dismiss.action', { tid: ended, owner: a.accid });
  await alice.call('superTeam.removeSuperTeamMembers', { teamId: left, accounts: [b.accid] });
  await alice.call('superTeam.updateSuperTeamInfo', { teamId: renamed, name: 'renamed' });
  await alice.call('team.removeTeamMembers', { teamId: plain.teamId, accounts: [b.accid] });
  const fresh = await another();
  await phone.setNetwork(true);
  await phone.event('syncdone', undefined, { since, timeout: 15000 });

  const [[teams, whole, tag]] = phone.packets('<-', '21-109', frames).map((p) => p.body);
  assert.equal(whole, false);
  assert.ok(tag > 0);
  const state = Object.fromEntries(teams.map((t) => [t['1'], [t['8'], t['13'], t['3']]]));
  // One that did not change may be there too: lists are read a little behind the time tag.
  delete state[kept];
  assert.deepEqual(state, { [ended]: ['0', '0', 'legion'], [left]: ['1', '0', 'legion'], [renamed]: ['1', '1', 'renamed'], [fresh]: ['1', '1', 'legion'] });
  const valid = Object.fromEntries(phone.seen('mySuperTeamMembers', undefined, since).flatMap((e) => e.args[0]).map((m) => [m.teamId, m.valid]));
  assert.deepEqual([valid[ended], valid[left], valid[fresh]], [false, false, true]);
  const [[, gone]] = phone.packets('<-', '8-109', frames).map((p) => p.body);
  assert.deepEqual(gone.map((t) => [t['1'], t['8'], t['13']]), [[plain.teamId, '1', '0']]);
  assert.deepEqual((await phone.event('myTeamMembers', undefined, { since })).map((m) => [m.teamId, m.valid]), [[plain.teamId, false]]);
  assert.deepEqual((await phone.call('superTeam.getSuperTeams')).map((t) => t.teamId).sort(), [kept, renamed, fresh].sort());
});
