// What can be done to a message after it was sent: recall, one-way delete, receipts, threads, clearing, search; and the
// session lists kept by the server.
import assert from 'node:assert/strict';
import { suite } from '../lib/suite.mjs';
import { useServer } from '../lib/server.mjs';
import { eventually, NODE_KINDS } from '../lib/clients.mjs';

const server = useServer();
const scenario = suite(() => server.apps[0]);
// The SDK sends sid and cid as text for system messages and as numbers for messages.
const isAck = (p, sid, cid) => Number(p.body[0]) === sid && Number(p.body[1]) === cid;
const roaming = (client) => client.seen('syncRoamingMsgs').flatMap((e) => e.args[0].msgs);

async function pair(ctx) {
  const [a, b] = await Promise.all([ctx.account('alice', { name: 'Alice' }), ctx.account('bob', { name: 'Bob' })]);
  const alice = await ctx.login(a);
  const bob = await ctx.login(b, { kind: ctx.otherKind });
  return { a, b, alice, bob };
}

scenario('recall: gone everywhere, announced to everybody concerned', {
  proves: ['nim/cmd/recallMsg', 'nim/cmd/onRecallMsg', 'nim/event/sysMsg', 'nim/event/updateSession'],
}, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  const desk = await ctx.login(a, { kind: ctx.otherKind });
  const sent = await alice.sendText(b, 'oops');
  await Promise.all([bob, desk].map((c) => c.event('msg', (m) => m.idClient === sent.idClient)));
  assert.equal((await bob.session(a)).unread, 1);
  const since = bob.mark();
  await alice.call('msg.recallMsg', { msg: sent, ps: 'sorry', attach: '{"why":"typo"}' });
  const notice = await bob.event('sysMsg');
  assert.equal(notice.type, 'recallMsgP2p');
  assert.equal(notice.from, a.accid);
  assert.equal(notice.to, b.accid);
  assert.equal(notice.recallMessageInfo.idClient, sent.idClient);
  assert.equal(notice.recallMessageInfo.idServer, sent.idServer);
  assert.equal(notice.recallMessageInfo.createTime, sent.time);
  assert.equal(notice.recallMessageInfo.fromNick, 'Alice');
  assert.match(String(notice.idServer), /^\d+$/);
  assert.deepEqual(notice.attach, { why: 'typo' });
  await bob.event('updateSession', (s) => s.id === `p2p-${a.accid}` && s.unread === 0 && !s.lastMsg, { since });
  assert.equal((await desk.event('sysMsg')).recallMessageInfo.idClient, sent.idClient, 'own other device');
  assert.equal(alice.seen('sysMsg').length, 0, 'not to the device that recalled');
  assert.deepEqual(await alice.history(b), []);
  assert.deepEqual(await bob.history(a), []);
  await eventually(() => bob.packets('->', '4-5').some((p) => isAck(p, 7, 3) && p.body[2].includes(notice.idServer)), { what: 'acknowledgement of the notice' });
  const again = await ctx.login(b);
  assert.ok(!roaming(again).some((m) => m.idClient === sent.idClient));
});

scenario('recall of an offline message: only the notice is delivered', { kinds: NODE_KINDS, proves: ['nim/cmd/syncRecallMsgOfflineAndRoaming', 'nim/event/syncSysMsgs'] }, async (ctx) => {
  const { b, alice, bob } = await pair(ctx);
  await bob.call('disconnect');
  const sent = await alice.sendText(b, 'never seen');
  await alice.call('msg.recallMsg', { msg: sent });
  const back = await ctx.login(b);
  assert.equal(back.seen('syncOfflineMsgs').length, 0);
  const notices = back.seen('syncSysMsgs').flatMap((e) => e.args[0]);
  assert.deepEqual(notices.map((n) => [n.type, n.recallMessageInfo.idClient, n.feature]), [['recallMsgP2p', sent.idClient, 'leave']]);
});

scenario('recall: only one\'s own messages, and only while they are young', { kinds: NODE_KINDS, proves: ['nim/cmd/recallMsg'] }, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  const sent = await alice.sendText(b, 'mine');
  const got = await bob.event('msg');
  await assert.rejects(bob.call('msg.recallMsg', { msg: got }), (e) => e.code === 403);
  assert.equal((await bob.history(a)).length, 1);
  // A message that does not exist counts as recalled.
  await alice.call('msg.recallMsg', { msg: { ...sent, idServer: '1', idClient: `none${ctx.tag}` } });
  assert.equal((await bob.history(a)).length, 1);
});

scenario('one-way delete', { proves: ['nim/cmd/deleteSelfMsgs', 'nim/cmd/onDeleteSelfMsgs', 'nim/cmd/syncDeleteSelfMsgs', 'nim/event/deleteSelfMsgs'] }, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  const desk = await ctx.login(a, { kind: ctx.otherKind });
  const first = await alice.sendText(b, 'first');
  const second = await bob.sendText(a, 'second');
  const got = await alice.event('msg', (m) => m.idClient === second.idClient);
  await desk.event('msg', (m) => m.idClient === second.idClient);
  const result = await alice.call('msg.deleteSelfMsgs', { msgs: [first, got], ext: 'mine only' });
  assert.deepEqual(result.map((r) => r.idServer), [first.idServer, second.idServer]);
  assert.ok(result[0].deletedTime > 0);
  const pushed = await desk.event('deleteSelfMsgs');
  assert.deepEqual(pushed.map((r) => [r.scene, r.idClient, r.idServer, r.time]), [first, second].map((m) => ['p2p', m.idClient, m.idServer, m.time]));
  assert.equal(pushed[0].deletedTime, result[0].deletedTime);
  assert.deepEqual(await alice.history(b), []);
  assert.equal((await bob.history(a)).length, 2, 'the other side keeps everything');
  const fresh = await ctx.login(a);
  assert.deepEqual(roaming(fresh), []);
  assert.ok(fresh.packets('<-', '4-21').every((p) => p.body[0].length > 0), '4-21 is never empty');
  assert.equal(fresh.packets('<-', '4-21').flatMap((p) => p.body[0]).length, 2);
});

scenario('read receipts', { proves: ['nim/cmd/sendMsgReceipt', 'nim/cmd/multiSyncMsgReceipt', 'nim/cmd/syncMsgReceipts', 'nim/event/msgReceipts', 'nim/event/updateSession'] }, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  const one = await alice.sendText(b, 'one');
  const two = await alice.sendText(b, 'two');
  const got = await bob.event('msg', (m) => m.idClient === one.idClient);
  const answer = await bob.call('msg.sendMsgReceipt', { msg: got });
  assert.equal(answer.time, one.time);
  const [receipt] = await alice.event('msgReceipts');
  assert.equal(receipt.sessionId, `p2p-${b.accid}`);
  assert.equal(Number(receipt.msgReceiptTime), one.time, 'the position is the time of the message, not of the reading');
  assert.equal((await alice.session(b)).lastMsg.status, 'sent', 'the newer message is not read yet');
  const newer = await bob.event('msg', (m) => m.idClient === two.idClient);
  await bob.call('msg.sendMsgReceipt', { msg: newer });
  await alice.event('msgReceipts', (r) => Number(r[0].msgReceiptTime) === two.time);
  assert.equal((await alice.session(b)).lastMsg.status, 'receipt');
  // Going back is no news.
  const since = alice.mark();
  await bob.call('msg.sendMsgReceipt', { msg: got });
  await bob.sendText(a, 'barrier');
  await alice.event('msg', (m) => m.body === 'barrier');
  assert.equal(alice.seen('msgReceipts', undefined, since).length, 0);
  const fresh = await ctx.login(a);
  const status = Object.fromEntries(roaming(fresh).map((m) => [m.body, m.status]));
  assert.deepEqual([status.one, status.two], ['receipt', 'receipt']);
});

scenario('threads and lookup by id', { kinds: NODE_KINDS, proves: ['nim/cmd/getThreadMsgs', 'nim/cmd/getMsgsByIdServer'] }, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  const root = await alice.sendText(b, 'root');
  const got = await bob.event('msg');
  const replies = [];
  for (let i = 0; i < 3; i++) replies.push(await bob.sendText(a, `reply ${i}`, { replyMsg: got }));
  await alice.sendText(b, 'elsewhere');
  const query = { scene: 'p2p', threadMsgFromAccount: root.from, threadMsgToAccount: root.to, threadMsgIdServer: root.idServer, threadMsgTime: root.time };
  const thread = await alice.call('msgExtend.getThreadMsgs', query);
  assert.equal(thread.threadMsg.idServer, root.idServer);
  assert.equal(thread.total, 3);
  assert.equal(thread.timetag, replies[2].time);
  assert.deepEqual(thread.msgs.map((m) => m.idServer), replies.map((m) => m.idServer).reverse());
  const page = await alice.call('msgExtend.getThreadMsgs', { ...query, limit: 2, reverse: true });
  assert.deepEqual(page.msgs.map((m) => m.idServer), replies.slice(0, 2).map((m) => m.idServer));
  await assert.rejects(alice.call('msgExtend.getThreadMsgs', { ...query, threadMsgIdServer: '1' }), (e) => e.code === 404);

  const ask = (m) => ({ scene: 'p2p', from: m.from, to: m.to, idServer: m.idServer, time: m.time });
  const found = await alice.call('msgExtend.getMsgsByIdServer', { reqMsgs: [ask(replies[1]), ask(root), ask({ ...root, idServer: '1' })] });
  assert.deepEqual(found.map((m) => m.body).sort(), ['reply 1', 'root']);
  const eve = await ctx.login(await ctx.account('eve'));
  assert.deepEqual(await eve.call('msgExtend.getMsgsByIdServer', { reqMsgs: [ask(root)] }), [], 'not for others');
});

scenario('clearing a conversation on the server', {
  proves: ['nim/cmd/clearHistoryMsgsFromServer', 'nim/cmd/multiSyncClearServerHistoryMsgs', 'nim/cmd/syncClearServerHistoryMsgs', 'nim/event/clearServerHistoryMsgs'],
}, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  const desk = await ctx.login(a, { kind: ctx.otherKind });
  await alice.sendText(b, 'old');
  const last = await bob.sendText(a, 'old too');
  await Promise.all([alice, desk].map((c) => c.event('msg', (m) => m.idClient === last.idClient)));
  await alice.call('msgLog.clearHistoryMsgsFromServer', { scene: 'p2p', to: b.accid, isSyncSelf: true });
  const [cleared] = await desk.event('clearServerHistoryMsgs');
  assert.equal(cleared.sessionId, `p2p-${b.accid}`);
  assert.ok(Number(cleared.time) >= last.time);
  assert.deepEqual(await alice.history(b), []);
  assert.equal((await bob.history(a)).length, 2);
  const next = await bob.sendText(a, 'new');
  await alice.event('msg', (m) => m.idClient === next.idClient);
  assert.deepEqual((await alice.history(b)).map((m) => m.body), ['new']);
  const fresh = await ctx.login(a);
  const texts = [...roaming(fresh), ...fresh.seen('syncOfflineMsgs').flatMap((e) => e.args[0].msgs)].map((m) => m.body);
  assert.deepEqual(texts, ['new']);
  await fresh.event('clearServerHistoryMsgs', (r) => r.some((x) => x.sessionId === `p2p-${b.accid}`));
});

scenario('deleting roaming keeps history', { kinds: NODE_KINDS, proves: ['nim/cmd/deleteRoamingMsgs'] }, async (ctx) => {
  const { a, b, alice } = await pair(ctx);
  await alice.sendText(b, 'kept in history');
  await alice.call('session.deleteSession', { id: `p2p-${b.accid}`, isSyncToServer: true });
  assert.equal((await alice.history(b)).length, 1);
  assert.deepEqual(roaming(await ctx.login(a)), []);
});

scenario('custom notifications', { kinds: NODE_KINDS, proves: ['nim/cmd/sendCustomSysMsg', 'nim/cmd/onSysMsg', 'nim/event/sysMsg', 'nim/event/syncSysMsgs', 'nim/cmd/syncOfflineSysMsgs'] }, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  const send = (attach, extra) => alice.call('systemMessage.sendCustomSysMsg', { type: 'customP2p', to: b.accid, attach, ...extra });
  await send('{"typing":true}', { setting: { needSaveOffline: false } });
  const got = await bob.event('sysMsg');
  assert.equal(got.type, 'customP2p');
  assert.equal(got.from, a.accid);
  assert.deepEqual(got.attach, { typing: true });
  assert.ok(Math.abs(got.time - Date.now()) < 60000);
  await eventually(() => bob.packets('->', '4-5').some((p) => isAck(p, 7, 3)), { what: 'acknowledgement' });
  await bob.call('disconnect');
  await send('{"n":1}', { setting: { needSaveOffline: false } });
  await send('{"n":2}', { setting: { needSaveOffline: true } });
  const back = await ctx.login(b);
  assert.deepEqual(back.seen('syncSysMsgs').flatMap((e) => e.args[0]).map((n) => n.attach), [{ n: 2 }]);
  await assert.rejects(alice.call('systemMessage.sendCustomSysMsg', { type: 'customP2p', to: `nobody_${ctx.tag}`, attach: '{}' }), (e) => e.code === 404);
});

scenario('sticky sessions', {
  kinds: NODE_KINDS,
  proves: [
    'nim/cmd/nimAddStickTopSession', 'nim/cmd/nimUpdateStickTopSession', 'nim/cmd/nimDeleteStickTopSession', 'nim/cmd/nimSyncStickTopSessions',
    'nim/cmd/nimMultiSyncAddStickTopSession', 'nim/cmd/nimMultiSyncUpdateStickTopSession', 'nim/cmd/nimMultiSyncDeleteStickTopSession',
  ],
}, async (ctx) => {
  const { a, b, alice } = await pair(ctx);
  const syncing = { other: { syncOptions: { stickTopSessions: true } } };
  const desk = await ctx.login(a, { kind: ctx.otherKind, ...syncing });
  await alice.sendText(b, 'hello');
  const id = `p2p-${b.accid}`;
  await desk.event('updateSession', (s) => s.id === id);
  const added = await alice.call('session.addStickTopSession', { id, ext: 'one' });
  assert.equal(added.stickTopInfo.isStickOnTop, true);
  await desk.event('updateSession', (s) => s.id === id && s.stickTopInfo?.ext === 'one');
  await alice.call('session.updateStickTopSession', { id, ext: 'two' });
  await desk.event('updateSession', (s) => s.id === id && s.stickTopInfo?.ext === 'two');
  const fresh = await ctx.login(a, syncing);
  assert.equal((await fresh.event('sessions'))[0].stickTopInfo.ext, 'two');
  await alice.call('session.deleteStickTopSession', { id });
  await desk.event('updateSession', (s) => s.id === id && s.stickTopInfo?.isStickOnTop === false);
});

scenario('session list kept by the server', {
  proves: [
    'nim/cmd/nimQueryCloudSessionList', 'nim/cmd/nimQueryCloudSession', 'nim/cmd/nimUpdateCloudSession',
    'nim/cmd/nimDeleteCloudSessionList', 'nim/cmd/nimMultiSyncUpdateCloudSession', 'nim/event/multiSyncUpdateCloudSession',
  ],
}, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  const c = await ctx.account('carol');
  const desk = await ctx.login(a, { kind: ctx.otherKind });
  await alice.sendText(c, 'to carol');
  const last = await bob.sendText(a, 'from bob');
  await alice.sendText(b, 'not counted', { setting: { needUpdateSession: false } });
  const { sessionList, hasMore } = await alice.call('cloudSession.queryCloudSessionList', { limit: 10 });
  assert.equal(hasMore, false);
  assert.deepEqual(sessionList.map((s) => s.sessionId), [`p2p-${b.accid}`, `p2p-${c.accid}`]);
  assert.equal(sessionList[0].lastMsgInfo.lastMsg.idServer, last.idServer);
  assert.equal(sessionList[0].lastMsgInfo.isLastMsgRecalled, false);
  const page = await alice.call('cloudSession.queryCloudSessionList', { limit: 1 });
  assert.equal(page.hasMore, true);
  const rest = await alice.call('cloudSession.queryCloudSessionList', { limit: 1, maxTimestamp: page.sessionList[0].updateTime });
  assert.deepEqual(rest.sessionList.map((s) => s.sessionId), [`p2p-${c.accid}`]);

  await alice.call('cloudSession.updateCloudSession', { sessionId: `p2p-${b.accid}`, ext: '{"pinned":1}' });
  assert.equal((await desk.event('multiSyncUpdateCloudSession')).ext, '{"pinned":1}');
  const one = await alice.call('cloudSession.queryCloudSession', { sessionId: `p2p-${b.accid}` });
  assert.equal(one.ext, '{"pinned":1}');
  await alice.call('cloudSession.deleteCloudSessionList', { sessionIdList: [`p2p-${b.accid}`] });
  await assert.rejects(alice.call('cloudSession.queryCloudSession', { sessionId: `p2p-${b.accid}` }), (e) => e.code === 404);
  await bob.sendText(a, 'back');
  await alice.event('msg', (m) => m.body === 'back');
  assert.equal((await alice.call('cloudSession.queryCloudSessionList', {})).sessionList[0].sessionId, `p2p-${b.accid}`);
});

scenario('full-text search', { kinds: NODE_KINDS, proves: ['nim/cmd/nimFtsCloudMsgLogs', 'nim/cmd/nimFtsCloudMsgLogsAggWithSession'] }, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  const c = await ctx.account('carol');
  const carol = await ctx.login(c, { kind: ctx.otherKind });
  const word = `needle${ctx.tag}`;
  const one = await alice.sendText(b, `first ${word}`);
  const two = await bob.sendText(a, `${word} 你好世界 second`);
  const three = await alice.sendText(c, `third ${word}`);
  await alice.sendText(b, 'hay');
  await carol.sendText(b, `foreign ${word}`);
  const search = (query) => alice.call('msgLog.ftsCloudMsgLogs', query);
  const found = (msgs) => msgs.map((m) => m.idServer);
  await search({ keyword: word });
  await eventually(async () => (await search({ keyword: word })).length === 3, { what: 'the index' });
  assert.deepEqual(found(await search({ keyword: word })), found([three, two, one]));
  assert.deepEqual(found(await search({ keyword: word, orderRule: 'ASC', msglogsLimit: 2 })), found([one, two]));
  assert.deepEqual(found(await search({ keyword: word, p2pSessionList: [b.accid], senderList: [a.accid] })), found([one]));
  assert.deepEqual(found(await search({ keyword: '你好' })), found([two]));
  assert.deepEqual(await search({ keyword: 'nothing like this' }), []);
  const grouped = await alice.call('msgLog.ftsCloudMsgLogsAggWithSession', { keyword: word, msglogsLimit: 1 });
  assert.deepEqual(found(grouped), found([three, two]));
});

scenario('broadcast messages', { kinds: NODE_KINDS, proves: ['rest/msg/broadcastMsg', 'nim/cmd/onBroadcastMsg', 'nim/cmd/syncBroadcastMsg', 'nim/event/broadcastMsgs'] }, async (ctx) => {
  const syncing = { other: { syncOptions: { broadcastMsgs: true } } };
  const a = await ctx.account('alice');
  const b = await ctx.account('bob');
  const alice = await ctx.login(a, syncing);
  const body = `to all ${ctx.tag}`;
  await server.apps[0].restOK('msg/broadcastMsg.action', { body, isOffline: true });
  const [got] = await alice.event('broadcastMsgs', (l) => l[0].body === body);
  assert.match(got.id, /^\d+$/);
  assert.ok(Math.abs(got.time - Date.now()) < 60000);
  const bob = await ctx.login(b, syncing);
  const mine = bob.seen('broadcastMsgs').flatMap((e) => e.args[0]).filter((m) => m.body === body);
  assert.deepEqual(mine.map((m) => m.id), [got.id], 'a later login gets it once');
  await eventually(() => alice.packets('->', '4-5').some((p) => isAck(p, 7, 17)), { what: 'acknowledgement' });
  // The acknowledgement has no answer: it may still be on its way.
  await eventually(async () => {
    const again = await ctx.login(a, syncing);
    return !again.seen('broadcastMsgs').flatMap((e) => e.args[0]).some((m) => m.body === body);
  }, { what: 'the end of the message' });
});
