import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import ssh2 from 'ssh2';
import { expect, it } from 'vitest';
import { hostKeyOf } from '../../../src/transport/known-hosts.js';
import { readSshHostKey } from '../../../src/transport/ssh/read-ssh-host-key.js';
import { ScriptedHost } from './scripted-host.js';

const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'pkcs1', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
});
/** All that the dropbear of the first systems can do. */
const OLD = {
  kex: ['diffie-hellman-group1-sha1'],
  cipher: ['aes128-cbc'],
  hmac: ['hmac-md5'],
  serverHostKey: ['ssh-rsa'],
} as const;

const never = new AbortController().signal;

it('reads the host key of a server that only knows what dropbear knew in 2015', async () => {
  const { kex, cipher, hmac, serverHostKey } = OLD;
  const algorithms = {
    kex: [...kex],
    cipher: [...cipher],
    hmac: [...hmac],
    serverHostKey: [...serverHostKey],
  };
  const server = new ssh2.Server({ hostKeys: [privateKey], algorithms }, (client) => {
    client.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    const key = await readSshHostKey('127.0.0.1', port, never);
    expect(key && hostKeyOf(key).type).toBe('ssh-rsa');
  } finally {
    server.close();
  }
});

it('has none to give of a server that hangs up', async () => {
  await using host = await ScriptedHost.start((socket) => socket.destroy());
  expect(await readSshHostKey('127.0.0.1', host.port, never)).toBeUndefined();
});

it('has none to give of a silent server when the time is up', async () => {
  const time = new AbortController();
  await using host = await ScriptedHost.start((socket) => {
    socket.once('data', () => time.abort());
  });
  expect(await readSshHostKey('127.0.0.1', host.port, time.signal)).toBeUndefined();
});
