import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ExitCode } from '../../src/errors.js';
import { encodeTarHeader } from '../../src/tar/tar-header.js';
import { EngineHttp } from '../../src/transport/docker/engine-http.js';
import { HttpEngine } from '../../src/transport/docker/http-engine.js';
import { TcpDialer } from '../../src/transport/docker/tcp-dialer.js';
import { VirtualDevice } from '../testbed/virtual-device.js';

const UNREACHABLE = { exitCode: ExitCode.unreachable };
/** Nothing may take longer to say that a device is dead. */
const LIMIT_MS = 3_000;
const PATIENCE = { pingMs: 500, lookUpMs: 500, workMs: 1_500 };

const elapsedMs = async (work: Promise<unknown>): Promise<number> => {
  const start = performance.now();
  await work;
  return performance.now() - start;
};

describe('an engine on TCP', () => {
  let device: VirtualDevice;
  let engine: HttpEngine;

  const engineAt = (host: string, port = 2375): HttpEngine =>
    new HttpEngine(new EngineHttp(new TcpDialer(host, port)), PATIENCE);

  beforeAll(async () => {
    device = await VirtualDevice.up({ name: 'faults', announce: false, images: ['busybox'] });
  });
  afterAll(async () => {
    await device.down();
  });
  beforeEach(async () => {
    engine = engineAt(device.address);
    // With ordinary patience: a busy machine takes longer than the tests' to remove or start a container.
    await using patient = new HttpEngine(new EngineHttp(new TcpDialer(device.address, 2375)));
    await patient.removeContainer('app', { removeAnonymousVolumes: true });
    const spec = {
      Image: 'busybox:latest',
      // An engine that was killed asks what still runs to end when it comes back, and waits 10 s for it.
      Cmd: ['sh', '-c', 'trap exit TERM; echo up; sleep 1000 & wait'],
      Labels: {},
      HostConfig: {},
    };
    await patient.createContainer('app', spec);
    await patient.startContainer('app');
  });
  afterEach(async () => {
    await engine[Symbol.asyncDispose]();
  });

  it('is reached over IPv6, also by a link-local address with its zone', async () => {
    for (const address of [device.ipv6, device.ipv6LinkLocal]) {
      await using other = engineAt(address);
      await other.ping();
    }
    await using withoutZone = engineAt(device.ipv6LinkLocal.replace(/%.*/, ''));
    await expect(withoutZone.ping()).rejects.toMatchObject(UNREACHABLE);
  });

  it('is not sshd, and a closed port is refused', async () => {
    await using sshd = engineAt(device.address, device.sshPort);
    await expect(sshd.ping()).rejects.toThrow('what answers there is not a container engine');
    await using closed = engineAt(device.address, 2999);
    await expect(closed.ping()).rejects.toThrow(/connection refused/);
  });

  it('that hangs is unreachable in time, for questions and in the middle of an upload', async () => {
    await device.pauseEngine();
    try {
      const failing = [
        expect(engine.ping()).rejects.toMatchObject(UNREACHABLE),
        expect(engine.inspectContainer('app')).rejects.toMatchObject(UNREACHABLE),
        expect(engine.putArchive('app', '/tmp', Buffer.alloc(5_000_000))).rejects.toMatchObject(UNREACHABLE),
        expect(engine.putArchive('app', '/tmp', endless())).rejects.toMatchObject(UNREACHABLE),
      ];
      expect(await elapsedMs(Promise.all(failing))).toBeLessThan(LIMIT_MS);
    } finally {
      await device.resumeEngine();
    }
    await engine.ping();
  });

  it('that dies cuts execs, logs, waits and uploads, and none of them is a success', async () => {
    const session = await engine.exec('app', { argv: ['sh', '-c', 'echo here; exec sleep 1000'] });
    const logs = await engine.logs('app', { follow: true, timestamps: false });
    await new Promise((resolve) => session.stdout.once('data', resolve));
    const failing = [
      expect(session.exitCode).rejects.toMatchObject(UNREACHABLE),
      expect(text(logs.stdout)).rejects.toMatchObject(UNREACHABLE),
      expect(engine.waitContainer('app', 'next-exit')).rejects.toMatchObject(UNREACHABLE),
      expect(engine.putArchive('app', '/tmp', endless())).rejects.toMatchObject(UNREACHABLE),
    ];
    await device.killEngine();
    try {
      await Promise.all(failing);
    } finally {
      await device.startEngine();
    }
    await engine.ping();
  });

  it('behind a pulled cable fails new connections in time', async () => {
    await device.unplug();
    try {
      await using other = engineAt(device.address);
      expect(await elapsedMs(expect(other.ping()).rejects.toMatchObject(UNREACHABLE))).toBeLessThan(LIMIT_MS);
      expect(await elapsedMs(expect(engine.ping()).rejects.toMatchObject(UNREACHABLE))).toBeLessThan(
        LIMIT_MS,
      );
    } finally {
      await device.plug();
    }
  });

  it('behind a pulled cable ends what only listens, after keep-alive has had its say', async () => {
    const { stdout, stderr } = await engine.logs('app', { follow: true, timestamps: false });
    stderr.resume();
    await device.unplug();
    try {
      await expect(text(stdout)).rejects.toMatchObject(UNREACHABLE);
    } finally {
      await device.plug();
    }
  });
});

/** One file again and again: engine 28 refuses at once what is no tar, and one endless file would fill the device's disk. */
const endless = (): Readable => {
  const content = Buffer.alloc(65_536, 'x');
  const header = encodeTarHeader({
    type: 'file',
    name: Buffer.from('endless'),
    linkTarget: Buffer.alloc(0),
    mode: 0o644,
    uid: 0,
    gid: 0,
    sizeBytes: content.length,
    mtimeSeconds: 0,
  });
  const file = Buffer.concat([header, content]);
  return new Readable({
    read() {
      this.push(file);
    },
  });
};
