import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, ftruncateSync, mkdirSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VirtualDevice } from '../testbed/virtual-device.js';
import { HELLO, PushedApp } from './pushed-app.js';
import { peakMegabytes } from './until-stuck.js';

interface SyncedEvent {
  readonly type: string;
  readonly summary: { readonly bytes: number };
}

const isSynced = ({ type }: SyncedEvent): boolean => type === 'synced';

let device: VirtualDevice;
let app: PushedApp;

beforeAll(async () => {
  device = await VirtualDevice.up({ name: 'push-large', announce: false, images: ['busybox'] });
  app = new PushedApp(device, 'large-files', { ...HELLO, '.dockerignore': 'large\nmany\n' });
  await app.push();
});
afterAll(async () => {
  app[Symbol.dispose]();
  await device.down();
});

describe('a file that does not hold still', () => {
  /** Rewrites a file in place, all of it the same letter, until the push has ended. */
  async function whileWriting(path: string, sizeBytes: number, push: () => Promise<unknown>): Promise<void> {
    const script = `const fs = require('fs'); const fd = fs.openSync(process.argv[1], 'w');
      for (let n = 0; ; n++) { const b = Buffer.alloc(${sizeBytes}, 97 + n % 26);
        fs.ftruncateSync(fd, 0); for (let at = 0; at < b.length; at += 65536) fs.writeSync(fd, b, at, Math.min(65536, b.length - at), at); }`;
    const writer = spawn(process.execPath, ['-e', script, app.path(path)], { stdio: 'ignore' });
    try {
      await push();
    } finally {
      writer.kill('SIGKILL');
    }
  }

  for (const [what, sizeBytes] of [
    ['small', 100_000],
    ['large', 6 << 20],
  ] as const) {
    it(`is no failure, and is whole after the next push: a ${what} one`, async () => {
      await whileWriting(`${what}.moving`, sizeBytes, async () => {
        app.write('beside.txt', `sent with a ${what} one`);
        await app.push();
        expect(await app.exec('cat', 'beside.txt')).toBe(`sent with a ${what} one`);
      });
      app.write(`${what}.moving`, 'at rest');
      await app.push();
      await app.expectInStep();
    });
  }

  it('comes and goes without a failure', async () => {
    const busy = setInterval(() => {
      app.write('coming/and/going.txt', 'x');
      renameSync(app.path('coming'), app.path('gone'));
      app.remove('gone');
    }, 1);
    try {
      for (const n of [1, 2, 3]) {
        app.write('beside.txt', `time ${n}`);
        await app.push();
      }
    } finally {
      clearInterval(busy);
    }
    expect(await app.exec('cat', 'beside.txt')).toBe('time 3');
    await app.push();
    await app.expectInStep();
  });
});

describe('large and many', () => {
  it('a sparse file of 300 MB is sent, and a byte of it changed', async () => {
    const file = openSync(app.path('large'), 'w');
    ftruncateSync(file, 300 << 20);
    await app.push();
    writeSync(file, 'x', 200 << 20);
    closeSync(file);
    await app.push();
    const local = execFileSync('sha256sum', [app.path('large')])
      .toString()
      .slice(0, 64);
    expect(await app.exec('sha256sum', 'large')).toBe(`${local}  large`);
    app.remove('large');
    await app.push();
  });

  it('a sparse file of more than 4 GiB is sent whole, and held in memory piece by piece', async () => {
    const border = 2 ** 32;
    const file = openSync(app.path('large'), 'w');
    for (const at of [0, border - 8, border, border + 4088])
      writeSync(file, `${at}`.padStart(8, '_').slice(-8), at);
    closeSync(file);
    const push = app.startPush();
    await push.until(/sent 1 file \(4\.3 GB\)/);
    expect(peakMegabytes(push.child.pid ?? 0)).toBeLessThan(300);
    expect((await push.ended()).exitCode, push.stderr).toBe(0);
    expect(await app.exec('stat', '-c', '%s', 'large')).toBe(String(border + 4096));
    const marks = (skip: number, count: number): Promise<string> =>
      app.exec('sh', '-c', `dd if=large bs=4096 skip=${skip} count=${count} 2>/dev/null | tr -d '\\000'`);
    expect(await marks(0, 1)).toBe('_______0');
    expect(await marks(border / 4096 - 1, 2)).toBe('949672889496729694971384');
    app.remove('large');
    await app.push();
  }, 300_000);

  it('one that the image brought along is patched where it changes, and whole where it does not run', async () => {
    const bytes = randomBytes(20 << 20);
    app.write('data.bin', bytes);
    await app.push('--force-build');
    const change = async (at: number): Promise<number> => {
      bytes.writeUInt8(bytes.readUInt8(at) ^ 255, at);
      app.write('data.bin', bytes);
      const { stdout } = await app.push('--json', '--restart', 'none');
      await app.expectInStep();
      const events = stdout.split('\n').filter(Boolean);
      const synced = events.map((line) => JSON.parse(line) as SyncedEvent).find(isSynced);
      return synced?.summary.bytes ?? Number.NaN;
    };
    expect(await change(3 << 20)).toBeLessThanOrEqual(64 << 10);
    expect(await change(9 << 20)).toBeLessThanOrEqual(64 << 10);
    await app.docker('stop', '--time', '1', app.name);
    expect(await change(11 << 20)).toBe(bytes.length);
    app.remove('data.bin');
    await app.push();
  });

  it('50,000 files are sent, and one of them changed', async () => {
    for (let folder = 0; folder < 100; folder++) {
      mkdirSync(app.path(`many/${folder}`), { recursive: true });
      for (let file = 0; file < 500; file++)
        writeFileSync(app.path(`many/${folder}/${file}.txt`), `${folder} ${file}`);
    }
    await app.push();
    expect(await app.exec('sh', '-c', 'find many -type f | wc -l')).toBe('50000');
    app.write('many/99/499.txt', 'changed');
    const { stderr } = await app.push();
    expect(stderr).toContain('sent 1 file');
    expect(await app.exec('cat', 'many/99/499.txt')).toBe('changed');
  });

  it('50,000 files are built into an image, in little memory', async () => {
    app.write('.dockerignore', 'large\n');
    const push = app.startPush('--force-build');
    await push.until(/starting large-files/);
    expect(peakMegabytes(push.child.pid ?? 0)).toBeLessThan(300);
    expect((await push.ended()).exitCode, push.stderr).toBe(0);
    expect(await app.docker('run', '--rm', app.name, 'sh', '-c', 'find many -type f | wc -l')).toBe('50000');
  }, 300_000);
});
