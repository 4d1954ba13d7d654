// Pass-through (docs/protocol/nim-social.md section 13.1, docs/adr/0010-pass-through.md) and what a device tells of itself.
import assert from 'node:assert/strict';
import http from 'node:http';
import { createHash, createHmac } from 'node:crypto';
import { suite } from '../lib/suite.mjs';
import { useServer } from '../lib/server.mjs';
import { eventually } from '../lib/clients.mjs';

const server = useServer();
const scenario = suite(() => server.apps[0]);

// The app's own server: remembers what it was asked and answers by path.
async function upstream(ctx, app) {
  const up = { calls: [], faults: [] };
  const s = http.createServer((req, res) => {
    const chunks = [];
    req.on('data', (c) => chunks.push(c));
    req.on('end', () => {
      const body = Buffer.concat(chunks);
      const h = req.headers;
      const md5 = createHash('md5').update(body).digest('hex');
      const sum = createHash('sha1').update(app.secret + md5 + h.curtime).digest('hex');
      const signature = createHmac('sha256', app.secret).update([req.method, req.url, h['x-hongyan-accid'], h.curtime, md5, ''].join('\n')).digest('hex');
      if (h.md5 !== md5 || h.checksum !== sum || h.appkey !== app.key || h['x-hongyan-signature'] !== signature) up.faults.push(`${req.method} ${req.url}`);
      up.calls.push({ method: req.method, url: req.url, headers: h, body: String(body) });
      if (req.url.endsWith('/slow')) return; // never answers
      if (req.url.endsWith('/fail')) res.statusCode = 503;
      res.end(req.url.endsWith('/long') ? 'x'.repeat(70000) : `seen ${body}`);
    });
  });
  await new Promise((r) => s.listen(0, '127.0.0.1', r));
  ctx.after(() => { s.closeAllConnections(); return new Promise((r) => s.close(r)); });
  up.url = `http://127.0.0.1:${s.address().port}/base`;
  return up;
}

scenario('a request reaches the app\'s server, signed, and its answer comes back', { proves: ['nim/cmd/requestProxy'] }, async (ctx) => {
  const app = server.apps[0];
  const up = await upstream(ctx, app);
  await app.set(`proxy_url_default=${up.url}`, `proxy_zones=reports=${up.url}/zone`, 'proxy_timeout=600');
  const account = await ctx.account('alice');
  const alice = await ctx.login(account);
  const ask = (options) => alice.call('passThrough.request', options);
  await eventually(() => ask({ path: '/ping', method: 2, body: 'now' }).then(() => up.calls.length > 0), { what: 'the settings to be effective' });
  up.calls.length = 0;
  const answer = await ask({ path: '/v1/items?x=1', method: 3, header: '{"X-Mine":"yes","X-Hongyan-Accid":"mallory","Host":"elsewhere"}', body: '{"a":"é"}' });
  assert.equal(answer.body, 'seen {"a":"é"}');
  assert.equal(answer.path, '/v1/items?x=1');
  const [call] = up.calls;
  assert.deepEqual([call.method, call.url, call.body], ['PUT', '/base/v1/items?x=1', '{"a":"é"}']);
  assert.equal(call.headers['x-mine'], 'yes');
  assert.equal(call.headers['x-hongyan-accid'], account.accid);
  assert.match(call.headers.host, /^127\.0\.0\.1:/);
  await ask({ zone: 'reports', path: 'all', method: 1 });
  assert.deepEqual([up.calls.at(-1).method, up.calls.at(-1).url, up.calls.at(-1).headers['x-hongyan-zone']], ['GET', '/base/zone/all', 'reports']);
  assert.deepEqual(up.faults, []);

  const before = up.calls.length;
  for (const [options, expected] of [
    [{ zone: 'unknown', path: '/x' }, 404], [{ path: '/../secret' }, 414], [{ path: '/%2e%2e/secret' }, 414], [{ path: '//evil.example/x' }, 414],
    [{ path: 'http://evil.example/x', method: 9 }, 414], [{ path: '/x', header: 'not json' }, 414],
  ]) await assert.rejects(ask(options), (e) => e.code === expected, JSON.stringify(options));
  assert.equal(up.calls.length, before, 'refused before anybody is asked');
  await assert.rejects(ask({ path: '/fail' }), (e) => e.code === 500);
  await assert.rejects(ask({ path: '/long' }), (e) => e.code === 500);
  // A slow upstream holds up nothing else of the session.
  const slow = ask({ path: '/slow' }).then(() => 0, (e) => e.code);
  const begun = Date.now();
  await alice.call('user.getUsersNameCardFromServer', { accounts: [account.accid] });
  assert.ok(Date.now() - begun < 500);
  assert.equal(await slow, 408);
});

scenario('a message of the app\'s server reaches the online devices', { proves: ['nim/cmd/onRequestProxy', 'nim/event/proxyMsg'] }, async (ctx) => {
  const app = server.apps[0];
  const [alice, bob] = [await ctx.account('alice'), await ctx.account('bob')];
  const devices = [await ctx.login(bob), await ctx.login(bob, { kind: ctx.otherKind })];
  const answer = await app.restOK('hongyan/proxyNotify.action', { from: alice.accid, accids: [bob.accid, 'nobody-here'], body: 'order 7 is paid' });
  assert.deepEqual(answer.failedAccid, ['nobody-here']);
  for (const d of devices) {
    const m = await d.event('proxyMsg');
    assert.deepEqual([m.from, m.body], [alice.accid, 'order 7 is paid']);
    assert.ok(Math.abs(Number(m.time) - Date.now()) < 60000);
  }
});
