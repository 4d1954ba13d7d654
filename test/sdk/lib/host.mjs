// What a mini-app container gives to its scripts, on top of Node: `wx` for NIM_MINIAPP_SDK and `uni` for NIM_UNIAPP_SDK.
// Written from what the bundles really touch. One Host is one device: its own storage, files, sockets and timers.
import https from 'node:https';
import { randomUUID } from 'node:crypto';
import WebSocket from 'ws';

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

export class Host {
  constructor({ ca, storage, maxFrames = 2000 } = {}) {
    this.ca = ca;
    this.storage = storage ?? new Map();
    this.files = new Map(); // path -> Buffer, for uploadFile
    this.frames = []; // {at, dir, text}: the evidence printed when a test fails
    this.maxFrames = maxFrames;
    this.requests = []; // {method, url, status}
    this.sockets = new Set();
    this.pending = new Set();
    this.timers = new Set();
    this.networkListeners = new Set();
    this.connected = true;
    this.dead = false;
    this.deaf = false; // frames from the server are lost on the way: an answer that never came
    this.errors = []; // what the SDK threw inside a callback: an uncaught error in a real app
    this.parse = JSON.parse; // replaced by the realm's own, so that parsed answers belong to the SDK's realm
  }

  // Calls into the SDK. A throw must not take the test process down, but it is never forgotten either.
  invoke(fn, ...args) {
    if (this.dead) return;
    try { fn(...args); } catch (e) { this.errors.push(e); }
  }

  // Timers are tracked because the SDK keeps pinging and reconnecting for ever; a dead device must not.
  timerGlobals() {
    const wrap = (set, clear, once) => ({
      set: (fn, ms, ...args) => {
        if (this.dead) return 0;
        const id = set(() => { if (once) this.timers.delete(entry); this.invoke(fn, ...args); }, ms);
        const entry = { id, clear };
        this.timers.add(entry);
        return entry;
      },
      clear: (entry) => { if (entry && entry.clear) { entry.clear(entry.id); this.timers.delete(entry); } },
    });
    const t = wrap(setTimeout, clearTimeout, true);
    const i = wrap(setInterval, clearInterval, false);
    return { setTimeout: t.set, clearTimeout: t.clear, setInterval: i.set, clearInterval: i.clear };
  }

  frame(dir, text) {
    this.frames.push({ at: Date.now(), dir, text });
    if (this.frames.length > this.maxFrames) this.frames.shift();
  }

  // Nothing outside the machine is ever contacted (statistics and A/B hosts are on by default in the SDK).
  allowed(url) {
    return !this.dead && this.connected && LOOPBACK.has(new URL(url).hostname);
  }

  request(options) {
    const { url, method = 'GET', data, dataType = 'json', timeout = 60000, success, fail, complete } = options;
    // wx calls it header, and that is what the mini-app adapter sets; the uni-app adapter passes `headers` only.
    const headers = { ...(options.header ?? options.headers) };
    const end = (fn, value) => { if (fn) this.invoke(fn, value); if (complete) this.invoke(complete, value); };
    const entry = { method, url, status: 0 };
    this.requests.push(entry);
    if (!this.allowed(url)) {
      queueMicrotask(() => end(fail, { errMsg: 'request:fail not reachable' }));
      return { abort() {} };
    }
    const target = new URL(url);
    let body;
    if (method === 'GET') {
      // The containers append an object given as data of a GET to the query.
      if (data && typeof data === 'object') for (const [k, v] of Object.entries(data)) target.searchParams.append(k, v);
    } else if (data !== undefined) {
      body = typeof data === 'string' ? data : JSON.stringify(data);
      if (!Object.keys(headers).some((k) => k.toLowerCase() === 'content-type')) headers['content-type'] = 'application/json';
    }
    const req = https.request(target, { method, headers, ca: this.ca, agent: false, timeout }, (res) => {
      const chunks = [];
      res.on('data', (c) => chunks.push(c));
      res.on('end', () => {
        this.pending.delete(req);
        entry.status = res.statusCode;
        const text = Buffer.concat(chunks).toString('utf8');
        let value = text;
        if (dataType === 'json') try { value = this.parse(text); } catch { /* the containers hand over the text then */ }
        end(success, { data: value, statusCode: res.statusCode, header: res.headers, errMsg: 'request:ok' });
      });
      res.on('error', (e) => end(fail, { errMsg: `request:fail ${e.message}` }));
    });
    this.pending.add(req);
    req.on('timeout', () => req.destroy(new Error('timeout')));
    req.on('error', (e) => { this.pending.delete(req); end(fail, { errMsg: `request:fail ${e.message}` }); });
    req.end(body);
    return { abort: () => req.destroy(new Error('abort')) };
  }

  connectSocket({ url, protocols, success, fail }) {
    const task = { open: [], message: [], error: [], close: [] };
    const fire = (list, value) => { for (const fn of list) this.invoke(fn, value); };
    let ws;
    if (!this.allowed(url)) {
      queueMicrotask(() => { fail?.({ errMsg: 'connectSocket:fail not reachable' }); });
      return {
        onOpen() {}, onMessage() {}, onError() {}, onClose() {}, send() {}, close({ complete } = {}) { complete?.(); },
      };
    }
    ws = new WebSocket(url, protocols, { ca: this.ca, perMessageDeflate: true });
    this.sockets.add(ws);
    queueMicrotask(() => success?.({ errMsg: 'connectSocket:ok' }));
    ws.on('open', () => { this.frame('--', `open ${url}`); fire(task.open, { header: {} }); });
    ws.on('message', (data, binary) => {
      const value = binary ? data : data.toString('utf8');
      if (this.deaf) return;
      this.frame('<-', binary ? `binary, ${data.length} bytes` : value);
      fire(task.message, { data: value });
    });
    ws.on('error', (e) => fire(task.error, { errMsg: e.message }));
    ws.on('close', (code, reason) => {
      this.sockets.delete(ws);
      this.frame('--', `closed ${code} ${reason}`);
      fire(task.close, { code, reason: String(reason), wasClean: code === 1000 });
    });
    return {
      onOpen: (fn) => task.open.push(fn),
      onMessage: (fn) => task.message.push(fn),
      onError: (fn) => task.error.push(fn),
      onClose: (fn) => task.close.push(fn),
      send: ({ data, success: ok, fail: bad }) => {
        if (ws.readyState !== WebSocket.OPEN) return bad?.({ errMsg: 'sendSocketMessage:fail not open' });
        this.frame('->', String(data));
        ws.send(data, (e) => (e ? bad?.({ errMsg: e.message }) : ok?.({})));
      },
      close: ({ code = 1000, reason = '', complete } = {}) => { ws.close(code, reason); complete?.({}); },
    };
  }

  uploadFile({ url, filePath, name, formData = {}, header = {}, success, fail }) {
    const content = this.files.get(filePath);
    const progress = [];
    const task = { abort: () => {}, onProgressUpdate: (fn) => progress.push(fn), offProgressUpdate() {} };
    if (!content || !this.allowed(url)) {
      queueMicrotask(() => fail?.({ errMsg: 'uploadFile:fail file not found or not reachable' }));
      return task;
    }
    const boundary = `----host${randomUUID()}`;
    const parts = Object.entries(formData).map(([k, v]) =>
      Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${k}"\r\n\r\n${v}\r\n`));
    parts.push(Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="${filePath.split('/').pop()}"\r\nContent-Type: application/octet-stream\r\n\r\n`));
    parts.push(content, Buffer.from(`\r\n--${boundary}--\r\n`));
    const body = Buffer.concat(parts);
    const req = https.request(url, {
      method: 'POST', ca: this.ca, agent: false,
      headers: { ...header, 'content-type': `multipart/form-data; boundary=${boundary}`, 'content-length': body.length },
    }, (res) => {
      const chunks = [];
      res.on('data', (c) => chunks.push(c));
      res.on('end', () => {
        this.pending.delete(req);
        if (this.dead) return;
        for (const fn of progress) fn({ progress: 100, totalBytesSent: body.length, totalBytesExpectedToSend: body.length });
        // Containers give the answer of an upload as text, never parsed.
        success?.({ data: Buffer.concat(chunks).toString('utf8'), statusCode: res.statusCode, errMsg: 'uploadFile:ok' });
      });
    });
    this.pending.add(req);
    task.abort = () => req.destroy(Object.assign(new Error('abort'), { aborted: true }));
    req.on('error', (e) => { this.pending.delete(req); if (!this.dead) fail?.({ errMsg: e.aborted ? 'uploadFile:fail abort' : `uploadFile:fail ${e.message}` }); });
    req.end(body);
    return task;
  }

  common() {
    return {
      request: (o) => this.request(o),
      connectSocket: (o) => this.connectSocket(o),
      uploadFile: (o) => this.uploadFile(o),
      getStorageSync: (k) => this.storage.get(k) ?? '',
      setStorageSync: (k, v) => { this.storage.set(k, v); },
      removeStorageSync: (k) => { this.storage.delete(k); },
      clearStorageSync: () => { this.storage.clear(); },
      getNetworkType: ({ success, complete } = {}) => {
        const answer = { networkType: this.connected ? 'wifi' : 'none' };
        queueMicrotask(() => { success?.(answer); complete?.(answer); });
      },
      onNetworkStatusChange: (fn) => { this.networkListeners.add(fn); },
      offNetworkStatusChange: (fn) => { fn ? this.networkListeners.delete(fn) : this.networkListeners.clear(); },
    };
  }

  wx() {
    const info = { platform: 'devtools', system: 'Linux', version: '8.0.5', SDKVersion: '3.0.0', model: 'stand-in', brand: 'stand-in' };
    return { ...this.common(), getSystemInfoSync: () => info, getSystemInfo: ({ success }) => success?.(info) };
  }

  // An Android app: the uni-app build then logs in as client type 1, the only mobile class reachable with these packages.
  uni() {
    const info = {
      uniPlatform: 'app', osName: 'android', osVersion: '13', platform: 'android', model: 'stand-in', brand: 'stand-in',
      uniRuntimeVersion: '3.8.4', ua: 'stand-in uni-app',
    };
    return { ...this.common(), getSystemInfoSync: () => info, getSystemInfo: ({ success }) => success?.(info) };
  }

  // The connection breaks without a goodbye; the SDK notices and reconnects.
  dropSockets() {
    for (const ws of this.sockets) ws.terminate();
  }

  setNetwork(connected) {
    this.connected = connected;
    if (!connected) this.dropSockets();
    for (const fn of [...this.networkListeners]) fn({ isConnected: connected, networkType: connected ? 'wifi' : 'none' });
  }

  // The device loses power: nothing is sent any more, no callback runs any more.
  kill() {
    this.dead = true;
    for (const entry of this.timers) entry.clear(entry.id);
    this.timers.clear();
    for (const req of this.pending) req.destroy();
    this.dropSockets();
  }
}
