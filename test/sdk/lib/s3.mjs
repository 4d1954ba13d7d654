// An S3 server of the operator's: versitygw on loopback over a temporary directory (test/s3, tools/deps.sh builds it).
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from './clients.mjs';
import { freePorts } from './server.mjs';

const BIN = fileURLToPath(new URL('../../../bin/versitygw', import.meta.url));

export const haveS3 = () => fs.existsSync(BIN);

export const KEYS = { id: 'sdktest', secret: 'sdktest-secret' };

// Starts one with a bucket that pages may write to; it dies with this process.
export async function startS3(bucket) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'hongyan-s3-'));
  fs.mkdirSync(path.join(dir, 'root', bucket), { recursive: true });
  fs.mkdirSync(path.join(dir, 'meta'));
  const [port] = await freePorts(1);
  const child = spawn(BIN, [
    '--port', `127.0.0.1:${port}`, '--access', KEYS.id, '--secret', KEYS.secret, '--quiet', '--cors-allow-origin', '*',
    'posix', '--sidecar', path.join(dir, 'meta'), path.join(dir, 'root'),
  ], { stdio: 'ignore' });
  const stop = () => {
    child.kill('SIGKILL');
    fs.rmSync(dir, { recursive: true, force: true });
  };
  child.unref(); // it is no reason to stay
  process.on('exit', stop);
  const endpoint = `http://127.0.0.1:${port}`;
  await eventually(() => fetch(endpoint).then(() => true), { timeout: 15000, every: 30, what: 'versitygw' });
  return { endpoint, stop };
}
