import { mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import ssh2, { type ParsedKey } from 'ssh2';
import { describe, expect, it, vi } from 'vitest';
import { ExitCode } from '../../../src/errors.js';
import type { SshSession } from '../../../src/transport/ssh-session.js';
import { openSsh } from '../../../src/transport/ssh/open-ssh.js';
import { MemoryKnownHosts } from '../../contract/memory-known-hosts.js';
import { ScriptedHost } from './scripted-host.js';

const connect = (host: { readonly port: number }, signal?: AbortSignal, agentSocket?: string) =>
  openSsh(
    { name: 'kitchen', address: '127.0.0.1', port: host.port },
    {
      user: 'root',
      keys: { identity: [], home: undefined, agentSocket, askPassphrase: undefined },
      knownHosts: new MemoryKnownHosts(),
      onHostKey: () => undefined,
    },
    signal,
  );

describe('a host that does not speak ssh', () => {
  it('and is silent fails in under 3 s', async () => {
    await using host = await ScriptedHost.start((socket) => socket.resume());
    const start = performance.now();
    await expect(connect(host)).rejects.toMatchObject({
      exitCode: ExitCode.unreachable,
      message: expect.stringContaining('no answer within') as string,
    });
    expect(performance.now() - start).toBeLessThan(3_000);
  });

  it('but something else is named with its port', async () => {
    await using host = await ScriptedHost.start((socket) => {
      socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
    });
    await expect(connect(host)).rejects.toMatchObject({
      exitCode: ExitCode.unreachable,
      message: expect.stringContaining(`127.0.0.1:${host.port}`) as string,
    });
  });

  it('and hangs up is unreachable', async () => {
    await using host = await ScriptedHost.start((socket) => socket.destroy());
    await expect(connect(host)).rejects.toMatchObject({ exitCode: ExitCode.unreachable });
  });

  it('and greets only, is cut off by the signal with its reason', async () => {
    const abort = new AbortController();
    await using host = await ScriptedHost.start((socket) => {
      socket.write('SSH-2.0-OpenSSH_9.2\r\n');
      socket.once('data', () => abort.abort(new Error('enough')));
    });
    await expect(connect(host, abort.signal)).rejects.toThrow('enough');
  });
});

/** `ssh2` does not type the side of an agent that answers. */
interface AgentSide extends NodeJS.ReadWriteStream {
  getIdentitiesReply(request: unknown, keys: readonly ParsedKey[]): void;
  signReply(request: unknown, signature: Buffer): void;
}

const newKey = (): ParsedKey => {
  const parsed = ssh2.utils.parseKey(ssh2.utils.generateKeyPairSync('ed25519').private);
  if (parsed instanceof Error) throw parsed;
  return parsed;
};

describe('an agent that asks a person before it signs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rdt-agent-'));
  const key = newKey();
  const agent = createServer((socket) => {
    const side = new ssh2.AgentProtocol(false) as unknown as AgentSide;
    side.on('identities', (request: unknown) => side.getIdentitiesReply(request, [key]));
    side.on('sign', (request: unknown, _key: ParsedKey, data: Buffer) => {
      setTimeout(() => side.signReply(request, key.sign(data)), 3_500);
    });
    socket.pipe(side).pipe(socket);
  });
  const device = new ssh2.Server(
    { hostKeys: [ssh2.utils.generateKeyPairSync('ed25519').private] },
    (client) => {
      client.on('authentication', (context) => {
        if (context.method === 'publickey') context.accept();
        else context.reject(['publickey']);
      });
      client.on('error', () => undefined);
    },
  );

  it('is waited for, although the device says nothing meanwhile', async () => {
    const agentSocket =
      process.platform === 'win32' ? `\\\\.\\pipe\\${basename(folder)}` : join(folder, 'agent');
    await new Promise<void>((listening) => agent.listen(agentSocket, listening));
    await new Promise<void>((listening) => device.listen(0, '127.0.0.1', listening));
    const { port } = device.address() as AddressInfo;
    try {
      await using session = await connect({ port }, undefined, agentSocket);
      expect(session.isLost).toBe(false);
    } finally {
      agent.close();
      device.close();
      rmSync(folder, { recursive: true });
    }
  });
});

describe('a device that does not answer whether it is there', () => {
  const INTERVAL_MS = 4_000;

  /** A session with a device that has one program, which says what it is told. */
  async function within(test: (session: SshSession, says: (text: string) => void) => Promise<void>) {
    let says: (text: string) => void = () => undefined;
    const host = { hostKeys: [ssh2.utils.generateKeyPairSync('ed25519').private] };
    const device = new ssh2.Server(host, (client) => {
      Object.assign((client as unknown as { _protocol: object })._protocol, {
        requestFailure: () => undefined,
      });
      client.on('error', () => undefined);
      client.on('authentication', (context) => context.accept());
      client.on('session', (accept) =>
        accept().on('exec', (run) => {
          const program = run();
          says = (text) => void program.write(text);
        }),
      );
    });
    await new Promise<void>((listening) => device.listen(0, '127.0.0.1', listening));
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      await using session = await connect(device.address() as AddressInfo);
      await test(session, (text) => says(text));
    } finally {
      vi.useRealTimers();
      device.close();
    }
  }

  it('is there as long as anything comes from it, as on a slow link where answers are late', async () => {
    await within(async (session, says) => {
      const { stdout } = await session.exec('program', {});
      for (let turn = 0; turn < 5; turn += 1) {
        says('more');
        await once(stdout, 'data');
        vi.advanceTimersByTime(INTERVAL_MS);
      }
      const isClosed = await Promise.race([session.closed.then(() => true), delay(50, false)]);
      expect(isClosed).toBe(false);
    });
  });

  it('and says nothing else is lost after 12 s', async () => {
    await within(async (session) => {
      const { exit } = await session.exec('program', {});
      vi.advanceTimersByTime(2 * INTERVAL_MS);
      await delay(10);
      vi.advanceTimersByTime(INTERVAL_MS);
      await session.closed;
      await expect(exit).rejects.toMatchObject({ exitCode: ExitCode.unreachable });
    });
  });
});
