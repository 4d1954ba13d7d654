// A self-signed certificate for the scripted peer: the SDK speaks nothing but https and wss, and Node can make keys but
// not certificates. ECDSA P-256 with SHA-256, subject alternative names 127.0.0.1 and localhost.
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

function tlv(tag, ...parts) {
  const body = Buffer.concat(parts);
  const n = body.length;
  const length = n < 128 ? [n] : n < 256 ? [0x81, n] : [0x82, n >> 8, n & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}
const seq = (...p) => tlv(0x30, ...p);
const oid = (hex) => tlv(0x06, Buffer.from(hex, 'hex'));
const utc = (d) => tlv(0x17, Buffer.from(`${d.toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`));

export function selfSigned() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const algorithm = seq(oid('2a8648ce3d040302'));
  const name = seq(tlv(0x31, seq(oid('550403'), tlv(0x0c, Buffer.from('scripted peer')))));
  const day = 86400e3;
  const serial = randomBytes(8);
  serial[0] = (serial[0] & 0x7f) | 1;
  const names = seq(tlv(0x82, Buffer.from('localhost')), tlv(0x87, Buffer.from([127, 0, 0, 1])));
  const extensions = tlv(0xa3, seq(
    seq(oid('551d13'), tlv(0x01, Buffer.from([255])), tlv(0x04, seq(tlv(0x01, Buffer.from([255]))))),
    seq(oid('551d11'), tlv(0x04, names)),
  ));
  const tbs = seq(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))), tlv(0x02, serial), algorithm, name,
    seq(utc(new Date(Date.now() - day)), utc(new Date(Date.now() + day))), name,
    publicKey.export({ type: 'spki', format: 'der' }), extensions,
  );
  const signature = sign('sha256', tbs, privateKey);
  const der = seq(tbs, algorithm, tlv(0x03, Buffer.from([0]), signature));
  const cert = `-----BEGIN CERTIFICATE-----\n${der.toString('base64').match(/.{1,64}/g).join('\n')}\n-----END CERTIFICATE-----\n`;
  return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) };
}
