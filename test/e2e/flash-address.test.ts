import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MIB } from '../unit/image-flash/test-image.js';
import { FlashFixture, holdsImage, IMAGE, INSIST, isUntouched, OLD } from './flash-fixture.js';
import { type LoopDrive, rdtFlash } from './flash-rig.js';
import { ImageServer } from './flash-server.js';

let fixture: FlashFixture;
let drive: LoopDrive;

beforeAll(() => {
  fixture = new FlashFixture();
  drive = fixture.drive;
});
afterAll(() => fixture[Symbol.dispose]());

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** The first 8 MiB and the last piece are mapped; what lies between stays as it is on the card. */
function bmapOfFirstBlocks(): string {
  const blocks = Math.ceil(IMAGE.length / 4096);
  const range = { first: 0, last: (8 * MIB) / 4096 - 1 };
  const sum = sha256(IMAGE.subarray(0, 8 * MIB));
  return `<?xml version="1.0" ?>
<bmap version="2.0"><ImageSize> ${IMAGE.length} </ImageSize><BlockSize> 4096 </BlockSize><BlocksCount> ${blocks} </BlocksCount>
<MappedBlocksCount> ${range.last + 1} </MappedBlocksCount><ChecksumType> sha256 </ChecksumType>
<BlockMap><Range chksum="${sum}"> ${range.first}-${range.last} </Range></BlockMap></bmap>`;
}

describe('beside an address', () => {
  it('nothing is needed: the image is asked for once, and flashed', async () => {
    drive.fill(OLD);
    await using server = await ImageServer.start(IMAGE);
    expect((await rdtFlash([server.url('os.img'), '-d', drive.path, ...INSIST])).exitCode).toBe(0);
    expect(server.ranges).toEqual([undefined]);
    expect(holdsImage(drive)).toBe(true);
  });

  it('a checksum is fetched, and what does not have it does not boot', async () => {
    await using good = await ImageServer.start(IMAGE, {
      beside: { 'os.img.sha256': `${sha256(IMAGE)}  os.img\n` },
    });
    expect((await rdtFlash([good.url('os.img'), '-d', drive.path, ...INSIST])).exitCode).toBe(0);
    await using bad = await ImageServer.start(IMAGE, { beside: { 'os.img.sha256': '0'.repeat(64) } });
    const { exitCode, stderr } = await rdtFlash([bad.url('os.img'), '-d', drive.path, ...INSIST]);
    expect(stderr).toMatch(/its SHA-256 is/);
    expect(exitCode).toBe(1);
  });

  it('a bmap is fetched, also the one that was made before packing', async () => {
    drive.fill(OLD);
    await using server = await ImageServer.start(readFileSync(fixture.packed('os.img.gz')), {
      beside: { 'os.img.bmap': bmapOfFirstBlocks() },
    });
    const { exitCode, stdout } = await rdtFlash([server.url('os.img.gz'), '-d', drive.path, ...INSIST]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/1 mapped range/);
    expect(drive.read(0, 8 * MIB).equals(IMAGE.subarray(0, 8 * MIB))).toBe(true);
    expect(drive.read(8 * MIB, MIB).every((byte) => byte === OLD)).toBe(true);
  });

  it('a web page that stands for everything missing is none of these', async () => {
    const page = '<!DOCTYPE html><html></html>';
    await using server = await ImageServer.start(IMAGE, {
      beside: { 'os.img.sha256': page, 'os.img.bmap': page },
    });
    const { stderr, exitCode } = await rdtFlash([server.url('os.img'), '-d', drive.path, ...INSIST]);
    expect(stderr).not.toMatch(/^(rdt:|failed)/m);
    expect(exitCode).toBe(0);
  });

  it('a server that does not answer is not waited for', { timeout: 60_000 }, async () => {
    await using server = await ImageServer.start(IMAGE, { silentBeside: true });
    expect((await rdtFlash([server.url('os.img'), '-d', drive.path, ...INSIST])).exitCode).toBe(0);
  });
});

/** Passes requests on and opens tunnels, and keeps what it was asked for. */
class Proxy implements AsyncDisposable {
  readonly asked: string[] = [];
  private readonly server: Server = createServer();
  private readonly sockets = new Set<Socket>();

  static async start(target: number): Promise<Proxy> {
    const proxy = new Proxy(target);
    proxy.server.listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    return proxy;
  }

  private constructor(private readonly target: number) {
    this.server.on('request', (request, response) => {
      this.keep(request);
      const { pathname } = new URL(request.url ?? '');
      response.writeHead(307, { location: `http://127.0.0.1:${this.target}${pathname}` }).end();
    });
    this.server.on('connect', (request, socket: Socket) => {
      this.keep(request);
      const tunnel = connect(this.target, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        socket.pipe(tunnel).pipe(socket);
      });
      for (const each of [socket, tunnel]) this.sockets.add(each.on('error', () => undefined));
    });
  }

  get url(): string {
    return `http://me:se%3Acret@127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private keep({ method, url, headers }: IncomingMessage): void {
    this.asked.push(`${method} ${url} ${headers['proxy-authorization'] ?? ''}`);
  }
}

const CREDENTIALS = `Basic ${Buffer.from('me:se:cret').toString('base64')}`;

/** An image behind TLS, for a name that only the proxy can reach. */
async function startTlsServer(): Promise<{ server: TlsServer; port: number; certificate: string }> {
  const [key, certificate] = [fixture.rig.path('key.pem'), fixture.rig.path('certificate.pem')];
  const subject = ['-subj', '/CN=images.invalid', '-addext', 'subjectAltName=DNS:images.invalid'];
  const files = ['-keyout', key, '-out', certificate];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...files, ...subject],
    {
      stdio: 'ignore',
    },
  );
  const server = createTlsServer(
    { key: readFileSync(key), cert: readFileSync(certificate) },
    (request, response) => {
      if (request.url === '/os.img') response.end(IMAGE);
      else response.writeHead(404).end();
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port, certificate };
}

describe('behind a proxy', () => {
  it('an http address is asked of the proxy by its whole name', async () => {
    await using images = await ImageServer.start(IMAGE);
    await using proxy = await Proxy.start(Number(new URL(images.url('')).port));
    drive.fill(OLD);
    const { exitCode, stderr } = await rdtFlash(
      ['http://images.invalid/os.img', '-d', drive.path, ...INSIST],
      {
        env: { http_proxy: proxy.url, no_proxy: '127.0.0.1' },
      },
    );
    expect(stderr).not.toMatch(/^(rdt:|failed)/m);
    expect(exitCode).toBe(0);
    expect(holdsImage(drive)).toBe(true);
    expect(proxy.asked).toContain(`GET http://images.invalid/os.img ${CREDENTIALS}`);
  });

  it('an https address is reached through a tunnel, its certificate checked', async () => {
    const { server, port, certificate } = await startTlsServer();
    try {
      await using proxy = await Proxy.start(port);
      const flash = (env: Record<string, string>) =>
        rdtFlash(['https://images.invalid/os.img', '-d', drive.path, ...INSIST], {
          env: { HTTPS_PROXY: proxy.url, ...env },
        });
      drive.fill(OLD);
      expect((await flash({})).stderr).toMatch(/is not trusted \(self-signed certificate\)/);
      expect(isUntouched(drive)).toBe(true);
      const { exitCode } = await flash({ NODE_EXTRA_CA_CERTS: certificate });
      expect(exitCode).toBe(0);
      expect(holdsImage(drive)).toBe(true);
      expect(new Set(proxy.asked)).toEqual(new Set([`CONNECT images.invalid:443 ${CREDENTIALS}`]));
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
