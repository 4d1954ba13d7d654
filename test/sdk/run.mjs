// Runs the suite: node run.mjs [--node-only | --selftest] [file ...]
// Collects out/results.tsv (feature, client, pass or fail, test) and checks proves.tsv against the tests
// (node run.mjs --write-proves writes it).
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execFile, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('.', import.meta.url));
process.chdir(root);
const args = process.argv.slice(2);
const flag = (name) => args.includes(name);
const named = args.filter((a) => !a.startsWith('--'));

const all = fs.readdirSync('tests').filter((f) => f.endsWith('.test.mjs')).sort().map((f) => `tests/${f}`);
const files = named.length ? named : flag('--selftest') ? ['tests/selftest.test.mjs'] : all;

const { ALL_KINDS, bundlePath } = await import('./lib/clients.mjs');
const { haveChromium, launchServer } = await import('./lib/browser.mjs');
for (const kind of ALL_KINDS) {
  if (!fs.existsSync(bundlePath(kind))) {
    console.error(`${kind} is not installed: run npm ci first`);
    process.exit(1);
  }
}

// What the tests claim and with which clients, asked from the tests themselves, two at a time.
const declared = [];
const unasked = [...all];
await Promise.all([1, 2].map(async () => {
  for (let file = unasked.shift(); file; file = unasked.shift()) {
    const { stdout } = await promisify(execFile)(process.execPath, [file], { env: { ...process.env, SDK_LIST: '1' }, maxBuffer: 1 << 24 });
    declared.push(...stdout.split('\n').filter((l) => l.startsWith('PROVES\t')).map((l) => l.slice('PROVES\t'.length)));
  }
}));
const table = `feature\ttest\tclients\n${[...new Set(declared)].sort().join('\n')}\n`;
if (flag('--write-proves')) {
  fs.writeFileSync('proves.tsv', table);
  process.exit(0);
}
if (!fs.existsSync('proves.tsv') || fs.readFileSync('proves.tsv', 'utf8') !== table) {
  console.error('proves.tsv does not match the tests: run npm run proves and review the difference');
  process.exit(1);
}

const inNode = ALL_KINDS.filter((k) => !k.startsWith('browser'));
let kinds = flag('--node-only') ? inNode : ALL_KINDS;
let browser;
if (kinds === ALL_KINDS) {
  if (haveChromium()) {
    browser = await launchServer();
  } else if (process.env.CI === 'true') {
    console.error('Chromium is missing; the browser builds cannot be left out in CI');
    process.exit(1);
  } else {
    kinds = inNode;
    console.log(`left out: ${ALL_KINDS.length - inNode.length} browser builds, Chromium is not installed`);
  }
}

// Several runs may share a checkout: each collects in a directory of its own, and the last one to end leaves its results.
const parts = fs.mkdtempSync(path.join(os.tmpdir(), 'sdk-results-'));
const child = spawn(process.execPath, [
  '--test', '--test-reporter=spec', '--test-reporter-destination=stdout', '--test-concurrency=2', ...files,
], {
  stdio: 'inherit',
  env: { ...process.env, SDK_PARTS: parts, SDK_KINDS: kinds.join(','), ...(browser && { SDK_BROWSER_WS: browser.wsEndpoint() }) },
});
// Everything has its own deadline; this one is for the case that one of them is missing.
const limit = setTimeout(() => { console.error('the suite did not end within 7 minutes'); child.kill('SIGKILL'); }, 420000);
const code = await new Promise((resolve) => child.on('exit', (c) => resolve(c ?? 1)));
clearTimeout(limit);
await browser?.close();

const rows = fs.readdirSync(parts).flatMap((f) => fs.readFileSync(path.join(parts, f), 'utf8').split('\n').filter(Boolean)).sort();
fs.rmSync(parts, { recursive: true, force: true });
fs.mkdirSync('out', { recursive: true });
const temporary = `out/results.${process.pid}`;
fs.writeFileSync(temporary, `feature\tclient\tresult\ttest\n${rows.map((r) => `${r}\n`).join('')}`);
fs.renameSync(temporary, 'out/results.tsv');
const features = new Map();
for (const row of rows) {
  const [feature, , result] = row.split('\t');
  features.set(feature, (features.get(feature) ?? true) && result === 'pass');
}
const proven = [...features.values()].filter(Boolean).length;
console.log(`features proven in this run: ${proven} of ${features.size} tried (out/results.tsv)`);
process.exit(code);
