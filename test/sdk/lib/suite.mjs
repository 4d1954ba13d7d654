// scenario() registers one test per client kind, keeps the accounts and clients of each run apart, closes them afterwards,
// prints evidence (frames of every client, tail of the server log) only when it failed, and records which features it proves.
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { randomBytes } from 'node:crypto';
import { ALL_KINDS, Client, KINDS, malformed } from './clients.mjs';
import { haveChromium } from './browser.mjs';

// Set by run.mjs; a test file that is run by itself records nothing.
const PARTS = process.env.SDK_PARTS;
const FILE = path.basename(process.argv[1] ?? '');
// Only tell what the tests claim (run.mjs asks for it), before any hook has started a server.
const LISTING = process.env.SDK_LIST === '1';
if (LISTING) setImmediate(() => process.exit(0));
const wanted = process.env.SDK_KINDS?.split(',') ?? ALL_KINDS.filter((k) => !k.startsWith('browser') || haveChromium());

// Rejections nobody waits for inside the SDK that only say that the connection went away.
const HARMLESS = /No_connected|No_socket|Packet timeout due to instance disconnect|would not connect/;
function isHarmless(e) {
  const code = e?.code ?? e?.error?.code;
  return code === 415 || code === 'No_connected' || HARMLESS.test(e?.message ?? String(e));
}

function record(fields) {
  if (PARTS) fs.appendFileSync(path.join(PARTS, `${process.pid}.tsv`), `${fields.join('\t')}\n`);
}

// pending: why the server cannot pass the scenario yet. It has to answer 514 (service not available) then, and the scenario
// counts as to do; once it passes, the mark has to go.
// backend: () => the object with options(), ca and (real server) account(), logTail().
export function suite(backend) {
  return (name, { kinds = KINDS, proves = [], timeout = 45000, pending, allow = () => false }, body) => {
    if (LISTING) {
      for (const feature of proves) process.stdout.write(`PROVES\t${feature}\t${FILE}::${name}\t${kinds.join(' ')}\n`);
      return;
    }
    for (const kind of kinds.filter((k) => wanted.includes(k))) {
      test(`${name} [${kind}]`, { timeout }, async (t) => {
        const ctx = new Context(t, kind, backend());
        let failure;
        try {
          await body(ctx);
          ctx.check(allow);
        } catch (e) {
          failure = e;
          if (!pending) ctx.printEvidence();
        }
        await ctx.close();
        const result = !failure ? 'pass' : pending ? 'pending' : 'fail';
        for (const feature of proves) record([feature, kind, result, `${FILE}::${name}`]);
        if (pending && !failure) throw new Error(`passes: take its pending mark away (${pending})`);
        // Only the service not being there is expected. Every other failure of a pending scenario is a real one.
        if (pending && /\b514\b/.test(failure.message)) {
          t.todo(pending);
          return;
        }
        if (proves.length && !failure) t.diagnostic(`proves ${proves.join(' ')}`);
        if (failure) throw failure;
      });
    }
  };
}

class Context {
  constructor(t, kind, backend) {
    this.t = t;
    this.kind = kind;
    this.server = backend;
    this.clients = [];
    this.cleanups = [];
    this.tag = randomBytes(3).toString('hex');
  }

  // The other SDK version in Node, for conversations between versions.
  get otherKind() {
    return this.kind.endsWith('0.15.0') ? 'mini-0.17.2' : 'mini-0.15.0';
  }

  // A new account; its accid is unique to this run of the scenario.
  account(name, extra) {
    return this.server.account(`${name}_${this.tag}`, extra);
  }

  // A new device of the account, with an SDK instance that is not connected yet.
  async client(account, { kind = this.kind, options = {}, other = {}, storage, name, create = true, product, aws } = {}) {
    const label = name ?? `${account.accid.split('_')[0]}${this.clients.length}[${kind}]`;
    const client = await Client.open(kind, { name: label, ca: this.server.ca, storage, product, aws });
    this.clients.push(client);
    client.account = account;
    client.options = {
      account: account.accid, token: account.token, ...this.server.options(),
      // Both talk to outside hosts by default. The stand-ins would refuse them; this keeps the frame and request logs clean.
      isAbtestEnable: false, ...options,
    };
    client.other = { reportConfig: { isDataReportEnable: false }, ...other };
    if (create) await client.create(client.options, client.other);
    return client;
  }

  // A new device, logged in and synced.
  async login(account, opts) {
    const client = await this.client(account, opts);
    await client.connect();
    return client;
  }

  after(fn) { this.cleanups.push(fn); }

  // Errors that the SDK threw inside its callbacks, or promises it left rejected, are errors in the app: the server answered
  // something the SDK cannot take.
  check(allow) {
    for (const client of this.clients) {
      const bad = client.errors().filter((e) => !isHarmless(e) && !allow(e));
      if (bad.length) throw new Error(`${client.name}: error inside the SDK: ${bad.map((e) => e?.stack ?? JSON.stringify(e)).join('\n')}`);
      const packets = malformed(client);
      if (packets.length) throw new Error(`${client.name}: malformed packets from the server:\n${packets.slice(0, 5).join('\n')}`);
    }
  }

  printEvidence() {
    const parts = this.clients.map((c) => `--- frames of ${c.name}\n${c.transcript()}`);
    if (this.server?.logTail) parts.push(`--- server log\n${this.server.logTail()}`);
    process.stderr.write(`\n=== evidence for: ${this.t.name}\n${parts.join('\n')}\n=== end\n`);
  }

  async close() {
    for (const fn of this.cleanups.reverse()) await fn();
    for (const client of this.clients) await client.close().catch(() => {});
  }
}
