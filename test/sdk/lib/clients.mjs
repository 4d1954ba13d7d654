// SDK clients of every build behind one interface.
//
// Mini-app and uni-app builds: each client gets a vm context of its own, in which the unmodified bundle file is evaluated as
// a classic script (there is no `module` there, so its UMD header puts NIM on the global object). That keeps the getInstance
// singleton, the device storage and both SDK versions apart without a process per client.
// Browser builds: each client gets a browser context (own storage) with one page in Chromium.
import fs from 'node:fs';
import vm from 'node:vm';
import { Host } from './host.mjs';
import { openPage } from './browser.mjs';

export const KINDS = ['mini-0.15.0', 'mini-0.17.2', 'uni-0.17.2', 'browser-0.15.0', 'browser-0.17.2'];
export const NODE_KINDS = KINDS.filter((k) => !k.startsWith('browser'));
// Builds that only scenarios run which name them.
export const ALL_KINDS = [...KINDS, 'uni-0.15.0'];

const ROOT = new URL('..', import.meta.url);
const BUILDS = { mini: 'NIM_MINIAPP_SDK', uni: 'NIM_UNIAPP_SDK', browser: 'NIM_BROWSER_SDK' };
const scripts = new Map();

export function parseKind(kind) {
  const [build, version] = kind.split('-');
  return { build, version };
}

// product: nim, chatroom, or qchat, which has no build for mini-apps.
export function bundlePath(kind, product = 'nim') {
  const { build, version } = parseKind(kind);
  return new URL(`node_modules/nim-web-sdk-ng-${version}/dist/${BUILDS[build].replace('NIM', product.toUpperCase())}.js`, ROOT);
}

// The class that browsers load for the S3 way of mixed storage.
export const awsPath = new URL('node_modules/aws-sdk/dist/aws-sdk.min.js', ROOT);

export const driverPath = new URL('driver.js', import.meta.url);

function script(url) {
  if (!scripts.has(url.href)) scripts.set(url.href, new vm.Script(fs.readFileSync(url, 'utf8'), { filename: url.pathname }));
  return scripts.get(url.href);
}

export class SDKError extends Error {
  constructor(fields, where) {
    super(`${where}: ${fields.code ?? ''} ${fields.message ?? ''}`.trim());
    Object.assign(this, fields, { sdkMessage: fields.message, message: this.message, name: 'SDKError' });
  }
}

// Promises of another realm that nobody handles: the SDK's own. node:test would blame whichever test happens to run, so
// they are given back to the client they belong to. Its scenario decides (see suite.mjs).
const realms = new Map(); // the realm's Promise -> client
function routeRejections() {
  const others = process.listeners('unhandledRejection').filter((l) => !l.routesSDK);
  process.removeAllListeners('unhandledRejection');
  const route = (reason, promise) => {
    const client = realms.get(promise.constructor);
    if (client) client.rejections.push(reason);
    else if (promise.constructor === Promise) for (const l of others) l(reason, promise);
  };
  route.routesSDK = true;
  process.on('unhandledRejection', route);
}

export class Client {
  constructor(kind, name, { product = 'nim', aws = false } = {}) {
    this.kind = kind;
    this.name = name;
    this.product = product;
    this.aws = aws; // a browser's page has AWS.S3
    this.version = parseKind(kind).version;
    this.events = []; // {name, args, instance, at}
    this.waiters = new Set();
    this.rejections = [];
  }

  static async open(kind, { name = kind, ca, storage, backend, product, aws } = {}) {
    const client = new (kind.startsWith('browser') ? PageClient : HostClient)(kind, name, { product, aws });
    await client.prepare({ ca, storage, backend });
    return client;
  }

  emitted(name, instance, text) {
    const event = { name, instance, args: JSON.parse(text), at: Date.now() };
    this.events.push(event);
    for (const check of [...this.waiters]) check(event);
  }

  async run(command, ...args) {
    const answer = JSON.parse(await this.raw(command, JSON.stringify(args)));
    if (!answer.ok) throw new SDKError(answer.error, `${this.name} ${command} ${command === 'call' ? args[0] : ''}`);
    return answer.value;
  }

  create(options, other) { return this.run('create', options, other); }
  getInstance(options, other) { return this.run('getInstance', options, other); }
  use(instance) { return this.run('use', instance); }
  get(path) { return this.run('get', path); }
  status() { return this.get('status'); }

  // The SDK gives up on a command after 8 s; a promise still open after 15 s will never settle.
  call(path, ...args) {
    return deadline(this.run('call', path, args), 15000, `${this.name} ${path} never settled`);
  }

  connect() { return this.call(this.product === 'qchat' ? 'login' : 'connect'); }

  sendText(to, body, extra) { return this.call('msg.sendTextMsg', { scene: 'p2p', to: to.accid ?? to, body, ...extra }); }
  history(to, extra) { return this.call('msgLog.getHistoryMsgs', { scene: 'p2p', to: to.accid ?? to, ...extra }); }
  async session(peer) { return await this.call('session.getSession', { id: `p2p-${peer.accid ?? peer}` }) ?? undefined; }

  // A position in the event log, for "since".
  mark() { return this.events.length; }

  seen(name, where = () => true, since = 0) {
    return this.events.slice(since).filter((e) => e.name === name && where(...e.args));
  }

  // The first matching event after `since`, already logged or still to come. Resolves to the event's first argument.
  event(name, where = () => true, { since = 0, timeout = 10000 } = {}) {
    const [past] = this.seen(name, where, since);
    if (past) return Promise.resolve(past.args[0]);
    let check;
    const future = new Promise((resolve, reject) => {
      check = (event) => {
        try { if (event.name === name && where(...event.args)) resolve(event.args[0]); } catch (e) { reject(e); }
      };
      this.waiters.add(check);
    });
    return deadline(future, timeout, () =>
      `${this.name}: no matching event ${name} within ${timeout} ms; seen since: ${this.events.slice(since).map((e) => e.name).join(' ') || 'none'}`)
      .finally(() => this.waiters.delete(check));
  }

  // Commands of one kind in the frame log, from a position on, decoded: {sid, cid, ser, code, body}.
  packets(dir, id, from = 0) {
    return this.frames().slice(from).filter((f) => f.dir === dir && f.text.startsWith('3:::')).map((f) => {
      const p = JSON.parse(f.text.slice(4));
      return dir === '->'
        ? { sid: p.SID, cid: p.CID, ser: p.SER, body: p.Q.map((q) => q.v) }
        : { sid: p.sid, cid: p.cid, ser: p.ser, code: p.code, body: p.r };
    }).filter((p) => !id || `${p.sid}-${p.cid}` === id);
  }

  transcript(limit = 80) {
    return this.frames().slice(-limit).map((f) => {
      const text = f.text.length > 1500 ? `${f.text.slice(0, 1500)}... (${f.text.length} characters)` : f.text;
      return `${new Date(f.at).toISOString().slice(11, 23)} ${this.name} ${f.dir} ${text}`;
    }).join('\n');
  }
}

class HostClient extends Client {
  async prepare({ ca, storage }) {
    const host = this.host = new Host({ ca, storage });
    const { build } = parseKind(this.kind);
    const sandbox = {
      console, ...host.timerGlobals(),
      __sdkEmit: (name, instance, text) => this.emitted(name, instance, text),
    };
    if (build === 'mini') sandbox.wx = host.wx();
    if (build === 'uni') {
      sandbox.uni = host.uni();
      // 0.17.2 reads the bare name `navigator`; without it getSystemInfo throws.
      sandbox.navigator = { userAgent: 'stand-in uni-app' };
    }
    const context = vm.createContext(sandbox);
    host.parse = vm.runInContext('JSON', context).parse;
    this.realmPromise = vm.runInContext('Promise', context);
    realms.set(this.realmPromise, this);
    routeRejections();
    script(bundlePath(this.kind, this.product)).runInContext(context);
    script(driverPath).runInContext(context);
    this.sandbox = context;
  }

  raw(command, text) { return this.sandbox.__sdkRun(command, text); }
  frames() { return this.host.frames; }
  errors() { return [...this.host.errors, ...this.rejections]; }
  async drop() { this.host.dropSockets(); }
  setNetwork(connected) { this.host.setNetwork(connected); }

  async kill() { this.host.kill(); }
  async close() { this.host.kill(); }
}

class PageClient extends Client {
  async prepare({ backend }) {
    Object.assign(this, await openPage(this, { backend }));
  }

  raw(command, text) {
    return this.page.evaluate(([c, t]) => globalThis.__sdkRun(c, t), [command, text]);
  }

  frames() { return this.frameLog; }
  errors() { return this.pageErrors; }
  setNetwork(connected) { return this.context.setOffline(!connected); }
  // Chromium has no way to cut one socket; going offline and back makes the SDK lose and renew its connection.
  async drop() {
    const since = this.mark();
    await this.context.setOffline(true);
    await this.event('willReconnect', undefined, { since });
    await this.context.setOffline(false);
  }

  kill() { return this.close(); }
  async close() { await this.context?.close(); this.context = undefined; }
}

// What every packet from the server must look like, whatever it answers (docs/protocol/nim-core.md, rules 1 to 3 and 2.5).
export function malformed(client) {
  const bad = [];
  for (const f of client.frames()) {
    if (f.dir !== '<-' || !f.text.startsWith('3:::')) continue;
    const p = JSON.parse(f.text.slice(4));
    const report = (what) => bad.push(`${what}: ${f.text.slice(0, 400)}`);
    for (const key of ['sid', 'cid', 'ser', 'code']) if (typeof p[key] !== 'number') report(`${key} is not a number`);
    if (!Array.isArray(p.r)) { report('r is not a list'); continue; }
    // Maps of 4-14 and 4-20 hold numbers; the inner body of the wrapped notifications is a packet of its own.
    const plainMaps = p.sid === 4 && [14, 20, 1, 2, 10, 11].includes(p.cid);
    const walk = (value, depth) => {
      if (value === null) return report('null inside r');
      if (Array.isArray(value)) { if (depth < 3) value.forEach((x) => walk(x, depth + 1)); return undefined; }
      if (typeof value === 'object' && !plainMaps && Object.keys(value).every((k) => /^\d+$/.test(k))) {
        for (const [k, x] of Object.entries(value)) if (typeof x !== 'string') report(`tag ${k} is ${x === null ? 'null' : typeof x}, not text`);
      }
      return undefined;
    };
    p.r.forEach((x) => walk(x, 0));
  }
  return bad;
}

export function deadline(promise, ms, message) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(typeof message === 'function' ? message() : message)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// Asks again until the answer is truthy. For states that no event announces.
export async function eventually(ask, { timeout = 8000, every = 50, what = 'condition' } = {}) {
  const end = Date.now() + timeout;
  let last;
  for (;;) {
    try { const value = await ask(); if (value) return value; last = undefined; } catch (e) { last = e; }
    if (Date.now() > end) throw new Error(`${what} not reached within ${timeout} ms${last ? `: ${last.message}` : ''}`);
    await new Promise((r) => setTimeout(r, every));
  }
}
