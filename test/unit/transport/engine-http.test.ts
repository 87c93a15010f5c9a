import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { ExitCode } from '../../../src/errors.js';
import { EngineHttp, type EngineRequest } from '../../../src/transport/docker/engine-http.js';
import { TcpDialer } from '../../../src/transport/docker/tcp-dialer.js';
import { answer, ScriptedHost } from './scripted-host.js';

const GET: EngineRequest = { method: 'GET', path: '/info' };
const ask = async (host: ScriptedHost, asked: Partial<EngineRequest> = {}): Promise<string> => {
  await using http = new EngineHttp(host.dialer());
  return await text((await http.requestOk({ ...GET, ...asked })).body);
};

/** Endless, and tells whether somebody has destroyed it. */
const endlessBody = (): Readable =>
  new Readable({
    read() {
      setImmediate(() => this.push(Buffer.alloc(65_536)));
    },
  });

describe('a request to the engine', () => {
  it('gives the answer and keeps the connection for the next one', async () => {
    await using host = await ScriptedHost.answering(answer(200, 'one'), answer(200, 'two'));
    await using http = new EngineHttp(host.dialer());
    expect(await text((await http.request(GET)).body)).toBe('one');
    expect(await text((await http.request(GET)).body)).toBe('two');
    expect(host.connections).toBe(1);
  });

  it('learns the version from the first answer and uses what both know', async () => {
    await using host = await ScriptedHost.answering(answer(200, '', 'Api-Version: 1.52\r\n'));
    await using http = new EngineHttp(host.dialer());
    for (const path of ['/info', '/info', '/_ping']) await text((await http.request({ ...GET, path })).body);
    expect(host.received.match(/GET \S+/g)).toEqual(['GET /info', 'GET /v1.44/info', 'GET /_ping']);
  });

  it('uses a version that was known before, and none with an engine that does not tell', async () => {
    await using host = await ScriptedHost.answering(answer(200, ''));
    await using known = new EngineHttp(host.dialer(), '1.24');
    await text((await known.request(GET)).body);
    await using unknown = new EngineHttp(host.dialer());
    await text((await unknown.request(GET)).body);
    await text((await unknown.request(GET)).body);
    expect(host.received.match(/GET \S+/g)).toEqual(['GET /v1.24/info', 'GET /info', 'GET /info']);
  });

  it.each([
    [404, '{"message":"No such container: app"}', 'No such container: app'],
    [500, 'bare words of an old engine\n', 'bare words of an old engine'],
    [502, '', 'The engine answered GET /info with status 502.'],
  ])('that is answered with %d is refused in the words of the engine', async (status, body, message) => {
    await using host = await ScriptedHost.answering(answer(status, body));
    await expect(ask(host)).rejects.toMatchObject({ name: 'EngineError', status, message });
  });

  it('tells what to do about a full disk', async () => {
    const words = 'mkdir /var/lib/docker/volumes/v: no space left on device';
    await using host = await ScriptedHost.answering(answer(500, JSON.stringify({ message: words })));
    await expect(ask(host)).rejects.toMatchObject({
      message: words,
      hint: expect.stringMatching(/^The disk of the device is probably full\. Make room/) as string,
    });
  });

  it('does not take leaked control groups for a full disk', async () => {
    const words = 'mkdir /sys/fs/cgroup/memory/docker/x: no space left on device';
    await using host = await ScriptedHost.answering(answer(500, JSON.stringify({ message: words })));
    await expect(ask(host)).rejects.toMatchObject({ message: words, hint: undefined });
  });
});

describe('an upload', () => {
  it('of a buffer tells its length, of a stream goes in chunks', async () => {
    await using host = await ScriptedHost.start((socket) => {
      socket.on('data', (chunk) => {
        if (chunk.toString('latin1').endsWith('END') || chunk.toString('latin1').endsWith('0\r\n\r\n')) {
          socket.write(answer(200, 'ok'));
        }
      });
    });
    const large = Buffer.concat([Buffer.alloc(1_000_000, 'x'), Buffer.from('END')]);
    expect(await ask(host, { method: 'PUT', body: large })).toBe('ok');
    expect(host.received).toMatch(/Content-Length: 1000003/i);
    expect(
      await ask(host, { method: 'PUT', body: Readable.from([Buffer.from('a'), Buffer.from('b')]) }),
    ).toBe('ok');
    expect(host.received).toMatch(/Transfer-Encoding: chunked/i);
  });

  it('of a stream lets the engine see the head before the first piece is there', async () => {
    const body = new Readable({ read: () => undefined });
    await using host = await ScriptedHost.start((socket) => {
      socket.once('data', () => body.push(null));
      socket.on('data', (chunk) => {
        if (chunk.toString('latin1').endsWith('0\r\n\r\n')) socket.write(answer(200, 'ok'));
      });
    });
    expect(await ask(host, { method: 'PUT', body })).toBe('ok');
  });

  it('that is refused in the middle reports the refusal and lets go of its stream', async () => {
    await using host = await ScriptedHost.start((socket) => {
      socket.once('data', () => socket.write(answer(404, '{"message":"no such container"}')));
    });
    const body = endlessBody();
    await expect(ask(host, { method: 'PUT', body })).rejects.toMatchObject({ status: 404 });
    await expect.poll(() => body.destroyed).toBe(true);
  });

  it('waits while the engine does not read', async () => {
    await using host = await ScriptedHost.start((socket) => socket.pause());
    let pulled = 0;
    const body = new Readable({
      read() {
        pulled += 65_536;
        this.push(Buffer.alloc(65_536));
      },
    });
    const silenceMs = 300;
    await expect(ask(host, { method: 'PUT', body, silenceMs })).rejects.toMatchObject({ exitCode: 4 });
    expect(pulled).toBeLessThan(50_000_000);
  });

  it('fails with a failure of its own stream from before the connection was there', async () => {
    await using host = await ScriptedHost.start((socket) => socket.resume());
    const body = new Readable({ read: () => undefined });
    process.nextTick(() => body.destroy(new Error('the disk cannot be read')));
    await expect(ask(host, { method: 'PUT', body })).rejects.toThrow('the disk cannot be read');
  });

  it('fails with the failure of its own stream', async () => {
    await using host = await ScriptedHost.start((socket) => socket.resume());
    const body = Readable.from(
      (async function* () {
        yield await Promise.resolve(Buffer.alloc(10));
        throw new Error('the disk cannot be read');
      })(),
    );
    await expect(ask(host, { method: 'PUT', body })).rejects.toThrow('the disk cannot be read');
  });
});

describe('a host that is no good', () => {
  const unreachable = (words: RegExp) => ({
    exitCode: ExitCode.unreachable,
    message: expect.stringMatching(words) as string,
    hint: expect.any(String) as string,
  });

  it('that refuses is named with its port', async () => {
    const host = await ScriptedHost.answering('');
    const { port } = host;
    await host[Symbol.asyncDispose]();
    await using http = new EngineHttp(new TcpDialer('127.0.0.1', port));
    await expect(http.request(GET)).rejects.toMatchObject(
      unreachable(new RegExp(`tcp://127\\.0\\.0\\.1:${port}: connection refused`)),
    );
  });

  it.each([
    ['is silent', '', /The container engine at tcp:.* gave no answer within 0\.2 s/],
    ['speaks something else', 'SSH-2.0-OpenSSH_9.2\r\n', /not a container engine/],
    ['never ends its header', `HTTP/1.1 200 OK\r\n${'X-A: b\r\n'.repeat(20_000)}`, /not a container engine/],
    [
      'stops in the middle of its header',
      'HTTP/1.1 200 OK\r\nContent-',
      /The container engine at tcp:.* gave no answer within 0\.2 s/,
    ],
    [
      'promises a body and is silent',
      'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc',
      /The container engine at tcp:.* gave no answer within 0\.2 s/,
    ],
  ])('that %s is unreachable', async (_what, words, message) => {
    await using host = await ScriptedHost.answering(words);
    await expect(ask(host, { silenceMs: 200 })).rejects.toMatchObject(unreachable(message));
  });

  it.each([
    ['at once', '', /connection was cut/],
    [
      'in the middle of its header',
      'HTTP/1.1 200 OK\r\nContent-',
      /connection was cut|not a container engine/,
    ],
    ['in the middle of a body', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc', /connection was cut/],
    ['in the middle of chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n', /cut/],
  ])('that hangs up %s is unreachable, and no success', async (_when, words, message) => {
    await using host = await ScriptedHost.start((socket) => {
      socket.once('data', () => socket.end(words));
    });
    await expect(ask(host)).rejects.toMatchObject(unreachable(message));
  });

  it('that resets the connection is unreachable', async () => {
    await using host = await ScriptedHost.start((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc', () => socket.resetAndDestroy());
      });
    });
    await expect(ask(host)).rejects.toMatchObject({ exitCode: ExitCode.unreachable });
  });
});

describe('a signal', () => {
  it('ends a request that waits for its answer with its reason', async () => {
    const abort = new AbortController();
    await using host = await ScriptedHost.start((socket) => {
      socket.once('data', () => abort.abort(new Error('enough')));
    });
    await expect(ask(host, { signal: abort.signal })).rejects.toThrow('enough');
  });

  it('ends a body that is being read with its reason, and the upload with it', async () => {
    const abort = new AbortController();
    await using host = await ScriptedHost.answering('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc');
    await using http = new EngineHttp(host.dialer());
    const body = endlessBody();
    const answered = await http.request({ method: 'POST', path: '/build', body, signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(text(answered.body)).rejects.toThrow('enough');
    await expect.poll(() => body.destroyed).toBe(true);
  });

  it('that was aborted before sends nothing', async () => {
    await using host = await ScriptedHost.answering(answer(200, ''));
    await expect(ask(host, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
    expect(host.connections).toBe(0);
  });
});

describe('disposal', () => {
  it('ends what is still under way', async () => {
    await using host = await ScriptedHost.answering('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc');
    const http = new EngineHttp(host.dialer());
    const { body } = await http.request(GET);
    await http[Symbol.asyncDispose]();
    await expect(text(body)).rejects.toMatchObject({ exitCode: ExitCode.unreachable });
    await expect(http.request(GET)).rejects.toThrow();
  });
});
