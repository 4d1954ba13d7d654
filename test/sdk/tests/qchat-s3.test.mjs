// Mixed storage (融合存储) as docs/protocol/storage.md sections 8 and 9 have it: QChat and NIM upload with the real aws-sdk.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import S3 from 'aws-sdk/clients/s3.js';
import { suite } from '../lib/suite.mjs';
import { env, useServer } from '../lib/server.mjs';
import { haveS3, KEYS, startS3 } from '../lib/s3.mjs';
import { eventually } from '../lib/clients.mjs';

const server = useServer({ apps: 3 });
const scenario = suite(() => server.apps[0]);
const turnedOff = suite(() => server.apps[1]);
const locked = suite(() => server.apps[2]);
// The same over a bucket of the operator's; versitygw has no AssumeRole, so that clients get its keys.
let operator, starting;
async function startOperator() {
  operator = await (starting ??= startS3('uploads'));
  Object.assign(env, { AWS_ACCESS_KEY_ID: KEYS.id, AWS_SECRET_ACCESS_KEY: KEYS.secret });
  return `s3://uploads?region=us-east-1&use_path_style=true&endpoint=${operator.endpoint}`;
}
const direct = haveS3() && useServer({
  apps: 1,
  args: async () => ['--upload-s3', await startOperator(), '--upload-s3-keys', `${KEYS.id}:${KEYS.secret}`],
});
// Nobody listens where that one's credentials are asked for.
const keyless = haveS3() && useServer({
  apps: 1,
  args: async () => ['--upload-s3', await startOperator(), '--upload-s3-role', 'arn:aws:iam::1:role/up', '--upload-s3-sts', 'http://127.0.0.1:1'],
});
const keylessScenario = suite(() => keyless.apps[0]);
const directScenario = suite(() => direct.apps[0]);
const BROWSERS = ['browser-0.15.0', 'browser-0.17.2'];
const md5 = (b) => createHash('md5').update(b).digest('hex');

const host = (of = server) => `127.0.0.1:${of.ports[0]}`;

// What the application injects is what docs/walkthrough-files.md lets it inject. It cannot be a class that extends AWS.S3, whose managed
// upload calls it without new.
const page = readFileSync(new URL('../../../docs/walkthrough-files.md', import.meta.url), 'utf8');
const [, injected] = page.match(/```js\n[^]*?cloudStorageConfig: \{ s3: ([^]*?) \}\n[^]*?```/);
const s3Class = (endpoint) => ({ $fn: injected.replace("'https://HOST:PORT'", JSON.stringify(endpoint)).replace('new S3(', 'new AWS.S3(') });

const storage = (endpoint) => ({
  reportConfig: { isDataReportEnable: false },
  cloudStorageConfig: {
    s3: s3Class(endpoint), chunkUploadHost: `https://${host()}`, commonUploadHost: `https://${host()}`, cdn: { defaultCdnDomain: `${host()}/nos` },
  },
});

const madeFile = (size, name, type) => ({
  $fn: `new File([Uint8Array.from({length: ${size}}, (_, i) => (i * 7 + (i >> 8)) & 255)], ${JSON.stringify(name)}, {type: ${JSON.stringify(type)}})`,
});
const madeBytes = (size) => Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8)) & 255));

// Reads through the listener without TLS, which serves the same.
function download(url, options = {}, of = server) {
  const u = new URL(url);
  assert.equal(u.host, host(of), `${url} names the server`);
  return fetch(`http://127.0.0.1:${of.ports[1]}${u.pathname}${u.search}`, options);
}

// Turns mixed storage on, once per app.
const ready = new Map();
async function setUp(ctx, app = server.apps[0]) {
  if (!ready.has(app)) ready.set(app, change(ctx, app, 'mixed_storage=s3', /true/));
  await ready.get(app);
}

// Changes a setting and waits until new logins hear of mixed storage what it says.
async function change(ctx, app, setting, want) {
  await app.set(setting);
  let n = 0;
  await eventually(async () => {
    const probe = await ctx.login(await ctx.account(`probe${n++}`), { kind: 'mini-0.17.2' });
    assert.match(JSON.stringify(probe.packets('<-', '6-27')[0].body), want);
    return true;
  }, { every: 300, what: 'the setting' });
}

// One request, and parts.
for (const [size, kind] of [[10, 'browser-0.15.0'], [12_000_001, 'browser-0.17.2']]) {
  scenario(`QChat uploads ${size} bytes by the S3 way`, {
    kinds: [kind], proves: ['qchat/cmd/qchatLogin', 'qchat/cmd/qchatSync', 'qchat/cmd/getMixStorePolicy', 'qchat/cmd/getMixStoreToken'],
  }, async (ctx) => {
    await setUp(ctx);
    const a = await ctx.account('alice');
    const alice = await ctx.login(a, { product: 'qchat', aws: true, other: storage(`https://${host()}`) });
    const file = await alice.call('cloudStorage.uploadFile', { type: 'file', file: madeFile(size, 'report.bin', 'application/octet-stream') });
    assert.equal(alice.packets('->', '6-29')[0].body[0]['0'], 2, 'S3 comes first');
    assert.equal(alice.packets('->', '6-29').length, 1);
    const res = await download(file.url);
    assert.equal(res.status, 200);
    assert.ok(Buffer.from(await res.arrayBuffer()).equals(madeBytes(size)), 'the bytes');
    const part = await download(file.url, { headers: { range: `bytes=${size - 5}-` } });
    assert.equal(part.status, 206);
    assert.equal(md5(Buffer.from(await part.arrayBuffer())), md5(madeBytes(size).subarray(size - 5)));
  });
}

// A picture of one grey dot.
const dot = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==';
const picture = { $fn: `new File([Uint8Array.from(atob(${JSON.stringify(dot)}), (c) => c.charCodeAt(0))], 'a.png', {type: 'image/png'})` };

// alice's server with one channel, and bob in it.
async function circle(alice, bob) {
  const made = await alice.call('qchatServer.createServer', { name: 'srv' });
  const channel = await alice.call('qchatChannel.createChannel', { serverId: made.serverId, name: 'general', type: 'message' });
  await bob.call('qchatServer.applyServerJoin', { serverId: made.serverId, ps: 'hello' });
  return { serverId: made.serverId, channelId: channel.channelId };
}

scenario('QChat uploads a picture by the S3 way and sends it', {
  kinds: BROWSERS,
  proves: ['qchat/cmd/qchatCreateServer', 'qchat/cmd/qchatCreateChannel', 'qchat/cmd/qchatApplyServerJoin', 'qchat/cmd/qchatSendMsg', 'qchat/cmd/qchatOnMsg',
    'qchat/cmd/qchatGetHistoryMsg', 'qchat/cmd/qchatGetUnreadInfo', 'qchat/cmd/getGrayscaleConfig', 'qchat/cmd/getNosCdnHost', 'qchat/cmd/heartbeat', 'qchat/event/message', 'qchat/event/logined', 'qchat/event/syncdone'],
}, async (ctx) => {
  await setUp(ctx);
  const [a, b] = await Promise.all([ctx.account('alice'), ctx.account('bob')]);
  const alice = await ctx.login(a, { product: 'qchat', aws: true, other: storage(`https://${host()}`) });
  const bob = await ctx.login(b, { product: 'qchat', kind: 'uni-0.17.2' });
  await bob.event('logined');
  await bob.event('syncdone');
  const where = await circle(alice, bob);
  const sent = await alice.call('qchatMsg.sendMessage', { ...where, type: 'image', file: picture });
  const got = await bob.event('message');
  assert.equal(got.type, 'image');
  assert.equal(got.msgIdServer, sent.msgIdServer);
  assert.equal(got.attach.url, sent.attach.url);
  assert.ok(Buffer.from(await (await download(got.attach.url)).arrayBuffer()).equals(Buffer.from(dot, 'base64')), 'the bytes');
  await eventually(async () => bob.packets('<-', '24-27').some((p) => p.code === 200), { what: 'the unread count' });
  const [old] = await bob.call('qchatMsg.getHistoryMessage', { ...where, limit: 10 });
  assert.equal(old.msgIdServer, sent.msgIdServer);
  assert.equal(old.attach.url, sent.attach.url);
});

// Nobody listens there: aws-sdk gives up, the SDK asks for a token of the other provider and stays with it for a while.
scenario('where the S3 way fails the other one follows', { kinds: ['browser-0.17.2'], proves: ['qchat/cmd/getMixStoreToken'] }, async (ctx) => {
  await setUp(ctx);
  const alice = await ctx.login(await ctx.account('alice'), { product: 'qchat', aws: true, other: storage('https://127.0.0.1:1') });
  for (const providers of [[2, 1], [2, 1, 1]]) {
    const file = await alice.call('cloudStorage.uploadFile', { type: 'file', file: madeFile(1000, 'report.bin', 'application/octet-stream') });
    assert.deepEqual(alice.packets('->', '6-29').map((p) => p.body[0]['0']), providers);
    assert.ok(Buffer.from(await (await download(file.url)).arrayBuffer()).equals(madeBytes(1000)), 'the bytes');
  }
});

// Clients keep the policy for a day and upload as it says.
turnedOff('a client that was told of the S3 way goes on with it after it was turned off', {
  kinds: BROWSERS, proves: ['qchat/cmd/getMixStoreToken'],
}, async (ctx) => {
  const app = server.apps[1];
  await change(ctx, app, 'mixed_storage=s3', /true/);
  const alice = await ctx.login(await ctx.account('alice'), { product: 'qchat', aws: true, other: storage(`https://${host()}`) });
  await alice.call('cloudStorage.uploadFile', { type: 'file', file: madeFile(10, 'a.bin', 'application/octet-stream') });
  await change(ctx, app, 'mixed_storage=off', /false/);
  const file = await alice.call('cloudStorage.uploadFile', { type: 'file', file: madeFile(1000, 'b.bin', 'application/octet-stream') });
  assert.deepEqual(alice.packets('->', '6-29').map((p) => p.body[0]['0']), [2, 2]);
  assert.deepEqual(alice.packets('<-', '6-29').map((p) => p.code), [200, 200]);
  assert.ok(Buffer.from(await (await download(file.url)).arrayBuffer()).equals(madeBytes(1000)), 'the bytes');
});

// Type 2 opens every file of the app, type 3 the ones that it was asked for.
locked('QChat gets tokens for downloads', { kinds: ['browser-0.15.0', 'uni-0.17.2'], proves: ['qchat/cmd/getFileAuthToken'] }, async (ctx) => {
  const app = server.apps[2];
  await change(ctx, app, 'download_auth=true', /true/);
  const a = await ctx.account('alice');
  const alice = await ctx.login(a, { product: 'qchat', other: {
    cloudStorageConfig: { chunkUploadHost: `https://${host()}`, commonUploadHost: `https://${host()}`, cdn: { defaultCdnDomain: `${host()}/nos` } },
  } });
  const browser = ctx.kind.startsWith('browser');
  const upload = async (size) => {
    const content = madeBytes(size);
    if (browser) return alice.call('cloudStorage.uploadFile', { type: 'file', file: madeFile(size, 'a.bin', 'application/octet-stream') });
    alice.host.files.set(`file://${size}.bin`, content);
    return alice.call('cloudStorage.uploadFile', { type: 'file', filePath: `file://${size}.bin` });
  };
  const [one, two] = [(await upload(10)).url, (await upload(20)).url];
  const status = async (url, token) => (await download(`${url}?nim-mixstore-ctoken=${encodeURIComponent(token)}&appKey=${app.key}&uid=${a.accid}`)).status;
  assert.equal((await download(one)).status, 403, 'no token');
  const all = await alice.call('cloudStorage.getFileToken', { type: 2 });
  assert.deepEqual([await status(one, all.token), await status(two, all.token), Number(all.ttl)], [200, 200, 86400]);
  const single = await alice.call('cloudStorage.getFileToken', { type: 3, urls: [one] });
  assert.deepEqual([await status(one, single.token), await status(two, single.token), Number(single.ttl)], [200, 403, 86400]);
  const both = JSON.parse((await alice.call('cloudStorage.getFileToken', { type: 3, urls: [one, two] })).tokens);
  assert.deepEqual([await status(one, both[0]), await status(two, both[1]), await status(one, both[1])], [200, 200, 403]);
});

scenario('NIM uploads a picture by the S3 way and sends it', {
  kinds: ['browser-0.17.2'], proves: ['nim/cmd/getMixStorePolicy', 'nim/cmd/getMixStoreToken', 'nim/cmd/sendMsg'],
}, async (ctx) => {
  await setUp(ctx);
  const [a, b] = await Promise.all([ctx.account('alice'), ctx.account('bob')]);
  const alice = await ctx.login(a, { aws: true, other: storage(`https://${host()}`) });
  const bob = await ctx.login(b, { kind: ctx.otherKind });
  await alice.call('msg.sendImageMsg', { scene: 'p2p', to: b.accid, file: picture });
  const { attach } = await bob.event('msg');
  assert.deepEqual(alice.packets('->', '6-29').map((p) => p.body[0]['0']), [2]);
  assert.ok(Buffer.from(await (await download(attach.url)).arrayBuffer()).equals(Buffer.from(dot, 'base64')), 'the bytes');
});

// aws-sdk in Node with the credentials of a QChat connection: without Chromium too.
for (const size of [10, 12_000_001]) {
  scenario(`aws-sdk in Node uploads ${size} bytes with the credentials of 6-29`, { kinds: ['uni-0.17.2'], proves: ['qchat/cmd/getMixStoreToken'] }, async (ctx) => {
    await setUp(ctx);
    const alice = await ctx.login(await ctx.account('alice'), { product: 'qchat' });
    const { content: { mixStoreTokenResTag: t } } = await alice.call('sendCmd', 'getMixStoreToken', { mixStoreTokenReqTag: { provider: 2, tokenCount: 1, tag: 'qchat', returnBody: '' } });
    const agent = new https.Agent({ ca: server.ca });
    const s3 = (over) => new S3({
      endpoint: `https://${host()}`, s3ForcePathStyle: true, region: t.region, accessKeyId: t.accessKeyId, secretAccessKey: t.secretAccessKey,
      sessionToken: t.sessionToken, maxRetries: 0, httpOptions: { agent }, ...over,
    });
    const file = { Bucket: t.bucket, Key: t.objectName, Body: madeBytes(size), Metadata: { token: t.token }, ContentType: 'application/octet-stream' };
    for (const [over, params, code] of [
      [{ secretAccessKey: 'x' }, {}, 'SignatureDoesNotMatch'], [{ sessionToken: 'x' }, {}, 'InvalidToken'], [{}, { Key: `${t.objectName}0` }, 'AccessDenied'],
    ]) {
      await assert.rejects(s3(over).upload({ ...file, ...params }).promise(), (e) => { assert.equal(e.code, code); return true; });
    }
    await s3().upload(file).promise();
    const res = await download(t.shortUrl);
    assert.ok(Buffer.from(await res.arrayBuffer()).equals(madeBytes(size)), 'the bytes');
    agent.destroy();
  });
}

scenario('QChat devices of an account: told of, kicked, logged out, read marks', {
  kinds: ['uni-0.17.2'],
  proves: ['qchat/cmd/qchatKick', 'qchat/cmd/qchatBeKicked', 'qchat/cmd/qchatMultiSpotLogin', 'qchat/cmd/qchatExit', 'qchat/cmd/qchatMarkMessageRead',
    'qchat/cmd/qchatMultiSyncMessageRead', 'qchat/cmd/qchatGetServers', 'qchat/cmd/qchatGetChannels', 'qchat/event/kicked', 'qchat/event/multiSpotLogin',
    'qchat/event/unreadInfo'],
}, async (ctx) => {
  const [a, b] = await Promise.all([ctx.account('alice'), ctx.account('bob')]);
  const alice = await ctx.login(a, { product: 'qchat' });
  const one = await ctx.login(b, { product: 'qchat' });
  const two = await ctx.login(b, { product: 'qchat' });
  const [told] = await one.event('multiSpotLogin');
  assert.equal(told.online, true);
  const where = await circle(alice, one);
  const [srv] = await two.call('qchatServer.getServers', { serverIds: [where.serverId] });
  assert.deepEqual([srv.name, srv.memberNumber, srv.channelNumber], ['srv', 2, 1]);
  const [channel] = await two.call('qchatChannel.getChannels', { channelIds: [where.channelId] });
  assert.deepEqual([channel.name, channel.serverId], ['general', where.serverId]);
  const sent = await alice.call('qchatMsg.sendMessage', { ...where, type: 'text', body: 'hello' });
  for (const bob of [one, two]) assert.equal((await bob.event('message')).body, 'hello');
  await one.event('unreadInfo', (u) => u.unreadCount === 1);
  await two.event('unreadInfo', (u) => u.unreadCount === 1);
  await one.call('qchatMsg.markMessageRead', { ...where, time: sent.time });
  await two.event('unreadInfo', (u) => u.unreadCount === 0);
  assert.deepEqual(await one.call('qchatAuth.kick', { deviceIds: [told.deviceId] }), [told.deviceId]);
  assert.equal((await two.event('kicked')).reason, 'otherPlatformKick');
  await one.event('multiSpotLogin', ([d]) => d.online === false);
  await one.call('logout');
  assert.equal(one.packets('<-', '24-4')[0].code, 200);
});

if (direct || process.env.SDK_LIST === '1') {
  directScenario('QChat uploads a picture to a bucket of the operator and sends it', {
    kinds: ['browser-0.17.2'], proves: ['qchat/cmd/getMixStorePolicy', 'qchat/cmd/getMixStoreToken', 'qchat/cmd/qchatSendMsg'],
  }, async (ctx) => {
    await setUp(ctx, direct.apps[0]);
    const [a, b] = await Promise.all([ctx.account('alice'), ctx.account('bob')]);
    const alice = await ctx.login(a, { product: 'qchat', aws: true, other: storage(operator.endpoint) });
    const bob = await ctx.login(b, { product: 'qchat', kind: 'uni-0.17.2' });
    const where = await circle(alice, bob);
    await alice.call('qchatMsg.sendMessage', { ...where, type: 'image', file: picture });
    const { attach } = await bob.event('message');
    const [token] = alice.packets('<-', '6-29').map((p) => p.body[0]);
    assert.deepEqual([token['0'], token['1'], token['6']], ['2', KEYS.id, 'uploads']);
    const res = await download(attach.url, {}, direct);
    assert.equal(res.status, 200);
    assert.equal(res.headers.get('content-type'), 'image/png');
    assert.ok(Buffer.from(await res.arrayBuffer()).equals(Buffer.from(dot, 'base64')), 'the bytes');
    const big = await alice.call('cloudStorage.uploadFile', { type: 'file', file: madeFile(12_000_001, 'report.bin', 'application/octet-stream') });
    assert.deepEqual(alice.packets('->', '6-29').map((p) => p.body[0]['0']), [2, 2]);
    const whole = await download(big.url, {}, direct);
    assert.match(whole.headers.get('etag'), /-3"$/, 'three parts');
    assert.ok(Buffer.from(await whole.arrayBuffer()).equals(madeBytes(12_000_001)), 'the bytes');
  });

  keylessScenario('without credentials for the S3 way the other one follows', { kinds: BROWSERS, proves: ['qchat/cmd/getMixStoreToken'] }, async (ctx) => {
    await setUp(ctx, keyless.apps[0]);
    const alice = await ctx.login(await ctx.account('alice'), { product: 'qchat', aws: true, other: {
      ...storage(operator.endpoint), cloudStorageConfig: { ...storage(operator.endpoint).cloudStorageConfig,
        chunkUploadHost: `https://${host(keyless)}`, commonUploadHost: `https://${host(keyless)}`, cdn: { defaultCdnDomain: `${host(keyless)}/nos` } },
    } });
    for (const providers of [[2, 1], [2, 1, 1]]) {
      const file = await alice.call('cloudStorage.uploadFile', { type: 'file', file: madeFile(1000, 'report.bin', 'application/octet-stream') });
      assert.deepEqual(alice.packets('->', '6-29').map((p) => p.body[0]['0']), providers);
      assert.deepEqual(alice.packets('<-', '6-29').map((p) => p.code), providers.map(() => 200));
      assert.ok(Buffer.from(await (await download(file.url, {}, keyless)).arrayBuffer()).equals(madeBytes(1000)), 'the bytes');
    }
  });
} else {
  console.log('left out: QChat over a bucket of the operator, versitygw is not built');
}
