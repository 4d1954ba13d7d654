// What the server API does to clients that are logged in.
import assert from 'node:assert/strict';
import { suite } from '../lib/suite.mjs';
import { useServer } from '../lib/server.mjs';
import { eventually } from '../lib/clients.mjs';

const server = useServer();
const scenario = suite(() => server.apps[0]);
const MINI = ['mini-0.15.0', 'mini-0.17.2'];
const ok = (action, form) => server.apps[0].restOK(`${action}.action`, form);

async function pair(ctx) {
  const [a, b] = await Promise.all([ctx.account('alice', { name: 'Alice' }), ctx.account('bob', { name: 'Bob' })]);
  return { a, b, alice: await ctx.login(a), bob: await ctx.login(b, { kind: ctx.otherKind }) };
}

scenario('registering twice, and calls for unknown accounts, are 414', { kinds: ['mini-0.17.2'], proves: ['rest/user/create', 'rest/user/block'] }, async (ctx) => {
  const app = server.apps[0];
  const { accid } = await ctx.account('alice');
  assert.equal((await app.rest('user/create.action', { accid: accid.toUpperCase() })).code, 414);
  assert.equal((await app.rest('user/create.action', { accid: 'no spaces allowed' })).code, 414);
  assert.equal((await app.rest('user/block.action', { accid: `nobody_${ctx.tag}` })).code, 414);
});

scenario('a bad signature is 414', { kinds: ['mini-0.17.2'], proves: ['rest/user/create'] }, async (ctx) => {
  const app = server.apps[0];
  const forged = Object.assign(Object.create(Object.getPrototypeOf(app)), app, { secret: 'guess' });
  assert.equal((await forged.rest('user/create.action', { accid: `x_${ctx.tag}` })).code, 414);
});

scenario('user/update: the new token counts, running sessions stay', { kinds: MINI, proves: ['rest/user/update', 'nim/cmd/login'] }, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  await ok('user/update', { accid: a.accid, token: 'chosen-token' });
  await assert.rejects(ctx.login(a), (e) => e.code === 302);
  await ctx.login({ accid: a.accid, token: 'chosen-token' });
  const sent = await alice.sendText(b, 'still logged in');
  await bob.event('msg', (m) => m.idClient === sent.idClient);
});

scenario('user/updateUinfo reaches the account\'s own devices', {
  kinds: MINI, proves: ['rest/user/updateUinfo', 'rest/user/getUinfos', 'nim/cmd/onUpdateMyNameCard', 'nim/event/updateMyNameCard'],
}, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  await ok('user/updateUinfo', { accid: a.accid, name: 'Alice II', ex: '{"vip":true}', gender: 1 });
  const card = await alice.event('updateMyNameCard');
  assert.deepEqual([card.nick, card.ext, card.gender], ['Alice II', '{"vip":true}', 'male']);
  const { uinfos } = await ok('user/getUinfos', { accids: [a.accid] });
  assert.deepEqual([uinfos[0].accid, uinfos[0].name, uinfos[0].ex, uinfos[0].gender, uinfos[0].valid], [a.accid, 'Alice II', '{"vip":true}', 1, true]);
  await alice.sendText(b, 'new name');
  assert.equal((await bob.event('msg')).fromNick, 'Alice II');
  // What the client changes is what the server API sees.
  await bob.call('user.updateMyNameCard', { signature: 'by the client' });
  assert.equal((await ok('user/getUinfos', { accids: [b.accid] })).uinfos[0].sign, 'by the client');
});

scenario('user/mute: sending is 423, receiving goes on', { kinds: MINI, proves: ['rest/user/mute', 'nim/cmd/sendMsg'] }, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  await ok('user/mute', { accid: a.accid, mute: true });
  await assert.rejects(alice.sendText(b, 'muted'), (e) => e.code === 423);
  const sent = await bob.sendText(a, 'can you hear me?');
  await alice.event('msg', (m) => m.idClient === sent.idClient);
  await ok('user/mute', { accid: a.accid, mute: false });
  await alice.sendText(b, 'again');
});

scenario('user/setSpecialRelation is pushed and listed', {
  kinds: MINI, proves: ['rest/user/setSpecialRelation', 'rest/user/listBlackAndMuteList', 'nim/event/updateBlackList', 'nim/event/updateMuteList'],
}, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  await ok('user/setSpecialRelation', { accid: b.accid, targetAcc: a.accid, relationType: 1, value: 1 });
  await ok('user/setSpecialRelation', { accid: b.accid, targetAcc: a.accid, relationType: 2, value: 1 });
  assert.deepEqual(await bob.event('updateBlackList'), { account: a.accid, isAdd: true });
  assert.deepEqual(await bob.event('updateMuteList'), { account: a.accid, isAdd: true });
  await assert.rejects(alice.sendText(b, 'no'), (e) => e.code === 7101);
  const lists = await ok('user/listBlackAndMuteList', { accid: b.accid });
  assert.deepEqual([lists.blacklist, lists.mutelist], [[a.accid], [a.accid]]);
});

scenario('user/userOnlineStatus follows logins', { kinds: ['mini-0.17.2'], proves: ['rest/user/userOnlineStatus'] }, async (ctx) => {
  const { a, alice } = await pair(ctx);
  const status = async () => (await ok('user/userOnlineStatus', { accids: [a.accid, `ghost_${ctx.tag}`] })).data;
  const online = await status();
  assert.deepEqual(online.invalidAccids, [`ghost_${ctx.tag}`]);
  assert.equal(online.status[a.accid][0].clientType, 16);
  await alice.call('disconnect');
  await eventually(async () => !((await status()).status[a.accid]?.length > 0), { what: 'offline' });
});

scenario('msg/sendMsg: own copy, options, offline', { kinds: MINI, proves: ['rest/msg/sendMsg', 'nim/event/msg', 'nim/event/syncOfflineMsgs'] }, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  const send = (text, extra) => ok('msg/sendMsg', { from: a.accid, ope: 0, to: b.accid, type: 0, body: { msg: text }, ...extra });
  await send('copied', { ext: '{"e":1}' });
  const copy = await alice.event('msg');
  assert.deepEqual([copy.body, copy.flow, copy.fromClientType, copy.ext], ['copied', 'out', 'Server', '{"e":1}']);
  await send('not copied', { option: { sendersync: false } });
  await send('last');
  await Promise.all([alice, bob].map((c) => c.event('msg', (m) => m.body === 'last')));
  assert.deepEqual(bob.seen('msg').map((e) => e.args[0].body), ['copied', 'not copied', 'last']);
  assert.deepEqual(alice.seen('msg').map((e) => e.args[0].body), ['copied', 'last']);
  for (const [type, body, expected] of [[4, { title: 'here', lat: 1.5, lng: 2.5 }, 'geo'], [100, { any: ['thing'] }, 'custom'], [1, { name: 'x.png', md5: '9894907e4ad9de4678091277509361f7', url: 'https://files.example/x.png', ext: 'png', w: 1, h: 2, size: 3 }, 'image']]) {
    await ok('msg/sendMsg', { from: a.accid, ope: 0, to: b.accid, type, body });
    assert.deepEqual((await bob.event('msg', (m) => m.type === expected)).attach, body);
  }
  await bob.call('disconnect');
  await send('dropped', { option: { persistent: false } });
  await send('queued');
  const back = await ctx.login(b);
  assert.deepEqual(back.seen('syncOfflineMsgs').flatMap((e) => e.args[0].msgs.map((m) => m.body)), ['queued']);
});

scenario('msg/sendBatchMsg', { kinds: MINI, proves: ['rest/msg/sendBatchMsg', 'nim/event/msg'] }, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  const from = await ctx.account('office');
  const answer = await ok('msg/sendBatchMsg', { fromAccid: from.accid, toAccids: [a.accid, b.accid, `ghost_${ctx.tag}`], type: 0, body: { msg: 'to many' }, returnMsgid: true });
  assert.deepEqual(JSON.parse(answer.unregister), [`ghost_${ctx.tag}`]);
  for (const [client, account] of [[alice, a], [bob, b]]) {
    const got = await client.event('msg');
    assert.equal(got.body, 'to many');
    assert.equal(got.idServer, String(answer.msgids[account.accid]));
  }
});

scenario('msg/sendAttachMsg and sendBatchAttachMsg', { kinds: MINI, proves: ['rest/msg/sendAttachMsg', 'rest/msg/sendBatchAttachMsg', 'nim/cmd/onSysMsg', 'nim/event/sysMsg', 'nim/event/syncSysMsgs'] }, async (ctx) => {
  const { a, b, bob } = await pair(ctx);
  await ok('msg/sendAttachMsg', { from: a.accid, msgtype: 0, to: b.accid, attach: '{"n":1}' });
  const got = await bob.event('sysMsg');
  assert.deepEqual([got.type, got.from, got.attach], ['customP2p', a.accid, { n: 1 }]);
  await ok('msg/sendBatchAttachMsg', { fromAccid: a.accid, toAccids: [b.accid], attach: '{"n":2}' });
  const batch = await bob.event('sysMsg', (m) => m.attach.n === 2);
  await eventually(() => bob.packets('->', '4-5').some((p) => Number(p.body[1]) === 3 && p.body[2].includes(batch.idServer)), { what: 'acknowledgement' });
  await bob.call('disconnect');
  await ok('msg/sendAttachMsg', { from: a.accid, msgtype: 0, to: b.accid, attach: '{"n":3}', save: 1 });
  await ok('msg/sendAttachMsg', { from: a.accid, msgtype: 0, to: b.accid, attach: '{"n":4}', save: 2 });
  const back = await ctx.login(b);
  assert.deepEqual(back.seen('syncSysMsgs').flatMap((e) => e.args[0].map((m) => m.attach)), [{ n: 4 }]);
});

scenario('msg/recall and msg/delMsg', { kinds: MINI, proves: ['rest/msg/recall', 'rest/msg/delMsg', 'nim/cmd/onRecallMsg', 'nim/event/sysMsg'] }, async (ctx) => {
  const { a, b, alice, bob } = await pair(ctx);
  const recalled = await alice.sendText(b, 'recalled');
  const deleted = await alice.sendText(b, 'deleted');
  await bob.event('msg', (m) => m.idClient === deleted.idClient);
  const form = (m) => ({ deleteMsgid: m.idServer, timetag: m.time, type: 7, from: a.accid, to: b.accid });
  await ok('msg/recall', { ...form(recalled), msg: 'by the office' });
  for (const client of [alice, bob]) {
    const notice = await client.event('sysMsg');
    assert.deepEqual([notice.type, notice.recallMessageInfo.idClient, notice.recallMessageInfo.createTime], ['recallMsgP2p', recalled.idClient, recalled.time]);
  }
  await ok('msg/delMsg', form(deleted));
  assert.deepEqual(await alice.history(b), []);
  assert.equal(bob.seen('sysMsg').length, 1, 'a deletion is not announced');
});

scenario('msg/markReadMsg is a receipt', { kinds: MINI, proves: ['rest/msg/markReadMsg', 'nim/cmd/multiSyncMsgReceipt', 'nim/event/msgReceipts'] }, async (ctx) => {
  const { a, b, alice } = await pair(ctx);
  const sent = await alice.sendText(b, 'read me');
  await ok('msg/markReadMsg', { from: b.accid, to: a.accid, msgidClient: sent.idClient });
  const [receipt] = await alice.event('msgReceipts');
  assert.equal(receipt.sessionId, `p2p-${b.accid}`);
  assert.equal(Number(receipt.msgReceiptTime), sent.time);
});

scenario('history/querySessionList is the client\'s session list', { kinds: ['mini-0.17.2'], proves: ['rest/history/querySessionList', 'rest/msg/delRoamSession'] }, async (ctx) => {
  const { a, b, alice } = await pair(ctx);
  await alice.sendText(b, 'hello');
  const { data } = await ok('history/querySessionList', { accid: a.accid });
  const { sessionList } = await alice.call('cloudSession.queryCloudSessionList', {});
  assert.deepEqual(data.sessions.map((s) => [s.sessionType, s.accid, s.updateTime]), [[0, b.accid, sessionList[0].updateTime]]);
  await ok('msg/delRoamSession', { type: 1, from: a.accid, to: b.accid });
  const fresh = await ctx.login(a);
  assert.equal(fresh.seen('syncRoamingMsgs').length, 0);
  assert.equal((await fresh.history(b)).length, 1);
});

scenario('history/queryUserEvents tells of logins and logouts', { kinds: ['mini-0.17.2'], proves: ['rest/history/queryUserEvents'] }, async (ctx) => {
  const a = await ctx.account('alice');
  const client = await ctx.login(a, { options: { customTag: 'desk' } });
  await client.call('disconnect');
  const ask = () => ok('history/queryUserEvents', { accid: a.accid, begintime: 0, endtime: 0, limit: 10 });
  const { events } = await eventually(async () => { const r = await ask(); return r.size === 2 && r; }, { what: 'both records' });
  assert.deepEqual(events.map((e) => [e.eventType, e.clientType, e.clientIp, e.code, e.customTag]), [[3, 'WEB', '127.0.0.1', 200, 'desk'], [2, 'WEB', '127.0.0.1', 200, 'desk']]);
  assert.ok(events[0].sdkVersion > 0 && events[0].sdkVersion === events[1].sdkVersion && events[0].timestamp >= events[1].timestamp);
  assert.equal(events[0].deviceId, events[1].deviceId);
});
