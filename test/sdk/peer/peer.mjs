// A small scripted server for the harness's own test. It knows just enough of docs/protocol/nim-core.md to let every SDK
// build log in, sync and exchange p2p messages, and it proves nothing about Hongyan.
import https from 'node:https';
import { randomBytes } from 'node:crypto';
import { WebSocketServer } from 'ws';
import { selfSigned } from '../lib/cert.mjs';

export class Peer {
  static async start() {
    const peer = new Peer();
    const { cert, key } = selfSigned();
    peer.ca = cert;
    peer.http = https.createServer({ cert, key }, (req, res) => peer.serve(req, res));
    peer.wss = new WebSocketServer({ noServer: true });
    peer.http.on('upgrade', (req, socket, head) => {
      peer.wss.handleUpgrade(req, socket, head, (ws) => peer.accept(ws));
    });
    await new Promise((resolve) => peer.http.listen(0, '127.0.0.1', resolve));
    peer.host = `127.0.0.1:${peer.http.address().port}`;
    return peer;
  }

  constructor() {
    this.appkey = 'scripted';
    this.token = 'secret';
    this.links = new Set();
    this.ids = 41000000;
    this.serial = 0;
  }

  // The same options that the real server's fixture gives to a client.
  options() {
    return { appkey: this.appkey, lbsUrls: [`https://${this.host}/lbs/webconf.jsp`], linkUrl: this.host };
  }

  serve(req, res) {
    res.setHeader('Access-Control-Allow-Origin', '*');
    if (req.method === 'OPTIONS') {
      res.setHeader('Access-Control-Allow-Methods', 'GET, POST, OPTIONS');
      res.setHeader('Access-Control-Allow-Headers', req.headers['access-control-request-headers'] ?? 'content-type');
      res.writeHead(204).end();
    } else if (req.url.startsWith('/lbs/')) {
      res.setHeader('Content-Type', 'application/json');
      res.end(JSON.stringify({ code: 200, common: { link: [this.host], 'link.default': [this.host] }, 'nos-chunk': `https://${this.host}` }));
    } else if (req.url.startsWith('/socket.io/1/?')) {
      res.setHeader('Content-Type', 'text/plain');
      res.end(`${randomBytes(8).toString('hex')}z:60:60:websocket`);
    } else {
      res.writeHead(404).end();
    }
  }

  accept(ws) {
    const link = {
      ws, account: null, connection: `c-${++this.serial}`,
      answer: (p, code, ...r) => ws.send(`3:::${JSON.stringify({ sid: p.SID, cid: p.CID, ser: p.SER, code, r })}`),
      push: (sid, cid, ...r) => ws.send(`3:::${JSON.stringify({ sid, cid, ser: 0, code: 200, r })}`),
    };
    this.links.add(link);
    ws.on('close', () => this.links.delete(link));
    ws.on('message', (data) => {
      const text = String(data);
      if (text.startsWith('0::')) ws.close();
      else if (text.startsWith('3:::')) this.command(link, JSON.parse(text.slice(4)));
    });
    ws.send('1::');
  }

  of(account) {
    return [...this.links].filter((l) => l.account === account);
  }

  command(link, p) {
    const v = p.Q.map((q) => q.v);
    switch (`${p.SID}-${p.CID}`) {
      case '1-2': return link.answer(p, 200);
      case '2-3': {
        const login = v[0];
        if (login[18] !== this.appkey || login[1000] !== this.token) return link.answer(p, 302);
        link.account = login[19];
        return link.answer(p, 200, { 102: link.connection, 103: '127.0.0.1', 104: '1' }, this.of(link.account).map((l) => (
          { 3: '16', 4: '', 13: login[13], 19: l.account, 102: l.connection, 103: '127.0.0.1', 109: String(Date.now()) })));
      }
      case '2-6': return link.answer(p, 200);
      case '3-7': return link.answer(p, 200, v[0].map((account) => ({ 1: account, 3: account.toUpperCase(), 13: '1' })));
      case '4-5': return undefined;
      case '5-1':
        link.push(3, 109, { 1: link.account, 3: link.account.toUpperCase(), 12: '1', 13: '1' }, 1);
        link.push(3, 8, [], 1);
        link.push(4, 14, {}, { m_map: {} }, 1);
        link.push(4, 20, { m_map: {} }, 1);
        return link.answer(p, 200, Date.now());
      case '6-26': return link.answer(p, 200, { 3: '0' });
      case '6-27': return link.answer(p, 200, { 0: '{"mixStoreEnable":false}', 1: '86400' });
      case '7-1': {
        const msg = { ...v[0], 2: link.account, 7: String(Date.now()), 12: String(++this.ids) };
        const sent = Object.fromEntries(Object.entries(msg).map(([k, x]) => [k, String(x)]));
        link.answer(p, 200, { 7: sent[7], 11: sent[11], 12: sent[12] });
        for (const l of this.of(sent[1])) l.push(7, 2, sent);
        for (const l of this.of(link.account)) if (l !== link && sent[1] !== link.account) l.push(7, 101, sent);
        return undefined;
      }
      default: return link.answer(p, 404);
    }
  }

  dropAll() {
    for (const l of this.links) l.ws.terminate();
  }

  async stop() {
    this.dropAll();
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }
}
