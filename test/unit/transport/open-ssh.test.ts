import { describe, expect, it } from 'vitest';
import { ExitCode } from '../../../src/errors.js';
import { openSsh } from '../../../src/transport/ssh/open-ssh.js';
import { MemoryKnownHosts } from '../../contract/memory-known-hosts.js';
import { ScriptedHost } from './scripted-host.js';

const connect = (host: ScriptedHost, signal?: AbortSignal) =>
  openSsh(
    { name: 'kitchen', address: '127.0.0.1', port: host.port },
    {
      user: 'root',
      keys: { identity: [], home: undefined, agentSocket: undefined, askPassphrase: undefined },
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
