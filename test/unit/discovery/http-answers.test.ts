import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { HttpEngineInfoReader } from '../../../src/discovery/tcp/http-engine-info.js';
import { PortKnocker } from '../../../src/discovery/tcp/port-knocker.js';

const servers: { readonly server: Server; readonly sockets: Set<Socket> }[] = [];
afterEach(async () => {
  for (const { server, sockets } of servers.splice(0)) {
    for (const socket of sockets) socket.destroy();
    await new Promise((closed) => server.close(closed));
  }
});

/** A port on loopback where `talk` happens with everybody who comes. */
async function listening(talk: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined); // we hang up in the middle, on purpose
    talk(socket);
  });
  servers.push({ server, sockets });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  return (server.address() as AddressInfo).port;
}

const answering = (text: string) => listening((socket) => socket.once('data', () => socket.end(text)));
const never = () => new AbortController().signal;
const ping = async (port: number) => new PortKnocker().engine('127.0.0.1', port, never());

describe('what is not an engine', () => {
  it.each([
    ['a web page', 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>OK</html>'],
    ['a page that is not found', 'HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nOK'],
    ['a server that speaks TLS only', '\u0015\u0003\u0001\u0000\u0002\u0002\u0016'],
    ['a mail server', '220 mail ESMTP\r\n'],
    [
      'another protocol in HTTP clothes',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n',
    ],
    ['nonsense', '\u0000\u0001\u0002\u0003'],
  ])('%s', async (_what, text) => {
    const knock = await ping(await answering(text));
    expect(knock).toMatchObject({ type: 'failed' });
  });

  it('an answer that never ends', async () => {
    const port = await listening((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      const flood = (): void => {
        if (socket.write('OK'.repeat(4096))) setImmediate(flood);
        else socket.once('drain', flood);
      };
      flood();
    });
    expect(await ping(port)).toEqual({ type: 'failed', failure: 'garbage' });
  });

  it('a connection that is cut in the middle of an answer', async () => {
    const port = await answering('HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\nOK');
    expect(await ping(port)).toEqual({ type: 'failed', failure: 'reset' });
  });
});

describe('the banner of ssh', () => {
  const knock = (port: number) => new PortKnocker().ssh('127.0.0.1', port, never());

  /** Sent sooner, they may arrive as one. */
  const BETWEEN_PIECES_MS = 30;

  it('may come in pieces, after other lines', async () => {
    const port = await listening((socket) => {
      socket.setNoDelay(true);
      socket.write('Welcome to the kitchen\r\nSSH-2.0-drop');
      setTimeout(() => socket.write('bear\r\n'), BETWEEN_PIECES_MS);
    });
    expect(await knock(port)).toEqual({ type: 'ssh', banner: 'SSH-2.0-dropbear' });
  });

  it('is not waited for in an endless stream of other things', async () => {
    const port = await listening((socket) => socket.write('x'.repeat(100_000)));
    expect(await knock(port)).toEqual({ type: 'failed', failure: 'garbage' });
  });
});

describe('what an engine tells of itself', () => {
  const read = (port: number) =>
    new HttpEngineInfoReader().read({ host: '127.0.0.1', port, apiVersion: undefined }, never());
  const json = (value: unknown) => `HTTP/1.1 200 OK\r\n\r\n${JSON.stringify(value)}`;

  it('is read from /info', async () => {
    const info = {
      ID: 'ABCD',
      ServerVersion: '20.10.24',
      Architecture: 'armv7l',
      Name: 'kitchen',
      OperatingSystem: 'balenaOS 2.88',
      ContainersRunning: 3,
    };
    expect(await read(await answering(json(info)))).toEqual({
      type: 'info',
      info: {
        id: 'ABCD',
        version: '20.10.24',
        architecture: 'armv7l',
        hostname: 'kitchen',
        operatingSystem: 'balenaOS 2.88',
        runningContainers: 3,
      },
    });
  });

  it('is shown without what would act on a terminal, and survives wrong types', async () => {
    const answer = await read(
      await answering(json({ ID: 7, ServerVersion: '1\u001b[2J', ContainersRunning: 'many' })),
    );
    expect(answer).toMatchObject({ info: { id: '', version: '1\\u{1b}[2J', runningContainers: 0 } });
  });

  it.each([
    ['no JSON', 'HTTP/1.1 200 OK\r\n\r\n{"ID":'],
    ['no object', 'HTTP/1.1 200 OK\r\n\r\nnull'],
    ['an error', 'HTTP/1.1 500 Oops\r\n\r\n{"message":"driver failed"}'],
  ])('is nothing when it answers with %s', async (_what, text) => {
    expect(await read(await answering(text))).toEqual({ type: 'failed', failure: 'garbage' });
  });
});
