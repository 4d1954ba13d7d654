// Mixed storage (融合存储) as docs/protocol/storage.md sections 8 and 9 have it: QChat and NIM upload with the real aws-sdk.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { suite } from '../lib/suite.mjs';
import { useServer } from '../lib/server.mjs';
import { eventually } from '../lib/clients.mjs';

const server = useServer({ apps: 1 });
const scenario = suite(() => server.apps[0]);
const BROWSERS = ['browser-0.15.0', 'browser-0.17.2'];
const md5 = (b) => createHash('md5').update(b).digest('hex');

const host = () => `127.0.0.1:${server.ports[0]}`;

// What the application injects: the SDKs up to 0.17.2 call the constructor without arguments. It cannot be a class that extends
// AWS.S3, whose managed upload calls it without new.
const s3Class = (endpoint) => ({
  $fn: `function () { return new AWS.S3({ endpoint: ${JSON.stringify(endpoint)}, s3ForcePathStyle: true }); }`,
});

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
function download(url, options = {}) {
  const u = new URL(url);
  assert.equal(u.host, host(), `${url} names the server`);
  return fetch(`http://127.0.0.1:${server.ports[1]}${u.pathname}${u.search}`, options);
}

async function mixed(value) {
  await server.apps[0].set(`mixed_storage=${value}`);
}

let ready;
async function setUp(ctx) {
  ready ??= (async () => {
    await mixed('s3');
    let n = 0;
    await eventually(async () => {
      const probe = await ctx.login(await ctx.account(`probe${n++}`), { kind: 'mini-0.17.2' });
      assert.match(JSON.stringify(probe.packets('<-', '6-27')[0].body), /true/);
      return true;
    }, { every: 300, what: 'the setting' });
  })();
  await ready;
}

for (const size of [10, 12_000_001]) {
  scenario(`QChat uploads ${size} bytes by the S3 way`, {
    kinds: BROWSERS, proves: ['qchat/cmd/qchatLogin', 'qchat/cmd/qchatSync', 'qchat/cmd/getMixStorePolicy', 'qchat/cmd/getMixStoreToken'],
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
