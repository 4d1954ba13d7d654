// The real server as a child process. Builds nothing: HONGYAN_BIN, or bin/hongyan of this repository.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { after, before } from 'node:test';
import { deadline, eventually } from './clients.mjs';
import { closeBrowser } from './browser.mjs';

const BIN = process.env.HONGYAN_BIN ?? fileURLToPath(new URL('../../../bin/hongyan', import.meta.url));
const run = promisify(execFile);
// HONGYAN_* variables are settings of the server, and it refuses the ones it does not know, such as HONGYAN_BIN.
export const env = Object.fromEntries(Object.entries(process.env).filter(([k]) => !k.startsWith('HONGYAN_')));

export async function freePorts(n) {
  const servers = await Promise.all(Array.from({ length: n }, () => new Promise((resolve, reject) => {
    const s = net.createServer().listen(0, '127.0.0.1', () => resolve(s)).on('error', reject);
  })));
  const ports = servers.map((s) => s.address().port);
  await Promise.all(servers.map((s) => new Promise((resolve) => s.close(resolve))));
  return ports;
}

export class App {
  constructor(server) {
    this.server = server;
    this.key = randomBytes(16).toString('hex');
    this.secret = randomBytes(6).toString('hex');
  }

  get ca() { return this.server.ca; }
  options() { return { appkey: this.key, ...this.server.options() }; }
  logTail() { return this.server.logTail(); }

  // A signed server API call; the parsed answer. Objects and arrays become JSON text, as the API wants them.
  async rest(action, form = {}) {
    const nonce = randomBytes(8).toString('hex');
    const time = String(Math.floor(Date.now() / 1000));
    const body = new URLSearchParams(Object.entries(form).map(([k, v]) => [k, typeof v === 'object' ? JSON.stringify(v) : String(v)]));
    const res = await fetch(`http://127.0.0.1:${this.server.ports[1]}/nimserver/${action}`, {
      method: 'POST',
      headers: {
        AppKey: this.key, Nonce: nonce, CurTime: time,
        CheckSum: createHash('sha1').update(this.secret + nonce + time).digest('hex'),
        'Content-Type': 'application/x-www-form-urlencoded;charset=utf-8',
      },
      body,
      signal: AbortSignal.timeout(10000),
    });
    assert.equal(res.status, 200, `${action}: HTTP ${res.status}`);
    return res.json();
  }

  async restOK(action, form) {
    const answer = await this.rest(action, form);
    assert.equal(answer.code, 200, `${action}: ${JSON.stringify(answer)}`);
    return answer;
  }

  async account(accid, extra = {}) {
    const { info } = await this.restOK('user/create.action', { accid, ...extra });
    return { accid: info.accid, token: info.token };
  }

  // Dynamic token of docs/protocol/nim-core.md 3.3.
  dynamicToken(accid, { time = Date.now(), ttl = 600, secret = this.secret } = {}) {
    const signature = createHash('sha1').update(`${this.key}${accid}${time}${ttl}${secret}`).digest('hex');
    return Buffer.from(JSON.stringify({ signature, curTime: time, ttl })).toString('base64');
  }

  // Through the CLI, on the running server; effective within a second, so callers ask with eventually().
  set(...settings) {
    return this.server.cli('app', 'set', '--data', this.server.data, '--key', this.key, ...settings);
  }
}

export class Server {
  // apps: how many apps exist from the start. Tests that change settings take one of their own.
  // args: further flags, asked for at every start.
  constructor({ apps = 1, args = async () => [] } = {}) {
    this.args = args;
    this.apps = Array.from({ length: apps }, () => new App(this));
    this.log = [];
  }

  async start() {
    if (!fs.existsSync(BIN)) throw new Error(`no server binary at ${BIN}; build it or set HONGYAN_BIN`);
    this.data ??= fs.mkdtempSync(path.join(os.tmpdir(), 'hongyan-sdk-'));
    this.ports ??= await freePorts(3);
    const [tls, plain, metrics] = this.ports;
    const args = [
      'serve', '--data', this.data, '--listen', `127.0.0.1:${tls}`, '--http', `127.0.0.1:${plain}`,
      '--metrics', `127.0.0.1:${metrics}`, '--hook-private', ...await this.args(), ...this.apps.flatMap((a) => ['--app', `${a.key}:${a.secret}`]),
    ];
    this.process = spawn(BIN, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    const keep = (chunk) => {
      this.log.push(...String(chunk).split('\n').filter(Boolean));
      if (this.log.length > 4000) this.log.splice(0, this.log.length - 4000);
    };
    this.process.stdout.on('data', keep);
    this.process.stderr.on('data', keep);
    this.exited = new Promise((resolve) => {
      this.process.on('exit', (code, signal) => { this.exit = { code, signal }; resolve(this.exit); });
      this.process.on('error', (e) => { this.exit = { code: -1, signal: e.message }; resolve(this.exit); });
    });
    this.exit = undefined;
    try {
      await eventually(async () => {
        if (this.exit) return true;
        const res = await fetch(`http://127.0.0.1:${plain}/readyz`, { signal: AbortSignal.timeout(1000) });
        return res.ok;
      }, { timeout: 15000, every: 30, what: 'readiness' });
      if (this.exit) throw new Error(`the server exited with ${JSON.stringify(this.exit)}`);
    } catch (e) {
      throw new Error(`${e.message}\n${this.logTail()}`);
    }
    this.ca = fs.readFileSync(path.join(this.data, 'tls', 'ca.pem'), 'utf8');
    return this;
  }

  options() {
    const host = `127.0.0.1:${this.ports[0]}`;
    return { lbsUrls: [`https://${host}/lbs/webconf.jsp`], linkUrl: host, linkAddresses: [host] };
  }

  logTail(lines = 60) { return this.log.slice(-lines).join('\n'); }

  async cli(...args) {
    const { stdout } = await run(BIN, args, { timeout: 10000, env });
    return stdout;
  }

  async kill9() {
    this.process.kill('SIGKILL');
    await deadline(this.exited, 5000, 'the server outlived SIGKILL');
  }

  // SIGTERM drains and must end with exit code 0.
  async stop() {
    if (!this.process || this.exit) return;
    this.process.kill('SIGTERM');
    try {
      const exit = await deadline(this.exited, 15000, 'the server did not stop within 15 s of SIGTERM');
      assert.deepEqual(exit, { code: 0, signal: null }, `exit status after SIGTERM\n${this.logTail()}`);
    } catch (e) {
      this.process.kill('SIGKILL');
      throw e;
    }
  }

  async restart() {
    await this.stop();
    await this.start();
  }

  remove() {
    if (this.data) fs.rmSync(this.data, { recursive: true, force: true });
  }
}

// One server for a test file: started before its first test, stopped (and judged) after its last.
export function useServer(options) {
  const server = new Server(options);
  if (process.env.SDK_LIST === '1') return server;
  // A file that is cut off leaves neither a process nor its data behind.
  process.on('exit', () => {
    if (!server.exit) server.process?.kill('SIGKILL');
    server.remove();
  });
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(1));
  before(() => server.start(), { timeout: 20000 });
  after(async () => {
    await closeBrowser();
    try { await server.stop(); } finally { server.remove(); }
  }, { timeout: 30000 });
  return server;
}
