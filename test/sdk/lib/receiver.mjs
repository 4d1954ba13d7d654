// The app's own server, as far as callbacks are concerned: answers by a function and remembers what it was sent. Requests
// that are not signed as docs/api/callbacks.md section 2 says are kept in `faults`.
import http from 'node:http';
import { createHash } from 'node:crypto';

export async function startReceiver(app, answer) {
  const receiver = { calls: [], faults: [] };
  const hex = (algorithm, data) => createHash(algorithm).update(data).digest('hex');
  const server = http.createServer((req, res) => {
    const chunks = [];
    req.on('data', (c) => chunks.push(c));
    req.on('end', () => {
      const bytes = Buffer.concat(chunks);
      const h = req.headers;
      const expect = (ok, what) => { if (!ok) receiver.faults.push(what); };
      expect(req.method === 'POST', `method ${req.method}`);
      expect(/^application\/json/.test(h['content-type'] ?? ''), `content type ${h['content-type']}`);
      expect(h.appkey === app.key, `AppKey ${h.appkey}`);
      expect(h.md5 === hex('md5', bytes), `MD5 ${h.md5}`);
      expect(/^\d{13}$/.test(h.curtime ?? '') && Math.abs(Date.now() - Number(h.curtime)) < 60000, `CurTime ${h.curtime}`);
      expect(h.checksum === hex('sha1', app.secret + h.md5 + h.curtime), `CheckSum ${h.checksum}`);
      const body = JSON.parse(bytes);
      receiver.calls.push(body);
      res.setHeader('Content-Type', 'application/json');
      res.end(JSON.stringify(answer(body)));
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  receiver.url = `http://127.0.0.1:${server.address().port}/callback`;
  receiver.stop = () => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve); });
  return receiver;
}
