// Chromium for the browser builds: one browser per run (started by run.mjs) or per test file, one context per client.
import fs from 'node:fs';
import http from 'node:http';
import { chromium } from 'playwright-core';
import { awsPath, bundlePath, driverPath, KINDS } from './clients.mjs';

const easemobPath = new URL('../node_modules/easemob-websdk/Easemob-chat.js', import.meta.url);
const CHROMIUM = process.env.CHROMIUM_BIN ?? '/usr/bin/chromium';
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--ignore-certificate-errors', '--disable-dev-shm-usage',
  // The SDK's statistics and A/B hosts, and Chromium's own, are never looked up.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
];
// Playwright gives every launch a profile directory of its own and removes it afterwards.
const LAUNCH = { executablePath: CHROMIUM, headless: true, args: FLAGS, timeout: 30000 };

export function haveChromium() {
  return fs.existsSync(CHROMIUM);
}

export function launchServer() {
  return chromium.launchServer(LAUNCH);
}

let started;
function start() {
  started ??= (async () => {
    const endpoint = process.env.SDK_BROWSER_WS;
    const browser = endpoint ? await chromium.connect(endpoint) : await chromium.launch(LAUNCH);
    const server = http.createServer(page).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    return { browser, server, origin: `http://127.0.0.1:${server.address().port}` };
  })();
  return started;
}

function page(req, res) {
  const url = new URL(req.url, 'http://127.0.0.1');
  const kind = url.searchParams.get('sdk');
  const product = url.searchParams.get('product') === 'qchat' ? 'qchat' : 'nim';
  if (url.pathname === '/page' && KINDS.includes(kind)) {
    res.setHeader('Content-Type', 'text/html; charset=utf-8');
    res.end(`<!doctype html><title>${kind}</title>${url.searchParams.has('aws') ? '<script src="/aws"></script>' : ''}<script src="/bundle?sdk=${kind}&product=${product}"></script><script src="/driver"></script>`);
  } else if (url.pathname === '/bundle' && KINDS.includes(kind)) {
    res.setHeader('Content-Type', 'text/javascript; charset=utf-8');
    fs.createReadStream(bundlePath(kind, product)).pipe(res);
  } else if (url.pathname === '/aws') {
    res.setHeader('Content-Type', 'text/javascript; charset=utf-8');
    fs.createReadStream(awsPath).pipe(res);
  } else if (url.pathname === '/easemob') {
    res.setHeader('Content-Type', 'text/html; charset=utf-8');
    res.end('<!doctype html><title>easemob</title><script src="/easemob.js"></script>');
  } else if (url.pathname === '/easemob.js') {
    res.setHeader('Content-Type', 'text/javascript; charset=utf-8');
    fs.createReadStream(easemobPath).pipe(res);
  } else if (url.pathname === '/driver') {
    res.setHeader('Content-Type', 'text/javascript; charset=utf-8');
    fs.createReadStream(driverPath).pipe(res);
  } else {
    res.statusCode = 404;
    res.end();
  }
}

export async function openPage(client) {
  const { browser, origin } = await start();
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  const frameLog = [];
  const pageErrors = [];
  page.on('websocket', (ws) => {
    const add = (dir, text) => frameLog.push({ at: Date.now(), dir, text });
    add('--', `open ${ws.url()}`);
    ws.on('framesent', (f) => add('->', String(f.payload)));
    ws.on('framereceived', (f) => add('<-', String(f.payload)));
    ws.on('close', () => add('--', 'closed'));
  });
  page.on('pageerror', (e) => pageErrors.push(e));
  await page.exposeFunction('__sdkEmit', (name, instance, text) => client.emitted(name, instance, text));
  await page.goto(`${origin}/page?sdk=${client.kind}&product=${client.product}${client.aws ? '&aws' : ''}`, { timeout: 15000 });
  await page.waitForFunction(() => typeof globalThis.__sdkRun === 'function' && typeof (globalThis.NIM ?? globalThis.QChat) === 'function', { timeout: 15000 });
  return { page, context, frameLog, pageErrors };
}

// A page with the Easemob SDK alone, on an origin of its own: what it asks the server for is cross-origin.
export async function openEasemob() {
  const { browser, origin } = await start();
  const context = await browser.newContext();
  const page = await context.newPage();
  const calls = [];
  const pageErrors = [];
  page.on('pageerror', (e) => pageErrors.push(e));
  page.on('request', (r) => calls.push({ method: r.method(), url: r.url(), headers: r.headers() }));
  await page.goto(`${origin}/easemob`, { timeout: 15000 });
  await page.waitForFunction(() => typeof globalThis.WebIM?.connection === 'function', { timeout: 15000 });
  return { page, context, calls, pageErrors };
}

export async function closeBrowser() {
  if (!started) return;
  const { browser, server } = await started;
  started = undefined;
  await browser.close();
  server.closeAllConnections();
  server.close();
}
