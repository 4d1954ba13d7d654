// Super teams for scenarios: only the app's server can make them.
import { eventually } from './clients.mjs';

export const code = (n) => (e) => e.code === n;

// The members of a super team: account -> role.
export async function members(client, teamId) {
  return Object.fromEntries((await client.call('superTeam.getSuperTeamMembers', { teamId })).map((m) => [m.account, m.type]));
}

// A super team whose members are in at once; its id.
export async function make(app, owner, others, extra = {}) {
  const answer = await app.restOK('superteam/create.action', {
    owner: owner.accid, inviteAccids: others.map((x) => x.accid), tname: 'legion', beinvitemode: 1, joinmode: 0, ...extra,
  });
  return String(answer.tid);
}

// An owner and others that are logged in, every second one with the other SDK version, and a super team of them. Accounts
// named in inviteAccids are invited besides and are not logged in.
export function crowdOf(app) {
  return async (ctx, names, { inviteAccids = [], ...extra } = {}) => {
    const accounts = await Promise.all([...names, ...inviteAccids].map((n) => ctx.account(n, { name: n.toUpperCase() })));
    const clients = [];
    for (const [i, a] of accounts.slice(0, names.length).entries()) clients.push(await ctx.login(a, i % 2 ? { kind: ctx.otherKind } : {}));
    const teamId = await make(app(), accounts[0], accounts.slice(1), extra);
    await clients[0].event('createSuperTeam', (t) => t.teamId === teamId);
    const asked = extra.beinvitemode === 0;
    if (!asked) await Promise.all(clients.map((c) => eventually(() => c.seen('addSuperTeamMembers').length > 0, { what: `${c.name} in the team` })));
    return { accounts, clients, teamId };
  };
}
