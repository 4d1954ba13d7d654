// The unmodified Easemob web SDK in Chromium, on a page of another origin: what it does of the chat-file API, and what it
// makes of refusals (docs/api/easemob.md section 10).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { useServer } from '../lib/server.mjs';
import { eventually } from '../lib/clients.mjs';
import { haveChromium, openEasemob } from '../lib/browser.mjs';

if (process.env.SDK_LIST === '1') process.exit(0); // proves no feature of the NIM tables
const kinds = process.env.SDK_KINDS?.split(',');
const skip = !haveChromium() || (kinds && !kinds.some((k) => k.startsWith('browser'))) ? 'no Chromium in this run' : false;

const server = skip ? undefined : useServer({ apps: 1 });
const APP = 'test-org/chat-app';
let sdk;
let base;
let admin; // a token of the app's server

// A call of the REST API, as an app's server makes it.
async function rest(method, path, { token, body, headers = {} } = {}) {
  const res = await fetch(`${base}/${APP}/${path}`, {
    method, headers: { ...(token && { Authorization: `Bearer ${token}` }), ...headers }, body: body && JSON.stringify(body),
  });
  return { status: res.status, headers: res.headers, json: await res.json() };
}

// Runs fn(conn, argument) in the page; conn is a connection of the SDK that is set up for this server.
function inPage(fn, arg) {
  return sdk.page.evaluate(async ([source, arg, apiUrl, appKey]) => {
    globalThis.conn ??= new WebIM.connection({ appKey, isHttpDNS: false, https: false, url: `${apiUrl.replace('http', 'ws')}/ws`, apiUrl });
    const wait = (run) => new Promise((resolve) => { run(resolve); });
    return (new Function(`return (${source})`)())(globalThis.conn, arg, wait); // eslint-disable-line no-new-func
  }, [fn.toString(), arg, base, APP.replace('/', '#')]);
}

const last = (method, part) => sdk.calls.findLast((c) => c.method === method && c.url.includes(part));

let ready;
async function setUp() {
  base = `http://127.0.0.1:${server.ports[1]}`;
  const { key } = server.apps[0];
  await server.cli('app', 'name', '--data', server.data, '--key', key, APP);
  await server.cli('app', 'set', '--data', server.data, '--key', key, 'easemob_registration=open');
  const shown = await server.cli('app', 'show', '--data', server.data, '--key', key);
  const secretOf = (what) => shown.match(new RegExp(`easemob client ${what}\\s+(\\S+)`))[1];
  await eventually(async () => {
    const r = await rest('POST', 'token', { body: { grant_type: 'client_credentials', client_id: secretOf('id'), client_secret: secretOf('secret') } });
    admin = r.json.access_token;
    return admin;
  }, { every: 50, what: 'the app has its name' });
  sdk = await openEasemob();
}

// One after the other: they share a user, a token and a file.
function scenario(name, body, timeout = 20000) {
  test(name, { skip, timeout }, async () => {
    ready ??= setUp();
    await ready;
    await body();
  });
}

const seen = {};

scenario('register', async () => {
  const made = await eventually(() => inPage((conn) => conn.registerUser({ username: 'Alice', password: 'wonder', nickname: '' })
    .then((r) => (r.data ?? r), (e) => (/not open/.test(JSON.stringify(e)) ? undefined : Promise.reject(e)))), { every: 100, what: 'open registration' });
  assert.equal(made.entities[0].username, 'alice');
  const again = await inPage((conn) => conn.registerUser({ username: 'alice', password: 'x', nickname: '' }).then(() => 'resolved', (e) => e));
  assert.match(again.message, /username be unique/);
  const illegal = await inPage((conn) => conn.registerUser({ username: 'a b', password: 'x', nickname: '' }).then(() => 'resolved', (e) => e));
  assert.match(illegal.message, /is not legal/);
});

scenario('log in with a password: the token, and then no socket', async () => {
  const wrong = await inPage((conn) => conn.open({ user: 'alice', pwd: 'wrong' }).then(() => 'resolved', (e) => e));
  assert.equal(wrong.type, 1);
  assert.equal(wrong.message, 'invalid password');
  const nobody = await inPage((conn) => conn.open({ user: 'nobody', pwd: 'x' }).then(() => 'resolved', (e) => e));
  assert.equal(nobody.message, 'user not found');
  const socket = await inPage((conn) => conn.open({ user: 'alice', pwd: 'wonder' }).then(() => 'resolved', (e) => e));
  assert.equal(socket.type, 16);
  seen.token = await inPage((conn) => conn.context.accessToken);
  assert.match(seen.token, /^YWMt/);
});

// A picture that does not compress, in the page.
const picture = (side) => `(async () => {
  const c = new OffscreenCanvas(${side}, ${side});
  const g = c.getContext('2d');
  const d = g.createImageData(${side}, ${side});
  let x = 1;
  for (let i = 0; i < d.data.length; i++) { x = (Math.imul(x, 1664525) + 1013904223) >>> 0; d.data[i] = i % 4 === 3 ? 255 : x >>> 24; }
  g.putImageData(d, 0, 0);
  return c.convertToBlob({ type: 'image/png' });
})()`;

scenario('upload a picture with progress', async () => {
  const up = await inPage(async (conn, { token, make }, wait) => {
    const blob = await (0, eval)(make);
    globalThis.original = new Uint8Array(await blob.arrayBuffer());
    const progress = [];
    return wait((done) => WebIM.utils.uploadFile({
      file: { data: new File([blob], '图片.png', { type: 'image/png' }) }, accessToken: token, appKey: conn.appKey, apiUrl: conn.apiUrl,
      to: 'bob', chatType: 'singleChat', thumbnailWidth: 120, thumbnailHeight: 120,
      onFileUploadProgress: (e) => progress.push(e.loaded),
      onFileUploadComplete: (data) => done({ data, progress, size: blob.size }),
      onFileUploadError: (e) => done({ error: e }),
    }));
  }, { token: seen.token, make: picture(500) });
  assert.ok(up.data?.entities, JSON.stringify(up));
  const [e] = up.data.entities;
  assert.equal(e.type, 'chatfile');
  assert.match(e['share-secret'], /^[\w-]{48}$/);
  assert.deepEqual(e['file-metadata'], { 'content-length': up.size, 'content-type': 'image/png' });
  assert.ok(up.progress.at(-1) >= up.size, `progress ${up.progress}`);
  seen.uuid = e.uuid;
  seen.secret = e['share-secret'];
  seen.url = `${base}/${APP}/chatfiles/${e.uuid}`;
  const call = last('POST', '/chatfiles');
  assert.equal(call.headers['restrict-access'], 'true');
  assert.match(call.url, /chat-type=CHAT&chat-target=bob|chat-target=bob&chat-type=CHAT/);
});

// What a download gives, in the page: the type and length of the blob, and whether the bytes are the picture's.
const download = async (conn, opts, wait) => wait((done) => WebIM.utils.download.call(conn, {
  ...opts,
  onFileDownloadComplete: async (blob) => {
    const bytes = new Uint8Array(await blob.arrayBuffer());
    done({ type: blob.type, size: bytes.length, same: bytes.length === original.length && bytes.every((b, i) => b === original[i]),
      url: WebIM.utils.parseDownloadResponse.call(conn, blob).slice(0, 5) });
  },
  onFileDownloadError: (e) => done({ error: e.type }),
}));

scenario('download: the file, its thumbnail, and refusals', async () => {
  assert.deepEqual(await inPage(download, { url: seen.url, secret: seen.secret }),
    { type: 'image/png', size: (await inPage(() => original.length)), same: true, url: 'blob:' });
  const small = await inPage(download, { url: seen.url, secret: seen.secret, headers: { thumbnail: 'true', Accept: 'application/octet-stream' } });
  assert.equal(small.type, 'application/octet-stream');
  assert.ok(small.size > 0 && small.size < 120 * 120 * 4, `${small.size}`);
  for (const [what, opts, error] of [
    ['wrong secret', { url: seen.url, secret: 'x' }, 222],
    ['no secret', { url: seen.url }, 222],
    ['no such file', { url: seen.url.replace(seen.uuid, '00000000-0000-4000-8000-000000000000'), secret: seen.secret }, 200],
    ['no token', { url: seen.url, secret: seen.secret, headers: { Authorization: 'Bearer undefined' } }, 200],
  ]) {
    assert.deepEqual(await inPage(download, opts), { error }, what);
  }
});

scenario('a picture in the page, as the SDK writes its URL', async () => {
  const shown = (url) => sdk.page.evaluate((url) => new Promise((resolve) => {
    const img = new Image();
    img.onload = () => resolve([img.naturalWidth, img.naturalHeight]);
    img.onerror = () => resolve('error');
    img.src = url;
  }), url);
  assert.deepEqual(await shown(`${seen.url}?em-redirect=true&share-secret=${seen.secret}`), [500, 500]);
  assert.deepEqual(await shown(`${seen.url}?em-redirect=true&share-secret=${seen.secret}&thumbnail=true`), [120, 120]);
  assert.equal(await shown(`${seen.url}?em-redirect=true`), 'error');
});

const big = async (conn, { size }, wait) => {
  const bytes = new Uint8Array(size).map((_, i) => (i * 7 + (i >> 8)) & 255);
  return wait((done) => WebIM.utils.uploadFile.call(conn, {
    file: { data: new File([bytes], 'big.bin') }, accessToken: conn.context.accessToken, appKey: conn.appKey, apiUrl: conn.apiUrl, to: 'bob', chatType: 'singleChat',
    onFileUploadComplete: (data) => done({ entities: data.entities, error: data.error }),
    onFileUploadError: (e) => done({ type: e.type, code: e.code }),
  }));
};

scenario('a large file goes up in parts', async () => {
  const size = 9_000_001;
  const up = await inPage(big, { size });
  const [e] = up.entities ?? assert.fail(JSON.stringify(up));
  const parts = sdk.calls.filter((c) => c.method === 'PUT' && c.url.includes('/part-upload/'));
  assert.equal(parts.length, 2);
  const res = await fetch(`${base}/${APP}/chatfiles/${e.uuid}`, { headers: { Authorization: `Bearer ${seen.token}`, 'share-secret': e['share-secret'] } });
  const got = Buffer.from(await res.arrayBuffer());
  assert.ok(got.equals(Buffer.from(new Uint8Array(size).map((_, i) => (i * 7 + (i >> 8)) & 255))), 'the bytes');
  const refused = await inPage(big, { size: 11_000_000 });
  assert.equal(refused.code, 101); // the SDK's own refusal: it knows the limit from the first answer
  assert.ok(last('DELETE', '/part-upload/'), 'and gives the upload up');
});

scenario('a file that is too large for one request', async () => {
  for (const size of [10_600_000, 20_000_000]) { // a little too large, and too large to be read at all
    const answer = await inPage(async (conn, { size, token }, wait) => wait((done) => WebIM.utils.uploadFile({
      file: { data: new File([new Uint8Array(size)], 'big.bin') }, accessToken: token, appKey: conn.appKey, apiUrl: conn.apiUrl, to: 'bob', chatType: 'singleChat',
      onFileUploadComplete: (data) => done(data.error),
      onFileUploadError: (e) => done(`error ${e.type}`),
    })), { size, token: seen.token });
    assert.equal(answer, 'file exceeding maximum limit', `${size} bytes`);
  }
});

scenario('what is not served ends, and does not hang', async () => {
  const contacts = await inPage((conn) => conn.getContacts().then(() => 'resolved', (e) => e));
  assert.equal(contacts.type ?? contacts, 17, JSON.stringify(contacts));
});

scenario('a user who is gone', async () => {
  assert.equal((await rest('DELETE', 'users/alice', { token: admin })).status, 200);
  assert.deepEqual(await inPage(download, { url: seen.url, secret: seen.secret }), { error: 200 });
  assert.equal((await rest('GET', 'users/alice', { token: admin })).status, 404);
  assert.deepEqual(sdk.pageErrors, []);
});

scenario('no secret is in the log', () => {
  for (const word of [seen.token, seen.secret, 'wonder']) assert.ok(!server.log.some((l) => l.includes(word)), 'a secret is in the log');
});
