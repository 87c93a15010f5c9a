import { randomBytes } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { type Duplex, Readable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gunzipSync } from 'node:zlib';
import Pbf from 'pbf';
import { afterEach, describe, expect, it } from 'vitest';
import type { ContextFiles, OfferedEntry } from '../../../src/build/context/context-files.js';
import { LevelChoice } from '../../../src/build/context/level-choice.js';
import type { RegistryCredentials } from '../../../src/build/image-builder.js';
import { EngineHttp } from '../../../src/transport/docker/engine-http.js';
import { BuildSession } from '../../../src/transport/docker/session/build-session.js';
import { grpcFrame } from '../../../src/transport/docker/session/grpc-frames.js';
import { TcpDialer } from '../../../src/transport/docker/tcp-dialer.js';

const DIFF_COPY = '/moby.filesync.v1.FileSync/DiffCopy';

const file = (path: string): OfferedEntry => ({
  type: 'file',
  path,
  rawPath: undefined,
  mode: 0o644,
  mtimeSeconds: 1,
  mtimeNs: 1n,
  sizeBytes: path.length,
});
const folder = (path: string): OfferedEntry => ({
  type: 'folder',
  path,
  rawPath: undefined,
  mode: 0o755,
  mtimeSeconds: 1,
  mtimeNs: 1n,
});

/** Every file holds its own path. */
const FILES: ContextFiles = {
  entries: [file('Dockerfile'), folder('src'), file('src/x')],
  async *read({ path }) {
    yield await Promise.resolve(Buffer.from(path));
  },
};

const opened: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

/** The engine's end of a session, as a client that asks for whatever a test wants. */
class AskingEngine {
  private constructor(
    readonly session: BuildSession,
    private readonly client: ClientHttp2Session,
    readonly greeting: IncomingHttpHeaders,
  ) {}

  static async open(
    files: ContextFiles = FILES,
    credentials: RegistryCredentials = {},
    level?: LevelChoice,
  ): Promise<AskingEngine> {
    let client: ClientHttp2Session | undefined;
    let greeting: IncomingHttpHeaders = {};
    const http = await engine((socket, headers) => {
      greeting = headers;
      socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
      client = connect('http://session', { createConnection: () => socket });
      client.on('error', () => undefined);
    });
    const context = Promise.resolve(files);
    const offer = { key: 'k3y', dockerfile: 'Dockerfile', credentials, level, files: context };
    const session = await BuildSession.open(http, offer, () => undefined, undefined);
    if (session === undefined || client === undefined) throw new Error('no session');
    opened.push(() => client?.destroy());
    opened.push(() => session[Symbol.dispose]());
    return new AskingEngine(session, client, greeting);
  }

  /** Sends these messages at once; answers with what came back, and the gRPC status at the end. */
  async call(path: string, headers: Readonly<Record<string, string | string[]>>, ...messages: string[]) {
    const stream = this.client.request(
      { ':method': 'POST', ':path': path, ...headers },
      { endStream: false },
    );
    for (const message of messages) stream.write(grpcFrame(Buffer.from(message, 'hex')));
    let encoding: unknown;
    stream.on('response', (response) => (encoding = response['grpc-encoding']));
    const pieces: Buffer[] = [];
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    const status = await new Promise<unknown>((resolve) => {
      stream.on('trailers', (trailers: IncomingHttpHeaders) => resolve(trailers['grpc-status']));
      stream.on('close', () => resolve(undefined));
    });
    return { status, encoding, ...unframed(Buffer.concat(pieces)) };
  }

  diffCopy(dirName: string, ...messages: string[]) {
    return this.call(DIFF_COPY, { 'dir-name': dirName }, ...messages);
  }
}

/** The messages, how many of them were compressed, and how many bytes all took on the way. */
function unframed(bytes: Buffer): { answers: Buffer[]; packed: number; travelled: number } {
  const answers: Buffer[] = [];
  let packed = 0;
  for (let at = 0; at < bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    const message = bytes.subarray(at + 5, end);
    const isPacked = bytes[at] === 1;
    answers.push(isPacked ? gunzipSync(message) : message);
    packed += Number(isPacked);
    at = end;
  }
  return { answers, packed, travelled: bytes.length };
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** An engine that hands every upgraded connection to `upgraded`. */
async function engine(
  upgraded: ((socket: Duplex, headers: IncomingHttpHeaders) => void) | undefined,
): Promise<EngineHttp> {
  const server = createServer((_request, response) => response.writeHead(404).end());
  const sockets = new Set<Duplex>();
  server.on('connection', (socket) => sockets.add(socket));
  if (upgraded !== undefined) server.on('upgrade', (request, socket) => upgraded(socket, request.headers));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const http = new EngineHttp(new TcpDialer('127.0.0.1', (server.address() as AddressInfo).port));
  opened.push(async () => {
    await http[Symbol.asyncDispose]();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return http;
}

const REQUEST_0 = '0801';
const request = (id: number): string => `080118${id.toString(16).padStart(2, '0')}`;
const FINISHED = '0803';
const ERROR = '0804';

/** Paths of the stats, and the data by id. */
function received(answers: readonly Buffer[]) {
  const paths: string[] = [];
  const data: string[] = [];
  for (const answer of answers) {
    new Pbf(answer).readFields((tag, _none, pbf) => {
      if (tag === 2)
        paths.push(
          pbf.readMessage(
            (field, found, stat) => {
              if (field === 1) found.path = stat.readString();
            },
            { path: '' },
          ).path,
        );
      if (tag === 4) data.push(Buffer.from(pbf.readBytes()).toString());
    }, {});
  }
  return { paths, data };
}

describe('a session with an engine', () => {
  it('names itself, its key and what it can do', async () => {
    const { greeting, session } = await AskingEngine.open();
    expect(greeting['x-docker-expose-session-uuid']).toBe(session.id);
    expect(greeting['x-docker-expose-session-sharedkey']).toBe('k3y');
    expect(greeting['x-docker-expose-session-grpc-method']).toContain(DIFF_COPY);
  });

  it('gives the Dockerfile alone as `dockerfile`, and everything as `context`', async () => {
    const asking = await AskingEngine.open();
    const dockerfile = await asking.diffCopy('dockerfile', REQUEST_0, FINISHED);
    expect(received(dockerfile.answers)).toEqual({ paths: ['Dockerfile'], data: ['Dockerfile'] });
    const context = await asking.diffCopy('context', request(2), FINISHED);
    expect(received(context.answers)).toEqual({ paths: ['Dockerfile', 'src', 'src/x'], data: ['src/x'] });
    expect([dockerfile.status, context.status]).toEqual(['0', '0']);
    expect(asking.session.failure).toBeUndefined();
  });

  it.each([
    ['compresses files for an engine that takes that', 'identity,deflate,gzip', true, 'gzip'],
    ['does not for one that does not', 'identity', true, undefined],
    ['does not when it shall not', 'gzip', false, undefined],
  ])('%s', async (_what, takes, wanted, encoding) => {
    const text = Buffer.from('all work and no play\n'.repeat(10_000));
    const files = { entries: [{ ...file('x'), sizeBytes: text.length }], read: () => Readable.from([text]) };
    const level = wanted ? new LevelChoice(() => performance.now()) : undefined;
    const asking = await AskingEngine.open(files, {}, level);
    const headers = { 'dir-name': 'context', 'grpc-accept-encoding': takes };
    const answer = await asking.call(DIFF_COPY, headers, REQUEST_0, FINISHED);
    expect(received(answer.answers).data.join('')).toBe(text.toString());
    expect(answer).toMatchObject({ status: '0', encoding });
    expect(answer.travelled < text.length / 10).toBe(encoding === 'gzip');
  });

  it.each([
    ['what does not get smaller', randomBytes(100_000).toString('latin1')],
    ['what is small', 'a'.repeat(500)],
  ])('sends %s as it is, also where it may be compressed', async (_what, content) => {
    const bytes = Buffer.from(content, 'latin1');
    const files = {
      entries: [{ ...file('x'), sizeBytes: bytes.length }],
      read: () => Readable.from([bytes]),
    };
    const asking = await AskingEngine.open(files, {}, new LevelChoice(() => performance.now()));
    const headers = { 'dir-name': 'context', 'grpc-accept-encoding': 'gzip' };
    const { packed, answers, status } = await asking.call(DIFF_COPY, headers, REQUEST_0, FINISHED);
    expect({ packed, status }).toEqual({ packed: 0, status: '0' });
    expect(Buffer.concat(answers).length).toBeGreaterThan(bytes.length);
  });

  it('ends compressing on a link that is quicker without', async () => {
    const piece = Buffer.from('all work and no play\n'.repeat(50_000));
    const files = {
      entries: [{ ...file('x'), sizeBytes: piece.length * 16 }],
      read: () => Readable.from(Array.from({ length: 16 }, () => piece)),
    };
    let readings = 0;
    let nowMs = 0;
    // Compressing takes a second each time; the link, and what is not compressed, none.
    const now = (): number => (readings++ % 3 === 1 && choice.level > 0 ? (nowMs += 1_000) : nowMs);
    const choice = new LevelChoice(now);
    const asking = await AskingEngine.open(files, {}, choice);
    const headers = { 'dir-name': 'context', 'grpc-accept-encoding': 'gzip' };
    const { packed, answers } = await asking.call(DIFF_COPY, headers, REQUEST_0, FINISHED);
    expect(packed).toBeGreaterThan(0);
    expect(packed).toBeLessThan(answers.length / 2);
    expect(Buffer.concat(answers).length).toBeGreaterThan(piece.length * 16);
  });

  it('has decided about .dockerignore itself', async () => {
    const asking = await AskingEngine.open();
    const headers = { 'dir-name': 'context', followpaths: '.dockerignore' };
    const { answers, status } = await asking.call(DIFF_COPY, headers, FINISHED);
    expect(received(answers).paths).toEqual([]);
    expect(status).toBe('0');
  });

  it.each([
    ['a folder', [request(1)]],
    ['what was never offered', [request(9)]],
    ['a file twice', [REQUEST_0, REQUEST_0]],
  ])('gives nothing away to an engine that asks for %s', async (_what, asked) => {
    const asking = await AskingEngine.open();
    const { status } = await asking.diffCopy('context', ...asked, FINISHED);
    expect(status).toBe('2');
    expect(asking.session.failure).toBeInstanceOf(Error);
  });

  it('leaves it to the build to say why the engine cannot take more, such as on a full disk', async () => {
    const asking = await AskingEngine.open();
    const { status } = await asking.diffCopy('context', REQUEST_0, ERROR);
    expect(status).toBe('2');
    expect(asking.session.failure).toBeUndefined();
  });

  it.each(['', '..', '/etc', 'home'])('has no folder named "%s"', async (name) => {
    const { status, answers } = await (await AskingEngine.open()).diffCopy(name, FINISHED);
    expect(status).toBe('5');
    expect(answers).toEqual([]);
  });

  it('says that it is alive, and that it knows no other service', async () => {
    const asking = await AskingEngine.open();
    const health = await asking.call('/grpc.health.v1.Health/Check', {}, '');
    expect(health.answers.map((answer) => answer.toString('hex'))).toEqual(['0801']);
    expect(await asking.call('/moby.buildkit.secrets.v1.Secrets/GetSecret', {}, '')).toMatchObject({
      status: '12',
      answers: [],
    });
  });

  it('keeps the error of a file that can not be read', async () => {
    const broken = new Error('no');
    const asking = await AskingEngine.open({
      entries: FILES.entries,
      // eslint would have it async; it fails before there is anything to wait for.
      read: () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(broken) }) }),
    });
    expect((await asking.diffCopy('context', REQUEST_0)).status).toBe('2');
    expect(asking.session.failure).toBe(broken);
  });

  it('answers with the login for a registry, and with none for any other', async () => {
    const login = { username: 'ann', password: 's3cret' };
    const hub = { identitytoken: 't0ken' };
    const credentials = { 'host:5000': login, 'https://index.docker.io/v1/': hub };
    const asking = await AskingEngine.open(FILES, credentials);
    const ask = async (host: string): Promise<string> => {
      const message = new Pbf();
      message.writeStringField(1, host);
      const asked = Buffer.from(message.finish()).toString('hex');
      const { answers } = await asking.call('/moby.filesync.v1.Auth/Credentials', {}, asked);
      return Buffer.concat(answers).toString('latin1');
    };
    expect(await ask('host:5000')).toBe('\n\x03ann\x12\x06s3cret');
    expect(await ask('registry-1.docker.io')).toBe('\x12\x05t0ken');
    expect(await ask('other')).toBe('');
    expect(await ask('constructor')).toBe('');
  });
});

describe('an engine that knows no sessions', () => {
  const files = Promise.resolve(FILES);
  const offer = { key: 'k', dockerfile: 'Dockerfile', credentials: {}, level: undefined, files };

  it.each<[string, Parameters<typeof engine>[0]]>([
    ['refuses', undefined],
    ['hangs up', (socket) => socket.destroy()],
    [
      'hangs up after the upgrade',
      (socket) => socket.end('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'),
    ],
  ])('is told from one that does when it %s', async (_how, upgraded) => {
    const http = await engine(upgraded);
    expect(await BuildSession.open(http, offer, () => undefined, undefined)).toBeUndefined();
  });

  it('is given up after a while when it says nothing after the upgrade, whatever was collected as garbage meanwhile', async () => {
    const http = await engine((socket) =>
      socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'),
    );
    const collecting = setInterval(collectGarbage, 500);
    opened.push(() => clearInterval(collecting));
    const { signal } = new AbortController();
    // Without it the frame of the function holds more than the function needs.
    setFlagsFromString('--always-turbofan');
    opened.push(() => setFlagsFromString('--no-always-turbofan'));
    expect(await BuildSession.open(http, offer, () => undefined, signal)).toBeUndefined();
  }, 15_000);

  it('is waited for no longer than the signal wants', async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    const http = await engine((socket) => {
      socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
      abort.abort(reason);
    });
    await expect(BuildSession.open(http, offer, () => undefined, abort.signal)).rejects.toBe(reason);
  });
});
