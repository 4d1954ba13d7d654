import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { suite } from '../lib/suite.mjs';
import { useServer } from '../lib/server.mjs';
import { eventually, NODE_KINDS } from '../lib/clients.mjs';

const server = useServer({ apps: 5 });
const scenario = suite(() => server.apps[0]);
const lockedScenario = suite(() => server.apps[1]);
const jobScenario = suite(() => server.apps[2]);
const cdnScenario = suite(() => server.apps[3]);
const probedScenario = suite(() => server.apps[4]);
const BROWSERS = ['browser-0.15.0', 'browser-0.17.2'];

// A grey picture of the size, as PNG.
function png(width, height) {
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE(crc32(body), body.length + 4);
    return out;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head[8] = 8;
  const rows = Buffer.alloc((width + 1) * height);
  return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]), chunk('IHDR', head),
    chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

const md5 = (b) => createHash('md5').update(b).digest('hex');

// The upload host of mini-app and uni-app builds is an option; everything else the server tells.
function storage() {
  return { cloudStorageConfig: { commonUploadHost: `https://127.0.0.1:${server.ports[0]}` } };
}

// Reads through the listener without TLS, which serves the same.
function download(url, options = {}) {
  const u = new URL(url);
  assert.equal(u.host, `127.0.0.1:${server.ports[0]}`, `${url} names the server`);
  assert.equal(u.protocol, 'https:');
  return fetch(`http://127.0.0.1:${server.ports[1]}${u.pathname}${u.search}`, options);
}

async function pair(ctx, opts) {
  const [a, b] = await Promise.all([ctx.account('alice'), ctx.account('bob')]);
  const alice = await ctx.login(a, { other: { reportConfig: { isDataReportEnable: false }, ...storage() }, ...opts });
  const bob = await ctx.login(b, { kind: ctx.otherKind });
  return { a, b, alice, bob };
}

scenario('a picture is uploaded by form, sent and read', {
  kinds: NODE_KINDS, proves: ['nim/cmd/getNosToken', 'nim/cmd/getNosCdnHost', 'nim/cmd/sendMsg'],
}, async (ctx) => {
  const { b, alice, bob } = await pair(ctx);
  const content = png(64, 48);
  alice.host.files.set('wxfile://tmp_1.png', content);
  const sent = await alice.call('msg.sendImageMsg', { scene: 'p2p', to: b.accid, filePath: 'wxfile://tmp_1.png' });
  assert.equal(sent.status, 'sent');
  const got = await bob.event('msg');
  assert.equal(got.type, 'image');
  assert.deepEqual(got.attach, sent.attach);
  const { attach } = got;
  assert.equal(attach.md5, md5(content));
  assert.deepEqual([Number(attach.size), Number(attach.w), Number(attach.h)], [content.length, 64, 48]);
  const res = await download(attach.url);
  assert.equal(res.status, 200);
  assert.equal(res.headers.get('content-type'), 'image/png');
  assert.equal(res.headers.get('x-content-type-options'), 'nosniff');
  assert.ok(Buffer.from(await res.arrayBuffer()).equals(content), 'the bytes');
});

scenario('a file is uploaded without a message', { kinds: NODE_KINDS, proves: ['nim/cmd/getNosToken'] }, async (ctx) => {
  const { alice } = await pair(ctx);
  const content = randomBytes(3_000_000);
  alice.host.files.set('wxfile://report.bin', content);
  const file = await alice.call('cloudStorage.uploadFile', { type: 'file', filePath: 'wxfile://report.bin', nosScenes: 'report', nosSurvivalTime: 100000 });
  assert.equal(file.md5, md5(content));
  assert.equal(Number(file.size), content.length);
  const part = await download(file.url, { headers: { range: 'bytes=1000000-1000009' } });
  assert.equal(part.status, 206);
  assert.ok(Buffer.from(await part.arrayBuffer()).equals(content.subarray(1000000, 1000010)), 'the range');
  const page = Buffer.from('<html><script>alert(1)</script></html>');
  alice.host.files.set('wxfile://page.png', page);
  const html = await alice.call('cloudStorage.uploadFile', { type: 'file', filePath: 'wxfile://page.png' });
  const res = await download(html.url);
  assert.match(res.headers.get('content-disposition'), /^attachment/);
});

// The page makes the file itself: bytes that a formula gives.
const madeFile = (size, name, type) => ({
  $fn: `new File([Uint8Array.from({length: ${size}}, (_, i) => (i * 7 + (i >> 8)) & 255)], ${JSON.stringify(name)}, {type: ${JSON.stringify(type)}})`,
});
const madeBytes = (size) => Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8)) & 255));

for (const size of [10, 4194304, 9_000_001]) {
  scenario(`a file of ${size} bytes is uploaded in chunks`, { kinds: BROWSERS, proves: ['nim/cmd/getNosToken', 'nim/cmd/sendMsg'] }, async (ctx) => {
    const { b, alice, bob } = await pair(ctx);
    const sent = await alice.call('msg.sendFileMsg', { scene: 'p2p', to: b.accid, file: madeFile(size, 'report.bin', 'application/octet-stream') });
    assert.equal(sent.status, 'sent');
    const { attach } = await bob.event('msg');
    assert.equal(attach.name, 'report.bin');
    assert.equal(Number(attach.size), size);
    const res = await download(attach.url);
    assert.equal(res.headers.get('etag'), `"${md5(madeBytes(size))}"`);
    assert.ok(Buffer.from(await res.arrayBuffer()).equals(madeBytes(size)), 'the bytes');
  });
}

// What 0.15 and 0.17 do about a network error: the chunk again after 3.5 s.
scenario('a chunk whose connection breaks is sent again', { kinds: BROWSERS, proves: ['nim/cmd/getNosToken'], timeout: 60000 }, async (ctx) => {
  const { b, alice, bob } = await pair(ctx);
  const size = 9_000_001;
  let broken = 0;
  const offsets = [];
  // The chunk arrives and its answer is lost; then a chunk is lost on its way.
  await alice.page.route(/\/nos\/.*[?&]offset=/, async (route) => {
    const offset = new URL(route.request().url()).searchParams.get('offset');
    if (route.request().method() === 'POST') offsets.push(Number(offset));
    if (route.request().method() === 'POST' && offset === '4194304' && broken < 2) {
      if (broken++ === 0) await route.fetch().catch(() => {});
      await route.abort('connectionreset');
      return;
    }
    await route.continue();
  });
  const sending = alice.raw('call', JSON.stringify(['msg.sendFileMsg', [{ scene: 'p2p', to: b.accid, file: madeFile(size, 'report.bin', 'application/octet-stream') }]]));
  const { attach } = await bob.event('msg', undefined, { timeout: 40000 });
  assert.equal(JSON.parse(await sending).ok, true);
  assert.equal(broken, 2);
  assert.deepEqual(offsets, [0, 4194304, 4194304, 4194304, 8388608]);
  const res = await download(attach.url);
  assert.ok(Buffer.from(await res.arrayBuffer()).equals(madeBytes(size)), 'the bytes');
});

// 100 MB, whose middle meets a server that is killed and started again: the client goes on where its last answer was.
scenario('100 MB go on after the server was killed in the middle', {
  kinds: BROWSERS.slice(1), proves: ['nim/cmd/getNosToken'], timeout: 120000,
}, async (ctx) => {
  const alice = await ctx.login(await ctx.account('alice'), { other: { reportConfig: { isDataReportEnable: false } } });
  const size = 100_000_000;
  const block = madeBytes(65536);
  const content = Buffer.alloc(size);
  for (let at = 0; at < size; at += block.length) block.copy(content, at);
  const dir = mkdtempSync(path.join(tmpdir(), 'hongyan-upload-'));
  ctx.after(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(path.join(dir, 'large.bin'), content);
  await alice.page.evaluate(() => {
    window.progress = [];
    document.body.innerHTML = '<input type="file" id="chosen">';
  });
  await alice.page.setInputFiles('#chosen', path.join(dir, 'large.bin'));
  const uploading = alice.raw('call', JSON.stringify(['cloudStorage.uploadFile', [{
    type: 'file', file: { $fn: 'document.getElementById("chosen").files[0]' }, onUploadProgress: { $fn: '(p) => window.progress.push(p.percentage)' },
  }]]));
  const progress = () => alice.page.evaluate(() => window.progress);
  await eventually(async () => (await progress()).some((n) => n > 0.5), { every: 20, timeout: 60000, what: 'half of it' });
  // Between two chunks nothing would break: the server stays away until one has.
  const broken = new Promise((resolve) => {
    alice.page.on('requestfailed', (r) => { if (r.method() === 'POST' && r.url().includes('offset=')) resolve(); });
  });
  await server.kill9();
  await broken;
  await server.start();
  const { ok, value: file, error } = JSON.parse(await uploading);
  assert.ok(ok, JSON.stringify(error));
  const offsets = await alice.page.evaluate(() => performance.getEntriesByType('resource')
    .map((e) => Number(new URL(e.name).searchParams.get('offset') ?? -1)).filter((n) => n >= 0));
  const chunks = Array.from({ length: Math.ceil(size / 4194304) }, (_, i) => i * 4194304);
  assert.deepEqual([...new Set(offsets)], chunks, 'every chunk, in order');
  assert.equal(new Set(offsets.filter((n, i) => offsets.indexOf(n) !== i)).size, 1, 'one of them again, none of those that were answered');
  const shown = await progress();
  assert.equal(shown.at(-1), 1, 'progress ends with all');
  assert.ok(shown.every((n, i) => i === 0 || n >= shown[i - 1]) && shown.length >= chunks.length, `progress: ${shown}`);
  const res = await download(file.url);
  assert.equal(res.headers.get('etag'), `"${md5(content)}"`);
  assert.ok(Buffer.from(await res.arrayBuffer()).equals(content), 'the bytes');
});

scenario('a picture of a browser brings its size along', { kinds: BROWSERS, proves: ['nim/cmd/getNosToken'] }, async (ctx) => {
  const { b, alice, bob } = await pair(ctx);
  const content = png(30, 20).toString('base64');
  await alice.call('msg.sendImageMsg', {
    scene: 'p2p', to: b.accid,
    file: { $fn: `new File([Uint8Array.from(atob(${JSON.stringify(content)}), (c) => c.charCodeAt(0))], 'a.png', {type: 'image/png'})` },
  });
  const { attach } = await bob.event('msg');
  assert.deepEqual([attach.w, attach.h], [30, 20]);
});

lockedScenario('downloads that need a token', { kinds: NODE_KINDS, proves: ['nim/cmd/getFileAuthToken', 'nim/cmd/getMixStorePolicy', 'nim/cmd/getMixStoreToken'] }, async (ctx) => {
  await server.apps[1].set('download_auth=true');
  await taken(ctx, '6-27', /true/);
  const { a, b, alice } = await pair(ctx);
  const content = png(8, 8);
  alice.host.files.set('wxfile://a.png', content);
  const file = await alice.call('cloudStorage.uploadFile', { type: 'image', filePath: 'wxfile://a.png' });
  assert.equal((await download(file.url)).status, 403);
  const all = await alice.call('cloudStorage.getFileToken', { type: 2 });
  const who = `appKey=${server.apps[1].key}&uid=${a.accid}`;
  for (const value of [all.token, `nim-mixstore-ctoken=${all.token}`]) {
    assert.equal((await download(`${file.url}?nim-mixstore-ctoken=${encodeURIComponent(value)}&${who}`)).status, 200, value);
  }
  assert.equal(Number(all.ttl), 86400, 'the life of a token of type 2 in s');
  alice.host.files.set('wxfile://b.png', png(9, 9));
  const second = await alice.call('cloudStorage.uploadFile', { type: 'image', filePath: 'wxfile://b.png' });
  const one = await alice.call('cloudStorage.getFileToken', { type: 3, urls: [file.url] });
  assert.equal(Number(one.ttl), 86400, 'and of type 3');
  const both = await alice.call('cloudStorage.getFileToken', { type: 3, urls: [file.url, second.url] });
  const [first, other] = JSON.parse(both.tokens);
  const status = async (url, token, { key = server.apps[1].key, uid = a.accid } = {}) =>
    (await download(`${url}?nim-mixstore-ctoken=${encodeURIComponent(token)}&appKey=${key}&uid=${uid}`)).status;
  for (const token of [one.token, `nim-mixstore-ctoken=${one.token}`, first]) assert.equal(await status(file.url, token), 200, token);
  assert.equal(await status(second.url, other), 200);
  for (const [what, got] of Object.entries({
    'changed': status(file.url, `${one.token}x`), 'none': status(file.url, ''), 'of another file': status(second.url, one.token),
    'of another account': status(file.url, all.token, { uid: b.accid }), 'of another app': status(file.url, all.token, { key: server.apps[0].key }),
  })) assert.equal(await got, 403, `a token that is ${what}`);
  for (const query of ['', '?imageInfo', '?imageView&thumbnail=4x4']) assert.equal((await download(file.url + query)).status, 403, `no token ${query}`);
});

// Waits until new logins get what a setting of the app says.
async function taken(ctx, packet, want, kind = ctx.kind) {
  let n = 0;
  await eventually(async () => {
    const probe = await ctx.login(await ctx.account(`probe${n++}`), { kind });
    const body = probe.packets('<-', packet)[0]?.body;
    await probe.close();
    ctx.clients.splice(ctx.clients.indexOf(probe), 1);
    assert.match(JSON.stringify(body ?? null), want);
    return true;
  }, { every: 300, what: 'the setting' });
}

cdnScenario('a CDN in front of downloads, and the way back from its URLs', {
  kinds: NODE_KINDS, proves: ['nim/cmd/getOriginUrl', 'nim/cmd/getNosCdnHost'],
}, async (ctx) => {
  await server.apps[3].set('cdn_domain=cdn.example.com/im');
  await taken(ctx, '6-26', /cdn\.example\.com/);
  const { b, alice, bob } = await pair(ctx);
  alice.host.files.set('wxfile://a.png', png(8, 8));
  await alice.call('msg.sendImageMsg', { scene: 'p2p', to: b.accid, filePath: 'wxfile://a.png' });
  const { attach: { url } } = await bob.event('msg');
  assert.match(url, /^https:\/\/cdn\.example\.com\/im\/[A-Za-z0-9._-]+$/);
  for (const short of [url, `${url}?_im_url=1`]) {
    const origin = await bob.call('cloudStorage.getOriginUrl', short);
    assert.equal((await download(origin)).status, 200, origin);
  }
  const strange = 'https://elsewhere.example.com/x?_im_url=1';
  assert.equal(await bob.call('cloudStorage.getOriginUrl', strange), strange);
});

probedScenario('a client that does not know time measurements is not asked', {
  kinds: NODE_KINDS.filter((k) => k.endsWith('0.15.0')),
}, async (ctx) => {
  await server.apps[4].set('latency_probe=true');
  await taken(ctx, '6-31', /./, 'mini-0.17.2');
  const alice = await ctx.login(await ctx.account('alice'));
  assert.equal(alice.packets('<-', '6-31').length, 0);
});

// Only 0.17.2 knows the commands.
probedScenario('the client reports its times', {
  kinds: NODE_KINDS.filter((k) => k.endsWith('0.17.2')), proves: ['nim/cmd/notifyDetect', 'nim/cmd/uploadDetect'],
}, async (ctx) => {
  const count = async () => {
    const text = await (await fetch(`http://127.0.0.1:${server.ports[2]}/metrics`)).text();
    return Number(/^hongyan_client_round_trip_seconds_count (\d+)/m.exec(text)[1]);
  };
  await server.apps[4].set('latency_probe=true');
  let tries = 0;
  await eventually(async () => {
    const before = await count();
    const alice = await ctx.login(await ctx.account(`alice${tries++}`));
    assert.equal(alice.packets('<-', '6-31').length, 1);
    assert.equal(alice.packets('->', '6-32').length, 1);
    assert.ok(await count() > before, 'the server took it');
    return true;
  }, { every: 300, what: 'the times' });
});

jobScenario('uploads of the app server', { kinds: NODE_KINDS.slice(0, 1), proves: ['rest/msg/upload', 'rest/job/nos/del'] }, async (ctx) => {
  const app = server.apps[2];
  assert.ok(ctx);
  const { url } = await app.restOK('msg/upload.action', { content: Buffer.from('hello').toString('base64'), type: 'text/plain', ishttps: 'true' });
  assert.equal(await (await download(url)).text(), 'hello');
  const day = 86400000;
  const { data } = await app.restOK('job/nos/del.action', { startTime: Date.now() - 5 * day, endTime: Date.now() - 3 * day });
  assert.match(data.taskid, /^[0-9a-f]{32}$/);
});
