import assert from 'node:assert/strict';
import { suite } from '../lib/suite.mjs';
import { useServer } from '../lib/server.mjs';
import { NODE_KINDS } from '../lib/clients.mjs';

const server = useServer();
const scenario = suite(() => server.apps[0]);
const ids = (msgs) => msgs.map((m) => m.idServer);

async function talk(ctx, n) {
  const [a, b] = await Promise.all(['alice', 'bob'].map((name) => ctx.account(name)));
  const alice = await ctx.login(a);
  const bob = await ctx.login(b, { kind: ctx.otherKind });
  const sent = [];
  for (let i = 0; i < n; i++) {
    sent.push(i % 5 === 4
      ? await alice.call('msg.sendCustomMsg', { scene: 'p2p', to: b.accid, attach: `{"i":${i}}` })
      : await (i % 2 ? bob.sendText(a, `m${i}`) : alice.sendText(b, `m${i}`)));
  }
  return { a, b, alice, bob, sent };
}

scenario('order, limits and time range', { proves: ['nim/cmd/getHistoryMsgs'] }, async (ctx) => {
  const { a, b, alice, bob, sent } = await talk(ctx, 12);
  const all = ids(sent);
  assert.deepEqual(ids(await alice.history(b)), all.toReversed(), 'newest first by default');
  assert.deepEqual(ids(await bob.history(a)), all.toReversed(), 'the same from the other side');
  assert.deepEqual(ids(await alice.history(b, { reverse: true })), all, 'oldest first');
  assert.deepEqual(ids(await alice.history(b, { asc: true })), all, 'asc only sorts in the client');
  assert.deepEqual(ids(await alice.history(b, { limit: 5 })), all.slice(-5).reverse());
  assert.deepEqual(ids(await alice.history(b, { limit: 5, reverse: true })), all.slice(0, 5));
  const range = { beginTime: sent[3].time, endTime: sent[8].time };
  const inRange = ids(await alice.history(b, range));
  assert.deepEqual(inRange.slice(0, 5), ids(sent.slice(4, 9)).reverse(), 'endTime is inside when there is no lastMsgId');
  assert.ok(!inRange.includes(sent[2].idServer) && !inRange.includes(sent[9].idServer));
  assert.equal((await alice.history(b, { limit: 1 }))[0].body, sent.at(-1).body);
});

scenario('paging reaches everything exactly once', { kinds: NODE_KINDS, proves: ['nim/cmd/getHistoryMsgs'] }, async (ctx) => {
  const { b, alice, sent } = await talk(ctx, 23);
  for (const reverse of [false, true]) {
    const seen = [];
    let page = await alice.history(b, { limit: 5, reverse });
    for (let rounds = 0; page.length > 0 && rounds < 10; rounds++) {
      seen.push(...page);
      const last = page.at(-1);
      page = await alice.history(b, { limit: 5, reverse, lastMsgId: last.idServer, [reverse ? 'beginTime' : 'endTime']: last.time });
      if (seen.length <= 15) assert.equal(page.length, 5, 'no short page while there is more');
    }
    assert.deepEqual(ids(seen), reverse ? ids(sent) : ids(sent).reverse(), `reverse ${reverse}`);
  }
  const middle = sent[10];
  const beyond = await alice.history(b, { endTime: middle.time, lastMsgId: '1', limit: 3 });
  assert.equal(beyond[0].time < middle.time || beyond[0].idServer === middle.idServer, true, 'an unknown lastMsgId is no error');
});

scenario('filter by message type', { kinds: NODE_KINDS, proves: ['nim/cmd/getHistoryMsgs'] }, async (ctx) => {
  const { b, alice, sent } = await talk(ctx, 20);
  const custom = sent.filter((m) => m.type === 'custom');
  assert.deepEqual(ids(await alice.history(b, { msgTypes: ['custom'] })), ids(custom).reverse());
  assert.deepEqual(ids(await alice.history(b, { msgTypes: ['custom', 'text'], limit: 7 })), ids(sent).reverse().slice(0, 7));
  assert.deepEqual(ids(await alice.history(b, { msgTypes: ['custom'], limit: 2 })), ids(custom).reverse().slice(0, 2), 'the filter comes before the limit');
  assert.deepEqual(await alice.history(b, { msgTypes: ['geo'] }), []);
});

scenario('an unknown peer has an empty history', { kinds: NODE_KINDS, proves: ['nim/cmd/getHistoryMsgs'] }, async (ctx) => {
  const alice = await ctx.login(await ctx.account('alice'));
  assert.deepEqual(await alice.history(`nobody_${ctx.tag}`), []);
});

scenario('nobody reads a conversation of others', { kinds: NODE_KINDS, proves: ['nim/cmd/getHistoryMsgs'] }, async (ctx) => {
  const { a, b } = await talk(ctx, 2);
  const eve = await ctx.login(await ctx.account('eve'));
  assert.deepEqual(await eve.history(a), []);
  assert.deepEqual(await eve.history(b), []);
});

scenario('the same conversation by REST', { kinds: ['mini-0.17.2'], proves: ['rest/history/querySessionMsg'] }, async (ctx) => {
  const { a, b, sent } = await talk(ctx, 6);
  const answer = await server.apps[0].restOK('history/querySessionMsg.action', { from: a.accid, to: b.accid, begintime: 0, endtime: 0, limit: 100, reverse: 1 });
  assert.equal(answer.size, sent.length);
  assert.deepEqual(answer.msgs.map((m) => String(m.msgid)), ids(sent));
});
